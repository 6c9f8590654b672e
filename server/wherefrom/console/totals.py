"""Letters over time, as small charts with a table beside them, in the site's time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from wherefrom.audience.store.people import list_lists
from wherefrom.audience.totals import Totals, count_totals
from wherefrom.console.desk import Call, wanted
from wherefrom.console.people import site_zone
from wherefrom.errors import WherefromError
from wherefrom.inbox.words import percent
from wherefrom.outbound.milestone import Event
from wherefrom.sites.add import set_site
from wherefrom.sites.days import STEPS, Step, parse_moment

_NAMES: dict[Event, str] = {
    "sent": "Sent", "delivered": "Delivered", "opened": "Opened", "clicked": "Clicked", "failed": "Bounced",
    "complained": "Complained", "unsubscribed": "Unsubscribed",
}  # fmt: skip
_BAD: frozenset[Event] = frozenset(("failed", "complained", "unsubscribed"))
_STEPS = (("hour", "Hours"), ("day", "Days"), ("week", "Weeks"), ("month", "Months"))


class Chart(Struct, frozen=True):
    """One thing over time. ``bars`` are heights from 0 to 1 with what each says; ``share`` of the letters sent."""

    name: str
    total: int
    share: str
    most: int
    bars: tuple[tuple[float, str], ...]
    is_bad: bool


async def show_totals(call: Call) -> Response:
    """The page: ``?step=day&list=news&from=2026-11-01&to=2026-11-21``."""
    return await _page(call, None)


async def set_zone_form(call: Call) -> Response:
    """Sets the time zone in which the site's days begin."""
    try:
        await set_site(call.services, call.site.id, zone=wanted(call.fields, "zone"))
    except WherefromError as problem:
        return await _page(call, problem)
    return RedirectResponse(f"/sites/{call.site.id}/contacts/totals", 303)


async def _page(call: Call, problem: WherefromError | None) -> Response:
    asked = call.request.query_params
    step: Step = next((one for one in STEPS if one == asked.get("step")), "day")
    zone, named = site_zone(call), asked.get("list", "").strip()[:100]
    list_ = named if named.isprintable() else ""
    since, until = asked.get("from", "")[:10], asked.get("to", "")[:10]
    try:
        begin, end = parse_moment(since, "from", zone), parse_moment(until, "to", zone, end=True)
        found = await count_totals(call.services, call.site.id, zone, step, begin, end, list_ or None)
    except WherefromError as refused:
        problem, since, until = refused, "", ""
        found = await count_totals(call.services, call.site.id, zone, step, None, None, list_ or None)
    async with call.services.db.read() as tx:
        lists = await list_lists(tx, call.site.id)
    answer = call.show(
        "totals.html",
        "contacts",
        totals=found,
        charts=draw(found),
        rows=[(step_words(one.begin, step, zone), one.counts) for one in reversed(found.steps)],
        names=_NAMES,
        steps=_STEPS,
        step=step,
        lists=lists,
        list=list_,
        since=since,
        until=until,
        problem=problem,
        base=f"/sites/{call.site.id}/contacts",
        any=any(found.sums.values()),
    )
    answer.status_code = problem.status if problem else 200
    return answer


def draw(found: Totals) -> list[Chart]:
    """A chart for each thing that is counted, each to its own scale."""
    sums = found.sums
    charts = []
    for event, name in _NAMES.items():
        counts = [one.counts[event] for one in found.steps]
        most = max([*counts, 1])
        bars = tuple(
            (count / most, f"{step_words(one.begin, found.step, found.zone)}: {count}")
            for one, count in zip(found.steps, counts, strict=True)
        )
        share = percent(sums[event] / sums["sent"]) if event != "sent" and 0 < sums[event] <= sums["sent"] else ""
        charts.append(Chart(name, sums[event], share, max(counts, default=0), bars, event in _BAD))
    return charts


def step_words(begin: datetime, step: Step, zone: ZoneInfo) -> str:
    """``2 Nov 2026``, ``2 Nov, 14:00``, ``Week of 2 Nov 2026``, ``Nov 2026``."""
    here = begin.astimezone(zone)
    if step == "hour":
        return f"{here.day} {here:%b, %H:%M}"
    if step == "month":
        return f"{here:%b %Y}"
    return f"{'Week of ' if step == 'week' else ''}{here.day} {here:%b %Y}"
