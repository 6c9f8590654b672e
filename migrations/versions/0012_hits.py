"""hits wait in a table of their own until they are judged"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hit",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("hint", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_hit")),
    )
    op.create_index("ix_hit_seen", "hit", ["seen_at"], unique=False)
    columns = "site_id, id, send_id, kind, number, seen_at, ip, agent, hint"
    op.execute(f"INSERT INTO hit ({columns}) SELECT {columns} FROM engagement WHERE judged_at IS NULL")  # noqa: S608
    op.execute("DELETE FROM engagement WHERE judged_at IS NULL")
    op.drop_index("ix_engagement_unjudged", "engagement")
    op.drop_column("engagement", "judged_at")
