"""Which sums answer for a period, and what of it is left to be counted from rows; and which sums there should be. Pure.

    period   |────────────────────────────────────────|
    sums   |────day────|────day────|──day, stale──|hour|hour|
    used               |───────────|              |────|────|
    gaps     |─────────|           |──────────────|         |──|

Days begin when the site's do; the day that is not over has sums of its hours. Spans of sums never overlap. When the
site's time zone is changed, old days keep their sums, which are true as they are, and new ones are cut anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from wherefrom.sites.days import boundaries, floor


class Span(Struct, frozen=True, order=True):
    """From ``begin`` up to, not including, ``end``."""

    begin: datetime
    end: datetime
    stale: bool = False

    def overlaps(self, other: Span) -> bool:
        return self.begin < other.end and other.begin < self.end

    def holds(self, other: Span) -> bool:
        return self.begin <= other.begin and other.end <= self.end


def cover(period: Span, spans: Iterable[Span]) -> tuple[list[Span], list[Span]]:
    """Those of ``spans`` that are fresh and lie in the period, and the gaps between them."""
    used = sorted(one for one in spans if not one.stale and period.holds(one))
    return used, list(_gaps(period, used))


def cut_at_days(spans: Iterable[Span], zone: ZoneInfo) -> Iterator[Span]:
    """The same time in pieces of which none lies in two days."""
    for one in spans:
        begins = [one.begin, *(at for at in boundaries(one.begin, one.end, "day", zone) if at > one.begin)]
        for begin, end in zip(begins, [*begins[1:], one.end], strict=True):
            yield Span(begin, end)


def since(spans: Iterable[Span], first: datetime | None) -> Iterator[Span]:
    """Those in which anything may have happened; ``first`` is when something first did, None for never."""
    return (one for one in spans if first is not None and one.end > first)


def find_work(known: Sequence[Span], first: datetime, closed: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """The spans to make sums of, the newest first, from the day of ``first`` up to ``closed``, when an hour began whose
    rows may still come. Sums of spans that lie in one of them are replaced by its own."""
    today = floor(closed, "day", zone)
    hours = Span(today, closed)
    if hours.begin < hours.end:
        yield from _of_hours(hours, known, list(boundaries(today, closed, "hour", zone)))
    edges = [*boundaries(first, today, "day", zone), today]  # today alone, of a site that began today
    for day, following in reversed(list(pairwise(edges))):
        yield from _of_day(Span(day, following), known)


def _of_day(day: Span, known: Sequence[Span]) -> Iterator[Span]:
    mine = [one for one in known if one.overlaps(day)]
    if all(day.holds(one) for one in mine):
        if mine != [day]:  # as stale, too, it is not equal
            yield day
        return
    # Another zone's days reach into it: what they leave of it.
    yield from (one for one in mine if one.stale)
    yield from _gaps(day, sorted(mine))


def _of_hours(hours: Span, known: Sequence[Span], begins: Sequence[datetime]) -> Iterator[Span]:
    mine = sorted(one for one in known if one.overlaps(hours))
    yield from (one for one in reversed(mine) if one.stale)
    for gap in reversed(list(_gaps(hours, mine))):
        edges = [gap.begin, *(at for at in begins if gap.begin < at < gap.end), gap.end]
        yield from (Span(*pair) for pair in reversed(list(pairwise(edges))))


def _gaps(period: Span, used: Iterable[Span]) -> Iterator[Span]:
    """What ``used``, by their begin, leave of the period."""
    at = period.begin
    for one in used:
        if one.begin > at:
            yield Span(at, min(one.begin, period.end))
        at = max(at, one.end)
    if at < period.end:
        yield Span(at, period.end)
