"""site options; visits that stand for a source"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("mode", sa.String(length=8), nullable=False, server_default="visits"))
    op.add_column("site", sa.Column("without_consent", sa.String(length=8), nullable=False, server_default="real"))
    op.add_column("site", sa.Column("off_paths", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("visit", sa.Column("kind", sa.String(length=8), nullable=False, server_default="visit"))
    op.add_column("visit", sa.Column("source_key", sa.String(length=64), nullable=True))
    op.create_index(
        "uq_visit_source",
        "visit",
        ["site_id", "source_key"],
        unique=True,
        sqlite_where=sa.text("source_key IS NOT NULL"),
        postgresql_where=sa.text("source_key IS NOT NULL"),
    )
