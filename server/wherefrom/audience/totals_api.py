"""The management API of totals over time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from wherefrom.audience.filter import LONGEST_LIST, check_text
from wherefrom.audience.totals import Total, count_totals
from wherefrom.outbound.milestone import Event
from wherefrom.sites.days import Step, parse_moment
from wherefrom.sites.store import get_site
from wherefrom.sites.zone import parse_zone
from wherefrom.web.api import Call, Operation


class TotalsQuery(Struct, frozen=True, kw_only=True):
    """``date_from`` and ``date_to`` are days of the site's time zone, both counted in, or RFC 3339 moments; without
    them the last 2 days by hour, 30 by day, half a year by week, a year by month. ``list`` keeps one list's letters,
    "" those of none. ``zone`` reads days in another zone than the site's."""

    step: Step = "day"
    date_from: str | None = None
    date_to: str | None = None
    list: str | None = None
    zone: str | None = None


class Counts(Struct, frozen=True, kw_only=True):
    """Letters. Each counts once for each thing, when it first happened; opens and clicks are those of persons.
    ``failed``: refused at once, or returned."""

    sent: int
    delivered: int
    opened: int
    clicked: int
    failed: int
    complained: int
    unsubscribed: int


class TotalView(Counts, frozen=True, kw_only=True):
    """``begin`` is when the hour, day, week (Monday) or month begins, with the zone's offset."""

    begin: datetime


class TotalsView(Struct, frozen=True, kw_only=True):
    """From ``date_from`` up to, not including, ``date_to``. Every step is there, also where nothing happened."""

    date_from: datetime
    date_to: datetime
    step: Step
    zone: str
    data: list[TotalView]
    sums: Counts


async def _totals(call: Call) -> TotalsView:
    query: TotalsQuery = call.query
    async with call.services.db.read() as tx:
        site = await get_site(tx, call.site_id)
    check_text(query.list or "", "list", LONGEST_LIST)
    zone = parse_zone(query.zone if query.zone is not None else site.zone)
    begin = parse_moment(query.date_from, "date_from", zone)
    end = parse_moment(query.date_to, "date_to", zone, end=True)
    found = await count_totals(call.services, call.site_id, zone, query.step, begin, end, query.list)
    return TotalsView(
        date_from=found.begin,
        date_to=found.end,
        step=found.step,
        zone=zone.key,
        data=[_view(one, zone) for one in found.steps],
        sums=Counts(**_named(found.sums)),
    )


def _view(one: Total, zone: ZoneInfo) -> TotalView:
    return TotalView(begin=one.begin.astimezone(zone), **_named(one.counts))


def _named(counts: dict[Event, int]) -> dict[str, int]:
    return {str(event): count for event, count in counts.items()}


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/reports/totals", "Letters sent, opened, clicked and so on, over time", _totals,
        query=TotalsQuery, answer=TotalsView, tag="reports",
    ),
)  # fmt: skip
