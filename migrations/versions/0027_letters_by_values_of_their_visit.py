"""letters by values of their visit, for filters that few of them fit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_COLUMNS = (
    "utm_content", "utm_term", "utm_campaign", "marker", "city", "region", "utm_source", "utm_medium", "channel",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "trait",
        sa.Column("site_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "name", "value", "arrived_at", "message_id", name="pk_trait"),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    first = "json_extract(v.source_levels, '$[0]')" if is_sqlite else "v.source_levels::json ->> 0"
    for name, value in (*((one, f"v.{one}") for one in _COLUMNS), ("source", first)):
        op.execute(
            sa.text(
                "INSERT INTO trait (site_id, name, value, arrived_at, message_id)"  # noqa: S608 - constants
                f" SELECT m.site_id, '{name}', substr({value}, 1, 200), m.arrived_at, m.id FROM match AS f"
                " JOIN visit AS v ON v.site_id = f.site_id AND v.id = f.visit_id"
                " JOIN message AS m ON m.site_id = f.site_id AND m.id = f.message_id"
                f" WHERE {value} <> ''"
            )
        )
    op.create_index("ix_trait_message", "trait", ["site_id", "message_id"])
