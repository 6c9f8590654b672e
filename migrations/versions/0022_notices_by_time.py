"""notices of a time with their sends, read from the index alone"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_send_notice_happened", "send_notice")
    op.create_index("ix_send_notice_happened", "send_notice", ["site_id", "status", "happened_at", "send_id"])
