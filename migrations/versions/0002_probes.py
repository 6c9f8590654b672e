"""probes: letters to our own substitutes, and what they proved"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probe",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("substitute_id", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("returned_at", sa.BigInteger(), nullable=True),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_probe")),
    )
    op.create_index("ix_probe_target", "probe", ["site_id", "target_id", "id"], unique=False)
    with op.batch_alter_table("target") as target:
        target.add_column(sa.Column("proof", sa.String(length=8), nullable=False, server_default="none"))
        target.add_column(sa.Column("probe_at", sa.BigInteger(), nullable=True))
        target.add_column(sa.Column("probe_losses", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("substitute") as substitute:
        substitute.add_column(sa.Column("probe_at", sa.BigInteger(), nullable=True))
        substitute.add_column(sa.Column("probe_losses", sa.Integer(), nullable=False, server_default="0"))
