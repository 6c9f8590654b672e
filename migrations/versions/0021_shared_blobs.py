"""letters and their files in the database, for hosts that share nothing else"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blob_piece",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "sha256", "number", name=op.f("pk_blob_piece")),
    )
    op.create_index(
        "ix_blob_piece_whole",
        "blob_piece",
        ["sha256"],
        sqlite_where=sa.text("number = 0"),
        postgresql_where=sa.text("number = 0"),
    )
