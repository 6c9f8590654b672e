"""Keeps the sums that reports are made of: of each day that is over, and of the hours of the day that is not.

    late_change ─▶ settle: spans they touch are stale, ``settled`` + 1, the changes are forgotten       one write
    a span that is missing or stale ─▶ count its rows in a transaction that only reads
                                    ─▶ write the sums, unless ``settled`` is another than when it was counted

Rows that are written now belong to the hour that is not over, or has just ended (``SETTLED``): there are no sums of it.
What changes of earlier ones is told in ``late_change`` by the transaction that changes it. So a change that is not in
the counts is told after they were begun, and either is still there, or was taken note of and ``settled`` grew. A clock
that goes back by more than ``SETTLED`` leaves an hour's sums short until its day is over, and is counted as a whole.

Safe to run in several processes: of two that count the same the second replaces what the first wrote by the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from wherefrom.db import Tx
from wherefrom.events.late_store import SETTLED, forget_changes, list_changes
from wherefrom.reports.counts import ALL, DIMENSIONS, Folded, fold
from wherefrom.reports.cover import Span, find_work
from wherefrom.reports.store import spans
from wherefrom.reports.store.letters import count_lists, replace_letters
from wherefrom.reports.store.rows import count_rows
from wherefrom.services import Services
from wherefrom.sites.days import floor
from wherefrom.sites.each import for_each_site
from wherefrom.sites.site import Site

log = structlog.get_logger(__name__)

MOST_CHANGES = 2_000
"""Taken note of at once."""

_LOOK_BACK = timedelta(days=3)


class Rollup:
    """``step`` is a worker's. Remembers of each site up to where all is done, so as not to look through years."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._done: dict[int, datetime] = {}

    async def step(self) -> bool:
        """Does one piece of work for each site; whether there was any."""
        return await for_each_site(self._services, self._step)

    async def _step(self, site: Site) -> bool:
        if await settle(self._services, site.id):
            self._done.pop(site.id, None)
            return True
        span = await self._find(site)
        if span is None:
            return False
        await make_sums(self._services, site.id, span)
        return True

    async def _find(self, site: Site) -> Span | None:
        """What to do next, the newest first."""
        zone, closed = ZoneInfo(site.zone), self._services.clock.now() - SETTLED
        closed = floor(closed, "hour", zone)
        async with self._services.db.read() as tx:
            for stale in await spans.list_stale(tx, site.id, 1):
                return stale
            first = self._done.get(site.id) or await spans.find_first(tx, site.id)
            if first is None or first >= closed:
                return None
            known = await spans.list_spans(tx, site.id, first - _LOOK_BACK, closed)
        span = next(find_work(known, first, closed, zone), None)
        if span is None:
            self._done[site.id] = closed - _LOOK_BACK
        return span


async def settle(services: Services, site_id: int) -> bool:
    """Takes note of what has changed; whether anything had."""
    async with services.db.read() as tx:
        if not await list_changes(tx, site_id, 1):
            return False
    async with services.db.write() as tx:
        await tx.lock("report", site_id)
        changes = await list_changes(tx, site_id, MOST_CHANGES)
        await spans.mark_stale(
            tx, site_id, await find_touched(tx, site_id, await spans.list_changed(tx, site_id, changes))
        )
        await spans.mark_settled(tx, site_id)
        await forget_changes(tx, site_id, [one.id for one in changes])
    return True


async def find_touched(tx: Tx, site_id: int, changed: Sequence[Span]) -> list[Span]:
    """The spans in which something has changed."""
    if not changed:
        return []
    last = max(one.end for one in changed) + timedelta(milliseconds=1)
    known = await spans.list_spans(tx, site_id, min(one.begin for one in changed), last)
    return [one for one in known if is_touched(one, changed)]


def is_touched(span: Span, changed: Iterable[Span]) -> bool:
    """Whether a change lies in the span. The ends of changes count in."""
    return any(one.begin < span.end and span.begin <= one.end for one in changed)


async def make_sums(services: Services, site_id: int, span: Span) -> bool:
    """Counts a span that is over and keeps the sums; False when something changed meanwhile, and nothing is kept."""
    async with services.db.read() as tx:
        await spans.hold_still(tx)
        settled = await spans.count_settled(tx, site_id)
        counted = list(await count_rows(tx, site_id, span.begin, span.end))
        letters = await count_lists(tx, site_id, span.begin, span.end)
    folded: dict[str, Folded] = {dimension: fold(counted, dimension) for dimension in (ALL, *DIMENSIONS)}
    async with services.db.write() as tx:
        await tx.lock("report", site_id)
        if await spans.count_settled(tx, site_id) != settled:
            return False
        there = await spans.list_spans(tx, site_id, span.begin, span.end)
        if not all(span.holds(one) for one in there):
            return False
        await spans.replace_sums(tx, site_id, span, folded)
        await replace_letters(tx, site_id, span, letters)
    return True
