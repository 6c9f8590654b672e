"""large letters whose beginning is here"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_message_arriving",
        "message",
        ["site_id", "folder_id"],
        sqlite_where=sa.text("status = 'arriving'"),
        postgresql_where=sa.text("status = 'arriving'"),
    )
