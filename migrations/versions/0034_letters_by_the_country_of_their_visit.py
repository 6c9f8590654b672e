"""letters by the country of their visit, its name and its code"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for value in (
        "CASE WHEN length(v.country) = 2 THEN upper(v.country) ELSE substr(v.country, 1, 200) END",
        "upper(v.country_code)",
    ):
        op.execute(
            sa.text(
                "INSERT INTO trait (site_id, name, value, arrived_at, message_id)"  # noqa: S608 - constants
                f" SELECT m.site_id, 'country', {value}, m.arrived_at, m.id FROM match AS f"
                " JOIN visit AS v ON v.site_id = f.site_id AND v.id = f.visit_id"
                " JOIN message AS m ON m.site_id = f.site_id AND m.id = f.message_id"
                f" WHERE {value} <> '' ON CONFLICT DO NOTHING"
            )
        )
