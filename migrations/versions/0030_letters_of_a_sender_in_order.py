"""letters of one sender in the order of the history"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_message_from", table_name="message")
    op.create_index("ix_message_from", "message", ["site_id", "from_address", "arrived_at", "id"])
