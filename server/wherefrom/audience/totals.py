"""Totals over time (feature J03): letters sent, delivered, opened … in each hour, day, week or month of the site's.

Each letter counts once for each thing, when it first happened. Sums go back when a verdict does (``outbound.judge``),
and stay as they are when a person is erased: what is left of their letters names nobody. Days that are over come from
sums (``reports.rollup``), where they lie in one step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from wherefrom.errors import BadInput
from wherefrom.outbound.milestone import EVENTS, Event
from wherefrom.reports.cover import Span
from wherefrom.reports.sources import find_cover
from wherefrom.reports.store.letters import Counted, count_letters, sum_letters
from wherefrom.reports.store.spans import hold_still
from wherefrom.services import Services
from wherefrom.sites.days import Step, boundaries, floor

MOST_STEPS = 750
USUAL: dict[Step, timedelta] = {
    "hour": timedelta(days=2),
    "day": timedelta(days=30),
    "week": timedelta(days=26 * 7),
    "month": timedelta(days=365),
}
"""How far back totals go when no begin is named."""

_SHORTEST: dict[Step, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(hours=23),
    "week": timedelta(days=7) - timedelta(hours=1),
    "month": timedelta(days=28) - timedelta(hours=1),
}


class Total(Struct, frozen=True):
    """One hour, day, week or month, which begins at ``begin``, and its counts by event."""

    begin: datetime
    counts: dict[Event, int]


class Totals(Struct, frozen=True):
    """From ``begin`` up to, not including, ``end``. Every step is there, also where nothing happened; the first and the
    last may be cut by the span's ends."""

    begin: datetime
    end: datetime
    step: Step
    zone: ZoneInfo
    steps: tuple[Total, ...]

    @property
    def sums(self) -> dict[Event, int]:
        return {event: sum(one.counts[event] for one in self.steps) for event in EVENTS}


async def count_totals(
    services: Services,
    site_id: int,
    zone: ZoneInfo,
    step: Step,
    begin: datetime | None = None,
    end: datetime | None = None,
    list_: str | None = None,
) -> Totals:
    """Up to now and as far back as is usual, unless said otherwise. BadInput for a span that ends before it begins, or
    has too many steps."""
    end = end or services.clock.now()
    begin = begin or floor(end - USUAL[step], step, zone)
    if begin >= end:
        raise BadInput("the period ends before it begins", hint="name an earlier begin", field="date_from")
    if (end - begin) / _SHORTEST[step] > MOST_STEPS:
        raise BadInput(
            f"the period has more than {MOST_STEPS} steps of a{'n' if step == 'hour' else ''} {step}",
            hint="ask for a shorter period, or for longer steps",
            field="step",
        )
    begins = tuple(boundaries(begin, end, step, zone))
    async with services.db.read() as tx:
        await hold_still(tx)
        used, gaps = await find_cover(tx, site_id, begin, end, lambda span: _is_in_one_step(span, begins))
        parts = [await sum_letters(tx, site_id, used, list_)] if used else []
        parts += [await count_letters(tx, site_id, gap.begin, gap.end, list_) for gap in gaps]
    return Totals(begin, end, step, zone, fold(parts, begins))


def _is_in_one_step(span: Span, begins: tuple[datetime, ...]) -> bool:
    place = bisect_right(begins, span.begin)
    return place == len(begins) or span.end <= begins[place]


def fold(parts: Iterable[Counted], begins: tuple[datetime, ...]) -> tuple[Total, ...]:
    """The counts of shorter times as those of the steps that begin then."""
    steps = [dict.fromkeys(EVENTS, 0) for _ in begins]
    for counted in parts:
        for event, found in counted.items():
            for at, count in found:
                steps[max(bisect_right(begins, at) - 1, 0)][event] += count
    return tuple(Total(begin, counts) for begin, counts in zip(begins, steps, strict=True))
