"""who may have written a letter, each with a share

Of letters matched before, only the answer is known with its confidence: that stands in for the shares.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "author",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("visit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("sign", sa.String(length=8), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "visit_id", "message_id", name=op.f("pk_author")),
    )
    op.create_index("ix_author_message", "author", ["site_id", "message_id"], unique=False)
    op.execute(
        "INSERT INTO author (site_id, visit_id, message_id, share, counts) "
        "SELECT site_id, visit_id, message_id, confidence, false FROM match WHERE visit_id IS NOT NULL"
    )
