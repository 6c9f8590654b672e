"""How large a pool should be, from how it was used: pure.

    demand     one span for each lease, from its beginning to its end, and for each visit that found nothing free, as
               long as a lease lasts without a further sign of life
    peak       the most spans at one moment, of each hour: that of days is the largest of their hours
    advice     the peak and a quarter more, and never fewer than four

A pool that never ran short shows its true peak; one that did shows what it would have been.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """Leases, and what visits that went away empty-handed would have held: as long as they asked, and ``hold`` after
    each time."""
    asked: dict[int, list[datetime]] = {}
    for one in shortages:
        asked.setdefault(one.visit_id, []).append(one.at)
    return [*spans, *(span for moments in asked.values() for span in _join(sorted(moments), hold))]


def _join(moments: Sequence[datetime], hold: timedelta) -> Iterator[Span]:
    begin = last = moments[0]
    for one in moments[1:]:
        if one > last + hold:
            yield begin, last + hold
            begin = one
        last = one
    yield begin, last + hold


def floor_hour(moment: datetime) -> datetime:
    """When the hour of ``moment`` began."""
    return moment.replace(minute=0, second=0, microsecond=0)


def list_hours(begin: datetime, end: datetime) -> list[datetime]:
    """The hours from ``begin``, which is the first one's, up to ``end``."""
    return [begin + n * HOUR for n in range(-((begin - end) // HOUR))]


def advise(peak: int) -> int:
    """The size for a pool whose demand peaked at ``peak``."""
    return max(LEAST, math.ceil(peak * HEAD_ROOM))


def by_hour(peaks: Mapping[datetime, int], shortages: Iterable[Shortage]) -> list[Hour]:
    """Each hour with its peak, and how often nothing was free."""
    short = Counter((floor_hour(one.at), one.shared) for one in shortages)
    return [Hour(at, peak, short[at, False], short[at, True]) for at, peak in sorted(peaks.items())]


def list_peaks(spans: Iterable[Span], begin: datetime, end: datetime) -> list[int]:
    """The most spans at one moment of each hour from ``begin`` to ``end``. One pass over the changes, whatever the
    number of hours."""
    steps = sorted(
        (moment, change) for one in spans for moment, change in ((one[0], 1), (one[1], -1)) if one[0] < one[1]
    )
    peaks: list[int] = []
    place = out = 0
    for moment in list_hours(begin, end):
        while place < len(steps) and steps[place][0] <= moment:
            out += steps[place][1]
            place += 1
        peak = out
        while place < len(steps) and steps[place][0] < moment + HOUR:
            out += steps[place][1]
            peak = max(peak, out)
            place += 1
        peaks.append(peak)
    return peaks
