"""endpoints with a breaker and a rate, letters numbered within their lead, deals with status and value"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("endpoint", sa.Column("status_at", sa.BigInteger(), nullable=True))
    op.add_column("endpoint", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("endpoint", sa.Column("quiet_until", sa.BigInteger(), nullable=True))
    op.add_column("endpoint", sa.Column("per_minute", sa.Integer(), nullable=True))
    op.add_column("delivery", sa.Column("lead", sa.String(length=40), server_default="", nullable=False))
    op.add_column("delivery", sa.Column("sequence", sa.Integer(), nullable=True))
    op.create_table(
        "lead",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lead", sa.String(length=40), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "endpoint_id", "lead", name=op.f("pk_lead")),
    )
    op.add_column("deal", sa.Column("status", sa.String(length=100), nullable=True))
    op.add_column("deal", sa.Column("value", sa.BigInteger(), nullable=True))
    op.add_column("deal", sa.Column("currency", sa.String(length=3), nullable=True))
