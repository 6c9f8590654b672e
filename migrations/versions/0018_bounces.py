"""bounces; who suppressed an address; each reason of its own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bounce",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("send_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("weight", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("proof", sa.String(length=16), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "id", name=op.f("pk_bounce")),
    )
    op.create_index("ix_bounce_email", "bounce", ["site_id", "email", "id"], unique=False)
    op.create_index("ix_bounce_send", "bounce", ["site_id", "send_id"], unique=False)
    op.add_column("suppression", sa.Column("created_by", sa.String(length=80), nullable=False, server_default=""))
    op.drop_index("uq_suppression_active", table_name="suppression")
    op.create_index(
        "uq_suppression_active",
        "suppression",
        ["site_id", "email", "scope", "reason"],
        unique=True,
        sqlite_where=sa.text("undone_at IS NULL"),
        postgresql_where=sa.text("undone_at IS NULL"),
    )
