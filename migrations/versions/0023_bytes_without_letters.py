"""bytes that may have lost their last letter, and attachments by their bytes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loose_blob",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("loose_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "sha256", name="pk_loose_blob"),
    )
    op.create_index("ix_loose_blob_at", "loose_blob", ["loose_at"])
    op.create_index("ix_attachment_sha256", "attachment", ["site_id", "sha256"])
