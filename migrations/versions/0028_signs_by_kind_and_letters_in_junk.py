"""signs of visits by kind, letters in Junk and letters to one address, each read from an index of its own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_intent_seen", table_name="intent")
    op.create_index("ix_intent_kind", "intent", ["site_id", "kind", "seen_at", "id", "visit_id"])
    op.create_index(
        "ix_message_junk",
        "message",
        ["site_id", "arrived_at", "id"],
        sqlite_where=sa.text("folder_kind = 'junk'"),
        postgresql_where=sa.text("folder_kind = 'junk'"),
    )
    op.create_index("ix_message_to", "message", ["site_id", "to_address", "arrived_at"])
