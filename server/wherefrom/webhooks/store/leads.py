"""Rows of ``lead``: the last sequence number given out for each lead and endpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import delete

from wherefrom.db import Tx, insert
from wherefrom.webhooks.tables import lead

LeadKey = tuple[int, int, str]
"""Site, endpoint, lead."""


async def take_numbers(tx: Tx, counts: Mapping[LeadKey, int]) -> dict[LeadKey, int]:
    """Gives out as many numbers as ``counts`` says for each lead; the first of them. They hold when ``tx`` commits."""
    if not counts:
        return {}
    # Sorted, so that two processes that number the same leads wait for each other and never in a circle.
    rows = [
        {"site_id": site_id, "endpoint_id": endpoint_id, "lead": name, "last": counts[site_id, endpoint_id, name]}
        for site_id, endpoint_id, name in sorted(counts)
    ]
    new = insert(tx, lead).values(rows)
    done = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[lead.c.site_id, lead.c.endpoint_id, lead.c.lead],
            set_={"last": lead.c.last + new.excluded.last},
        ).returning(lead.c.site_id, lead.c.endpoint_id, lead.c.lead, lead.c.last)
    )
    keys = {(row.site_id, row.endpoint_id, row.lead): row.last for row in done}
    return {key: last - counts[key] + 1 for key, last in keys.items()}


async def forget_leads(tx: Tx, site_id: int, endpoint_ids: Collection[int], names: Collection[str]) -> None:
    """Forgets how many numbers these leads were given for these endpoints; for leads that never get another letter."""
    mine = lead.c.site_id == site_id, lead.c.endpoint_id.in_(endpoint_ids), lead.c.lead.in_(names)
    await tx.execute(delete(lead).where(*mine))
