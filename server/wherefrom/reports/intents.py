"""Counts what visits did with addresses, hour by hour, so that a report on lost mail need not look at all of it.

    an hour ended a while ago ─▶ begun ─a minute later─▶ counted, unless somebody forgot it meanwhile
                                   ▲                         │
                                   └──── forgotten ◀─────────┴── a letter of one of its visits came, was corrected or
                                                                 is gone; one of its visits is gone

A visit counts once for each kind, when it first did so: so hours add up, like everything that reports count.

What is done now belongs to an hour that is not over. Who changes what an earlier one had forgets it in the same
transaction (``visits.hours_store.forget_hours_of``); a transaction that did so before the hour was begun has ended when
it is counted. So what is counted equals a count of the rows at any moment. By hours for good, not by days: letters come
for days after, and each has its hour counted once more. A clock that goes back by more than ``SETTLED`` leaves an hour
short, unless its time is set right by the command for that.

Safe to run in several processes: of two that count the same hour both find the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from wherefrom.db import Tx
from wherefrom.events.late_store import SETTLED
from wherefrom.reports.store.intents import count_deeds
from wherefrom.services import Services
from wherefrom.sites.each import for_each_site
from wherefrom.sites.site import Site
from wherefrom.substitution.sizing import HOUR, floor_hour
from wherefrom.substitution.sizing import list_hours as hours_between
from wherefrom.visits import hours_store as hours
from wherefrom.visits.hours_store import Deeds, IntentHour

REST = timedelta(minutes=1)
"""Longer than any transaction lasts."""

KEPT = timedelta(days=400)
"""Longer than the longest report. What was before is counted from the rows."""

_BEGUN_AT_ONCE, _COUNTED_AT_ONCE = 1_000, 7 * 24
_MOST_GAPS = 20
"""More than that are dearer than to count everything."""


class IntentHours:
    """``step`` is a worker's."""

    def __init__(self, services: Services, rest: timedelta = REST) -> None:
        self._services = services
        self._rest = rest

    async def step(self) -> bool:
        """Does one piece of work for each site; whether there was any."""
        return await for_each_site(self._services, self._step)

    async def _step(self, site: Site) -> bool:
        site_id, now = site.id, self._services.clock.now()
        end = floor_hour(now - SETTLED)
        async with self._services.db.read() as tx:
            first = await hours.find_first(tx, site_id)
            if first is None or first >= end:
                return False
            wanted = hours_between(max(floor_hour(first), end - KEPT), end)
            if await hours.count_counted(tx, site_id, wanted[0], end) == len(wanted):
                return False
            there = {one.begin: one for one in await hours.list_hours(tx, site_id, wanted[0], end)}
        missing = [at for at in reversed(wanted) if at not in there]
        if missing:
            await self._begin(site_id, missing[:_BEGUN_AT_ONCE], end)
            return True
        due = [one for one in there.values() if not one.counted and one.begun_at + self._rest <= now]
        if due:
            await self._count(site_id, _last_run(due))
        return bool(due)

    async def _begin(self, site_id: int, missing: Sequence[datetime], end: datetime) -> None:
        async with self._services.db.write() as tx:
            await hours.forget_before(tx, site_id, end - KEPT)
            await hours.begin_hours(tx, site_id, missing, self._services.clock.now())

    async def _count(self, site_id: int, due: Sequence[IntentHour]) -> None:
        async with self._services.db.read() as tx:
            found = await count_deeds(tx, site_id, due[0].begin, due[-1].begin + HOUR)
        async with self._services.db.write() as tx:
            await hours.settle_hours(tx, site_id, due, found)


def _last_run(due: Sequence[IntentHour]) -> Sequence[IntentHour]:
    """The last of them that follow one another without a gap, at most a week."""
    begin = len(due) - 1
    while begin > 0 and len(due) - begin < _COUNTED_AT_ONCE and due[begin - 1].begin + HOUR == due[begin].begin:
        begin -= 1
    return due[begin:]


async def sum_deeds(tx: Tx, site_id: int, begin: datetime, end: datetime) -> Deeds:
    """By kind: how many visits first did so from ``begin`` up to, not including, ``end``, and of how many of them there
    is a letter. All statements of ``tx`` must see the same moment."""
    first = floor_hour(begin + HOUR - timedelta(microseconds=1))
    last = max(first, floor_hour(end))
    counted = hours_between(first, last)
    if await hours.count_counted(tx, site_id, first, last) < len(counted):
        counted = [one.begin for one in await hours.list_hours(tx, site_id, first, last) if one.counted]
    gaps = list(_find_gaps(counted, begin, end))
    if len(gaps) > _MOST_GAPS:
        counted, gaps = [], [(begin, end)]
    parts = [await hours.sum_hours(tx, site_id, first, last)] if counted else []
    for gap in gaps:
        parts += (await count_deeds(tx, site_id, *gap)).values()
    return _add_up(parts)


def _find_gaps(counted: Sequence[datetime], begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What these hours, by their begin, leave of the time from ``begin`` to ``end``."""
    found, at = [], begin
    for hour in counted:
        if at < hour:
            found.append((at, hour))
        at = hour + HOUR
    return [*found, (at, end)] if at < end else found


def _add_up(parts: Sequence[Deeds]) -> Deeds:
    found: Deeds = {}
    for part in parts:
        for kind, (visits, written) in part.items():
            known = found.get(kind, (0, 0))
            found[kind] = known[0] + visits, known[1] + written
    return found
