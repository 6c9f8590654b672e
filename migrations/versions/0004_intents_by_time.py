"""intents by time: what the report of lost mail goes by"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_intent_seen", "intent", ["site_id", "seen_at"], unique=False)
