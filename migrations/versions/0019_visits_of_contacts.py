"""visits that came by letters to contacts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visit", sa.Column("contact_id", sa.BigInteger(), nullable=True))
    op.add_column("visit", sa.Column("send_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_visit_contact",
        "visit",
        ["site_id", "contact_id"],
        unique=False,
        sqlite_where=sa.text("contact_id IS NOT NULL"),
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
