"""the first page of a visit in the visit's own row; those that are rows of their own stay what they are"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visit", sa.Column("landing_title", sa.Text(), nullable=True))
    op.add_column("visit", sa.Column("landing_referrer", sa.Text(), nullable=True))
