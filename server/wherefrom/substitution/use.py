"""Use case: how a target's substitutes were used, and how large a pool it needs (B01, B06)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from wherefrom.db import Tx
from wherefrom.services import Services
from wherefrom.substitution import sizing
from wherefrom.substitution.lease import SubstituteStatus, Terms
from wherefrom.substitution.sizing import Hour
from wherefrom.substitution.store import hours, shortages, substitutes, targets
from wherefrom.substitution.target import Target

MOST_DAYS = 31
_KEPT = timedelta(days=MOST_DAYS + 1)
_FORGET_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class PoolUse:
    """From ``begin`` to ``end``. ``peak``: the most addresses wanted at one moment, those included that were not to be
    had; ``advised`` the size that serves it. ``refused`` and ``shared`` count visits that found nothing free.
    ``counts``: the pool now, empty for another strategy."""

    target: Target
    begin: datetime
    end: datetime
    counts: dict[SubstituteStatus, int]
    peak: int
    advised: int
    refused: int
    shared: int
    hours: tuple[Hour, ...]

    @property
    def size(self) -> int:
        """How many addresses take part in lending now."""
        lent = (SubstituteStatus.FREE, SubstituteStatus.LEASED, SubstituteStatus.COOLING)
        return sum(self.counts.get(status, 0) for status in lent)

    @property
    def is_tight(self) -> bool:
        """Whether it ran short, or came so near it that the next busy hour will."""
        return bool(self.refused or self.shared) or self.peak > sizing.FULL * self.size


async def find_pool_use(services: Services, site_id: int, target_id: int, days: int = sizing.DAYS) -> PoolUse:
    """Of any target: for one with codes it says how large a pool would have to be. NotFound."""
    now, terms = services.clock.now(), Terms.of(services.settings)
    async with services.db.read() as tx:
        target = await targets.get_target(tx, site_id, target_id)
        counts: dict[SubstituteStatus, int] = {}
        if target.strategy == "pool":
            counts = (await substitutes.count_pool(tx, site_id, now, terms.cool_before(now))).get(target_id, {})
        return await read_pool_use(tx, services, target, counts, days)


async def read_pool_use(
    tx: Tx, services: Services, target: Target, counts: dict[SubstituteStatus, int], days: int = sizing.DAYS
) -> PoolUse:
    """The same with what is known already: the target, and how many of its addresses are what now."""
    end = sizing.floor_hour(services.clock.now()) + sizing.HOUR
    begin, hold = end - timedelta(days=days), Terms.of(services.settings).hold
    asked = await shortages.list_shortages(tx, target.site_id, target.id, begin - hold, end)
    peaks = await _list_peaks(tx, target, begin, end, (asked, hold))
    short = [one for one in asked if one.at >= begin]
    peak = max(wanted for _, wanted in peaks.values())
    return PoolUse(
        target=target, begin=begin, end=end, counts=counts, peak=peak, advised=sizing.advise(peak),
        refused=len({one.visit_id for one in short if not one.shared}),
        shared=len({one.visit_id for one in short if one.shared}),
        hours=tuple(sizing.by_hour({at: out for at, (out, _) in peaks.items()}, short)),
    )  # fmt: skip


async def _list_peaks(
    tx: Tx, target: Target, begin: datetime, end: datetime, asked: tuple[list[sizing.Shortage], timedelta]
) -> dict[datetime, tuple[int, int]]:
    """Of each hour the most addresses out, and wanted: as counted before, and else from the leases."""
    short, hold = asked
    found: dict[datetime, tuple[int, int]] = {}
    if target.strategy == "pool":
        for one in await hours.list_hours(tx, target.site_id, target.id, begin, end):
            if one.counted and one.hold_minutes == hold // timedelta(minutes=1):
                found[one.begin] = one.peak, one.wanted
    missing = [at for at in sizing.list_hours(begin, end) if at not in found]
    while missing:
        first = missing[0]
        count = next((n for n, at in enumerate(missing) if at != first + n * sizing.HOUR), len(missing))
        last, missing = missing[count - 1] + sizing.HOUR, missing[count:]
        spans = await shortages.list_spans(tx, target.site_id, target.id, first, last)
        wanted = sizing.list_peaks(sizing.demand(spans, short, hold), first, last)
        pairs = zip(sizing.list_peaks(spans, first, last), wanted, strict=True)
        found |= dict(zip(sizing.list_hours(first, last), pairs, strict=True))
    return found


async def forget_shortages(services: Services) -> int:
    """Removes what no report reaches back to; how many rows."""
    async with services.db.write() as tx:
        return await shortages.forget_shortages(tx, services.clock.now() - _KEPT, _FORGET_AT_ONCE)
