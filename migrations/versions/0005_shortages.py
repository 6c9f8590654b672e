"""shortages: when a pool had nothing free"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shortage",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("visit_id", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_shortage")),
    )
    op.create_index("ix_shortage_target", "shortage", ["site_id", "target_id", "at"], unique=False)
    op.create_index("ix_shortage_at", "shortage", ["at"], unique=False)
    op.create_index("ix_lease_target", "lease", ["site_id", "target_id", "expires_at"], unique=False)
