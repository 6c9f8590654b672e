"""old mail found by its mailbox, without a walk over a site's letters"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_message_historic",
        "message",
        ["site_id", "mailbox_id", "arrived_at", "id"],
        sqlite_where=sa.text("historic = 1"),
        postgresql_where=sa.text("historic"),
    )
