"""The report by source (feature G04): visits, exposures, intents, letters, deals and what they are worth.

Days that are over come from sums (see ``rollup``), the rest of the period from the rows themselves, in one moment: the
answer is the same as if all were counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.errors import BadInput
from wherefrom.events.late_store import list_changes
from wherefrom.reports.counts import ALL, Counts, Dimension, Folded, fold, merge
from wherefrom.reports.cover import Span, cover, cut_at_days, since
from wherefrom.reports.rollup import MOST_CHANGES, is_touched
from wherefrom.reports.store import spans
from wherefrom.reports.store.rows import count_rows
from wherefrom.services import Services
from wherefrom.sites.days import boundaries, floor
from wherefrom.sites.store import get_site

USUAL_DAYS = 30
LONGEST = timedelta(days=732)
MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One value of the dimension. ``value`` "": it has none; None: letters of which no visit is known. ``amounts`` by
    currency ("" for values without one), in ten-thousandths of its unit; ``counts.amount`` means nothing here."""

    value: str | None
    counts: Counts
    amounts: Mapping[str, int]


class SourceReport(Struct, frozen=True):
    """From ``begin`` up to, not including, ``end``. ``lines``: the one with most visits first, then most letters.
    ``days``: the counts of each day by its begin, in the site's ``zone``; the first and last may be cut."""

    begin: datetime
    end: datetime
    zone: ZoneInfo
    dimension: Dimension
    lines: tuple[Line, ...]
    total: Line
    days: tuple[tuple[datetime, Counts], ...]


async def count_sources(
    services: Services, site_id: int, dimension: Dimension = "source", begin: datetime | None = None,
    end: datetime | None = None,
) -> SourceReport:  # fmt: skip
    """The report; the last 30 days, today among them, unless said otherwise. NotFound for the site, BadInput for a
    period that ends before it begins, or is longer than two years."""
    async with services.db.read() as tx:
        await spans.hold_still(tx)
        zone = ZoneInfo((await get_site(tx, site_id)).zone)
        end = end or services.clock.now()
        begin = begin or floor(end - timedelta(days=USUAL_DAYS - 1), "day", zone)
        check_period(begin, end, LONGEST)
        used, gaps = await find_cover(tx, site_id, begin, end)
        parts = [await spans.sum_values(tx, site_id, dimension, used)] if used else []
        by_day = await spans.sum_spans(tx, site_id, ALL, used) if used else {}
        first = await spans.find_first(tx, site_id) if gaps else None  # a young site has a long time without anything
        for gap in since(cut_at_days(gaps, zone), first):
            counted = list(await count_rows(tx, site_id, gap.begin, gap.end))
            parts.append(fold(counted, dimension))
            by_day[gap.begin] = sum_of(fold(counted, ALL))
    lines = make_lines(merge(parts))
    return SourceReport(
        begin=begin, end=end, zone=zone, dimension=dimension, lines=lines, total=_total(lines),
        days=_days(by_day, begin, end, zone),
    )  # fmt: skip


async def find_cover(
    tx: Tx, site_id: int, begin: datetime, end: datetime, fits: Callable[[Span], bool] = lambda _: True
) -> tuple[list[Span], list[Span]]:
    """The spans of the period that fit and whose sums are true, and what they leave. They are true unless something
    changed that nobody has taken note of; when there is more of that than can be looked through, none are."""
    period = Span(begin, end)
    changes = await list_changes(tx, site_id, MOST_CHANGES)
    if len(changes) == MOST_CHANGES:
        return [], [period]
    changed = await spans.list_changed(tx, site_id, changes)
    known = await spans.list_spans(tx, site_id, begin, end)
    return cover(period, (one for one in known if fits(one) and not is_touched(one, changed)))


def check_period(begin: datetime, end: datetime, longest: timedelta) -> None:
    """BadInput for a period that cannot be reported on."""
    if begin >= end:
        raise BadInput("the period ends before it begins", hint="name an earlier begin", field="date_from")
    if end - begin > longest:
        raise BadInput(
            f"the period is longer than {longest.days} days", hint="ask for a shorter one", field="date_from"
        )


def make_lines(folded: Folded) -> tuple[Line, ...]:
    """The counts of values and currencies as those of values."""
    counts: dict[str | None, Counts] = {}
    amounts: dict[str | None, dict[str, int]] = {}
    for (value, currency), one in folded.items():
        counts.setdefault(value, Counts()).add(one)
        if one.amount:
            of_value = amounts.setdefault(value, {})
            of_value[currency] = of_value.get(currency, 0) + one.amount
    lines = (Line(value, one, amounts.get(value, {})) for value, one in counts.items() if one != Counts())
    return tuple(sorted(lines, key=lambda one: (-one.counts.visits, -one.counts.letters, one.value or "")))


def sum_of(folded: Folded) -> Counts:
    """All together."""
    found = Counts()
    for one in folded.values():
        found.add(one)
    return found


def _total(lines: Iterable[Line]) -> Line:
    counts, amounts = Counts(), dict[str, int]()
    for line in lines:
        counts.add(line.counts)
        for currency, amount in line.amounts.items():
            amounts[currency] = amounts.get(currency, 0) + amount
    return Line("", counts, amounts)


def _days(
    found: Mapping[datetime, Counts], begin: datetime, end: datetime, zone: ZoneInfo
) -> tuple[tuple[datetime, Counts], ...]:
    """Of spans, each in one day; one of another time zone's, which may lie in two, counts to the day it begins in."""
    begins = tuple(boundaries(begin, end, "day", zone))
    days = [Counts() for _ in begins]
    for at, counts in found.items():
        days[max(bisect_right(begins, at) - 1, 0)].add(counts)
    return tuple(zip(begins, days, strict=True))
