"""where each folder stands: old mail, what the server told last, full checks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TOLD = ("uidnext", "letters", "highestmodseq", "backlog_end")
_COUNTS = ("counted_uid", "floor_uid", "backlog_uid", "backlog_letters", "backlog_read")


def upgrade() -> None:
    for name in ("begun_at", "counted_at", *_TOLD):
        op.add_column("folder", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in _COUNTS:
        op.add_column("folder", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    # What was read before this revision is not counted again.
    op.execute("UPDATE folder SET counted_uid = last_uid, floor_uid = last_uid")
    op.add_column("message", sa.Column("historic", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.drop_index("ix_message_stored", table_name="message")
    op.create_index(
        "ix_message_stored",
        "message",
        ["historic", "id"],
        sqlite_where=sa.text("status = 'stored'"),
        postgresql_where=sa.text("status = 'stored'"),
    )
