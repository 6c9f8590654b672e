"""how many visits first clicked, copied or selected an address in each hour that is over, and wrote"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kinds = ("mailto", "copy", "select")
    op.create_table(
        "intent_hour",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begin_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        *(
            sa.Column(f"{kind}_{what}", sa.BigInteger(), nullable=False)
            for kind in kinds
            for what in ("visits", "written")
        ),
        sa.PrimaryKeyConstraint("site_id", "begin_at", name="pk_intent_hour"),
    )
