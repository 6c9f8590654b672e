"""letters by what stands in them: parts of an index, and the letters that are in none yet"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_part",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("oldest_at", sa.BigInteger(), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name="pk_search_part"),
    )
    op.create_index("ix_search_part_newest", "search_part", ["site_id", "newest_at"])
    op.create_table(
        "search_gram",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("part_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gram", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("letters", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "part_id", "gram", name="pk_search_gram"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_fresh",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "arrived_at", "message_id", name="pk_search_fresh"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO search_fresh (site_id, arrived_at, message_id)"
        " SELECT site_id, arrived_at, id FROM message WHERE status IN ('sorted', 'unreadable')"
        " ORDER BY site_id, arrived_at, id"
    )
