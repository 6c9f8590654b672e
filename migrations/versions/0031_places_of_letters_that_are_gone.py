"""places of letters that were removed while a full check may still look for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ("site_id", "folder_id", "uidvalidity", "uid")
    op.create_table(
        "gone_letter",
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in columns),
        sa.PrimaryKeyConstraint(*columns, name="pk_gone_letter"),
    )
