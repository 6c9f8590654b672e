"""the places of a part's letters as they are, of which PostgreSQL reads a few without the rest; small parts stay until
they are joined"""

from __future__ import annotations

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE search_part ALTER COLUMN places SET STORAGE EXTERNAL")
