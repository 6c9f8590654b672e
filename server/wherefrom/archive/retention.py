"""How long things are kept (``[retention]`` in the settings): what is older goes, a little at a time.

    letters       with match, files, deal, and all that was told of them
    visits        from which no letter came, with pages, signs, leases, and the count of their letters
    deliveries    that have ended, with their attempts
    events        that were handed on
    engagements   by machines; of those by persons, address and program

What an open delivery, an event that is still to be handed on, a letter, or an address that is lent or awaited needs is
passed over, however old it is. Nothing waits long: rows are looked for by transactions that only read, and each slice
is removed by a short one of its own, which looks once more.

Bytes belong to whoever names them, of any site, and the same bytes may come anew at any moment. So they go a day after
their last letter, when no row of any site names them, and only if nobody has stored them since
(``Blobs.remove_unused``). A backup that began before the letters went still finds them, if it takes less than that day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from wherefrom.archive import store
from wherefrom.db import Tx
from wherefrom.db.walk import Slice
from wherefrom.inbox.store.blobs import add_loose, list_used
from wherefrom.inbox.store.old_letters import find_old_letters, forget_letters
from wherefrom.inbox.store.old_visits import find_old_visits, forget_visits, list_awaited
from wherefrom.services import Services
from wherefrom.sites.store import list_sites
from wherefrom.tracking.store import find_old_engagements, forget_engagements
from wherefrom.vault.store import forget_blob
from wherefrom.webhooks.store.endpoints import list_endpoints
from wherefrom.webhooks.store.old import find_old_deliveries, find_old_events, forget_deliveries, forget_events

log = structlog.get_logger(__name__)

Find = Callable[[Tx, int, datetime, int, int], Awaitable[Slice]]
Forget = Callable[[Tx, int, list[int]], Awaitable[int]]

LOOSE = timedelta(days=1)
_SLICE = 200
_MOST = 100_000
"""Of each kind and site in one run: the other chores wait meanwhile."""


async def forget_old(services: Services) -> int:
    """Removes what is older than the settings say, of all sites; how many rows of what is named in the log."""
    async with services.db.read() as tx:
        sites = [one.id for one in await list_sites(tx)]
    gone = {name: sum([await step(services, one) for one in sites]) for name, step in _steps(services).items()}
    if any(gone.values()):
        log.info("retention: removed what is kept no longer", **gone)
    return sum(gone.values())


def _steps(services: Services) -> dict[str, Callable[[Services, int], Awaitable[int]]]:
    """What is to be done, in this order: letters before the visits they keep."""
    kept, now = services.settings.retention, services.clock.now()
    steps: dict[str, Callable[[Services, int], Awaitable[int]]] = {}

    def add(name: str, days: int, run: Callable[[Services, int, datetime], Awaitable[int]]) -> None:
        if days:
            steps[name] = lambda services, site_id: run(services, site_id, now - timedelta(days=days))

    add("letters", kept.letters_days, _forget_letters)
    add("visits", kept.visits_days, _forget_visits)
    add("deliveries", kept.deliveries_days, _of(find_old_deliveries, forget_deliveries))
    add("events", kept.events_days, _of(find_old_events, forget_events))
    add("engagements", kept.engagements_days, _of(find_old_engagements, forget_engagements))
    return steps


def _of(find: Find, forget: Forget) -> Callable[[Services, int, datetime], Awaitable[int]]:
    async def run(services: Services, site_id: int, before: datetime) -> int:
        gone, after = 0, 0
        while gone < _MOST:
            async with services.db.read() as tx:
                found = await find(tx, site_id, before, after, _SLICE)
            if found.ids:
                async with services.db.write() as tx:
                    await tx.lock("retention", site_id)
                    gone += await forget(tx, site_id, found.ids)
            if found.after is None:
                break
            after = found.after
        return gone

    return run


async def _forget_letters(services: Services, site_id: int, before: datetime) -> int:
    async def forget(tx: Tx, site_id: int, ids: list[int]) -> int:
        count, names = await forget_letters(tx, site_id, ids)
        await add_loose(tx, site_id, names, services.clock.now())
        return count

    return await _of(find_old_letters, forget)(services, site_id, before)


async def _forget_visits(services: Services, site_id: int, before: datetime) -> int:
    calm = min(before, services.clock.now() - timedelta(minutes=services.settings.substitution.cooldown_minutes))
    async with services.db.read() as tx:
        awaited = await list_awaited(tx, site_id)
        endpoints = [one.id for one in await list_endpoints(tx, site_id)]
    gone, after = 0, None
    while gone < _MOST:
        async with services.db.read() as tx:
            found = await find_old_visits(tx, site_id, before, calm, after, _SLICE)
        ids = [one for one in found.ids if one not in awaited]
        if ids:
            async with services.db.write() as tx:
                await tx.lock("retention", site_id)
                gone += await forget_visits(tx, site_id, ids, before, calm, endpoints)
        if found.after is None:
            break
        after = found.after
    return gone


async def remove_loose_blobs(services: Services) -> int:
    """Removes bytes that no letter names any more; how many files."""
    removed, before = 0, services.clock.now() - LOOSE
    while True:
        async with services.db.read() as tx:
            loose = await store.list_loose(tx, before, _SLICE)
            sites = [one.id for one in await list_sites(tx)]
            used = {site_id: await list_used(tx, site_id, [name for _, name in loose]) for site_id in sites}
        if not loose:
            break
        for site_id, name in loose:
            removed += await _remove_one(services, site_id, name, used, before)
    if removed:
        log.info("retention: removed files that no letter names any more", files=removed)
    return removed


async def _remove_one(services: Services, site_id: int, name: str, used: dict[int, set[str]], before: datetime) -> bool:
    needed = any(name in names for names in used.values())
    is_gone = not needed and await services.blobs.remove_unused(name, LOOSE)
    async with services.db.write() as tx:
        if needed or is_gone:
            await store.settle_loose(tx, site_id, [name], before)
        else:
            await store.put_off_loose(tx, site_id, [name], services.clock.now())
        if is_gone or (needed and name not in used.get(site_id, set())):
            await forget_blob(tx, site_id, name)
    return is_gone
