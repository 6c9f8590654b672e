"""sums of what happened to letters sent from here"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    events = ("sent", "delivered", "opened", "clicked", "failed", "complained", "unsubscribed")
    op.create_table(
        "report_letter",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begin_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list", sa.String(length=100), nullable=False),
        *(sa.Column(event, sa.BigInteger(), nullable=False) for event in events),
        sa.PrimaryKeyConstraint("site_id", "begin_at", "list", name="pk_report_letter"),
    )
    op.execute("UPDATE report_span SET stale = true")  # they are counted once more, with these
