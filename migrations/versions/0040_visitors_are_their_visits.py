"""a browser has no row of its own: whose a visit is, which was the first, and the last source stand in the visits"""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("visitor")
