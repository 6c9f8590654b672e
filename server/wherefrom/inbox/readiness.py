"""How many of those who held an address did what with it: the other half of "how often does a letter follow?"

Letters are counted as they come (``substitution.settle``); the leases, most of which no letter follows, by this chore:
each lease of a pool once, by its strongest sign, when it is old enough that most of what its visit does has been done.
"""

from __future__ import annotations

from datetime import timedelta

from wherefrom.inbox.store.intents import count_strongest
from wherefrom.services import Services
from wherefrom.substitution.store import list_pool_sites
from wherefrom.substitution.store.habits import claim_tally, set_tally

SETTLED = timedelta(hours=1)
"""Since a lease began. A sign that comes later is not counted: its letter then makes such signs look a little more
telling than they are."""

_AT_ONCE = 2_000


async def count_leases(services: Services) -> int:
    """Counts the leases that have settled, on all sites; how many. Each write is short, and a site whose tally somebody
    else is writing waits for the next time."""
    async with services.db.read() as tx:
        sites = await list_pool_sites(tx)
    return sum([await _count_site(services, site_id) for site_id in sites])


async def _count_site(services: Services, site_id: int) -> int:
    counted, found = 0, _AT_ONCE
    while found == _AT_ONCE:
        found = await _count_some(services, site_id)
        counted += found
    return counted


async def _count_some(services: Services, site_id: int) -> int:
    now = services.clock.now()
    async with services.db.write() as tx:
        claimed = await claim_tally(tx, site_id)
        if claimed is None:
            return 0
        tally, counted_to = claimed
        counts, last = await count_strongest(tx, site_id, counted_to, now - SETTLED, _AT_ONCE)
        if last is None:
            return 0
        tally.fade(now)
        tally.add_leases(counts)
        await set_tally(tx, site_id, tally, last)
        return sum(counts.values())
