"""letters of one list counted over time from indices alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_send_list", "send")
    op.create_index("ix_send_list", "send", ["site_id", "list", "id"])
    op.drop_index("ix_send_created", "send")
    op.create_index("ix_send_created", "send", ["site_id", "created_at", "list"])
    for name in ("opened", "clicked"):
        some = sa.text(f"{name}_at IS NOT NULL")
        op.drop_index(f"ix_send_{name}", "send")
        op.create_index(
            f"ix_send_{name}", "send", ["site_id", f"{name}_at", "list"], sqlite_where=some, postgresql_where=some
        )
