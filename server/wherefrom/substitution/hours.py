"""Counts a pool's hours that are over, so that the size it should have is told without looking at all its leases.

    an hour ended a while ago ─▶ begun ─a minute later─▶ counted, unless somebody forgot it meanwhile
                                   ▲                         │
                                   └──── forgotten ◀─────────┴── a lease that was over holds on again, or is removed

What is lent now belongs to an hour that is not over. Who changes what an earlier one had forgets the hour in the same
transaction (``store.hours.forget_hours``); a transaction that did so before the hour was begun has ended when it is
counted. So what is counted equals a count of the leases at any moment. An hour in which addresses with codes were out
as well, of before the target had a pool, is left alone: these hold on more often.

Safe to run in several processes: of two that begin the same hour the later one counts it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from wherefrom.events.late_store import SETTLED
from wherefrom.services import Services
from wherefrom.sites.each import for_each
from wherefrom.substitution import sizing
from wherefrom.substitution.lease import Terms
from wherefrom.substitution.sizing import HOUR
from wherefrom.substitution.store import hours, shortages, targets
from wherefrom.substitution.store.hours import PoolHour
from wherefrom.substitution.target import Target

REST = timedelta(minutes=1)
"""Longer than any transaction lasts."""

_AT_ONCE = 12
_KEPT = timedelta(days=32)
"""No report on a pool reaches back so far."""


class PoolHours:
    """``step`` is a worker's."""

    def __init__(self, services: Services, rest: timedelta = REST) -> None:
        self._services = services
        self._rest = rest

    async def step(self) -> bool:
        """Does one piece of work for each pool; whether there was any."""
        async with self._services.db.read() as tx:
            sites = await targets.list_pool_sites(tx)
            pools = [one for site in sites for one in await targets.list_targets(tx, site) if one.strategy == "pool"]
        return await for_each(pools, self._step, lambda one: one.site_id)

    async def _step(self, pool: Target) -> bool:
        site_id, target_id = pool.site_id, pool.id
        now, hold = self._services.clock.now(), Terms.of(self._services.settings).hold
        end = sizing.floor_hour(now - SETTLED)
        begin = end - timedelta(days=sizing.DAYS)
        async with self._services.db.read() as tx:
            there = {one.begin: one for one in await hours.list_hours(tx, site_id, target_id, begin, end)}
        minutes = hold // timedelta(minutes=1)
        missing = [at for at in sizing.list_hours(begin, end) if at not in there or there[at].hold_minutes != minutes]
        if missing:
            return await self._begin(site_id, target_id, missing, minutes)
        due = [one for one in there.values() if not one.counted and one.begun_at + self._rest <= now]
        return bool(due) and await self._count(site_id, target_id, due[-_AT_ONCE:], hold)

    async def _begin(self, site_id: int, target_id: int, missing: list[datetime], minutes: int) -> bool:
        async with self._services.db.write() as tx:
            await hours.forget_hours(tx, site_id, target_id, missing[-1] - _KEPT - _KEPT, missing[-1] - _KEPT)
            await hours.begin_hours(tx, site_id, target_id, missing, minutes, self._services.clock.now())
        return True

    async def _count(self, site_id: int, target_id: int, due: list[PoolHour], hold: timedelta) -> bool:
        begin, end = due[0].begin, due[-1].begin + HOUR
        async with self._services.db.read() as tx:
            if await shortages.is_any_coded(tx, site_id, target_id, begin, end):
                return False
            out = await shortages.list_spans(tx, site_id, target_id, begin, end)
            short = await shortages.list_shortages(tx, site_id, target_id, begin - hold, end)
        wanted = sizing.list_peaks(sizing.demand(out, short, hold), begin, end)
        found = zip(sizing.list_hours(begin, end), sizing.list_peaks(out, begin, end), wanted, strict=True)
        async with self._services.db.write() as tx:
            await hours.settle_hours(tx, site_id, target_id, due, {at: (peak, most) for at, peak, most in found})
        return True
