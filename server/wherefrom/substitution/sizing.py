"""How large a pool should be, from how it was used: pure.

    demand     one span for each lease, from its beginning to its end, and one for each visit that found nothing free,
               as long as a lease lasts without a further sign of life
    peak       the most spans at one moment
    advice     the peak and a quarter more, and never fewer than four

A pool that never ran short shows its true peak; one that did shows what it would have been.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = 3
HEAD_ROOM = 1.25
LEAST = 4
FULL = 0.75
"""Above this share of its addresses out at one time a pool is told to be tight."""

HOUR = timedelta(hours=1)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Shortage:
    """A pool had nothing free for a visit. ``shared``: an address that was held was lent again; else the real one was
    shown."""

    visit_id: int
    at: datetime
    shared: bool


@dataclass(frozen=True, slots=True)
class Hour:
    """``peak``: the most addresses out at one moment of it. ``refused``, ``shared``: how often nothing was free."""

    begin: datetime
    peak: int
    refused: int
    shared: int


def demand(spans: Iterable[Span], shortages: Iterable[Shortage], hold: timedelta) -> list[Span]:
    """Leases, and what visits that went away empty-handed would have held: one span a visit for as long as it asked."""
    asked: dict[int, Span] = {}
    for one in shortages:
        begin, _ = asked.get(one.visit_id, (one.at, one.at))
        asked[one.visit_id] = (min(begin, one.at), one.at + hold)
    return [*spans, *asked.values()]


def find_peak(spans: Iterable[Span]) -> int:
    """The most spans at one moment; one that ends as another begins does not meet it."""
    steps = sorted(
        (moment, change) for begin, end in spans for moment, change in ((begin, 1), (end, -1)) if begin < end
    )
    out = peak = 0
    for _, change in steps:
        out += change
        peak = max(peak, out)
    return peak


def advise(peak: int) -> int:
    """The size for a pool whose demand peaked at ``peak``."""
    return max(LEAST, math.ceil(peak * HEAD_ROOM))


def by_hour(spans: Sequence[Span], shortages: Sequence[Shortage], begin: datetime, end: datetime) -> list[Hour]:
    """Each hour from ``begin`` to ``end``. One pass over the changes, whatever the number of hours."""
    steps = sorted(
        (moment, change) for one in spans for moment, change in ((one[0], 1), (one[1], -1)) if one[0] < one[1]
    )
    hours: list[Hour] = []
    place = out = 0
    moment = begin
    while moment < end:
        until = moment + HOUR
        while place < len(steps) and steps[place][0] <= moment:
            out += steps[place][1]
            place += 1
        peak = out
        while place < len(steps) and steps[place][0] < until:
            out += steps[place][1]
            peak = max(peak, out)
            place += 1
        short = [one.shared for one in shortages if moment <= one.at < until]
        hours.append(Hour(moment, peak, short.count(False), short.count(True)))
        moment = until
    return hours
