"""The report by source, as a page: visits, who meant to write, letters, deals; each line leads to its letters."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from msgspec import Struct
from starlette.responses import Response

from wherefrom.console import words
from wherefrom.console.desk import Call
from wherefrom.console.people import site_zone
from wherefrom.inbox.words import percent
from wherefrom.reports.counts import DIMENSIONS, Counts, Dimension
from wherefrom.reports.sources import MOST_LINES, Line, SourceReport, count_sources
from wherefrom.sites.days import floor
from wherefrom.webhooks.money import money_words

_PERIODS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))
_USUAL = "30"
_FEW = 200
_NAMES: dict[Dimension, str] = {
    "source": "Source", "channel": "Channel", "marker": "Marker", "utm_source": "UTM source",
    "utm_medium": "UTM medium", "utm_campaign": "UTM campaign", "country": "Country",
}  # fmt: skip
_NONE: dict[Dimension, str] = {"source": "Direct", "marker": "Direct", "country": "Not known"}
_STEPS = {
    "visits": "Visits", "exposures": "Saw an address", "intents": "Clicked or copied it", "letters": "Letters",
    "deals": "Deals",
}  # fmt: skip


class Row(Struct, frozen=True):
    """``money``: a sum for each currency. ``letters_url``: the letters of the line, "" where the list of letters has no
    such filter."""

    name: str
    counts: dict[str, int]
    rate: str
    money: tuple[str, ...]
    letters_url: str


class Chart(Struct, frozen=True):
    """One step over the days. ``bars`` are heights from 0 to 1 with what each says."""

    name: str
    total: int
    most: int
    bars: tuple[tuple[float, str], ...]


async def show_sources(call: Call) -> Response:
    """The page: ``?by=channel&days=30``, with ``&lines=all`` as many lines as a report has at the most."""
    asked = call.request.query_params
    dimension: Dimension = next((one for one in DIMENSIONS if one == asked.get("by")), "source")
    days = asked.get("days", _USUAL)
    chosen = days if days in dict(_PERIODS) else _USUAL
    begin = floor(call.services.clock.now() - timedelta(days=int(chosen) - 1), "day", site_zone(call))
    found = await count_sources(call.services, call.site.id, dimension, begin)
    base = f"/sites/{call.site.id}/messages"
    shown = found.lines[: MOST_LINES if asked.get("lines") == "all" else _FEW]
    return call.show(
        "sources.html",
        "sources",
        periods=_PERIODS,
        chosen=chosen,
        by=dimension,
        dimensions=_NAMES,
        steps=_STEPS,
        charts=draw(found),
        rows=[_row(one, found, base) for one in shown],
        total=_row(found.total, found, base),
        cut=len(found.lines) - len(shown),
        more=min(len(found.lines), MOST_LINES) - len(shown),
        report=found,
    )


def draw(found: SourceReport) -> list[Chart]:
    """A chart for each step, each to its own scale."""
    charts = []
    for step, name in _STEPS.items():
        counts = [getattr(one, step) for _, one in found.days]
        most = max([*counts, 1])
        bars = tuple(
            (count / most, f"{words.date(begin, found.zone)}: {words.count(count)}")
            for (begin, _), count in zip(found.days, counts, strict=True)
        )
        charts.append(Chart(name, sum(counts), max(counts, default=0), bars))
    return charts


def _row(line: Line, found: SourceReport, base: str) -> Row:
    counts = line.counts
    money = tuple(money_words(amount, currency) for currency, amount in sorted(line.amounts.items()))
    return Row(_name(line, found.dimension), _steps(counts), _rate(counts), money, _letters(line, found, base))


def _steps(counts: Counts) -> dict[str, int]:
    return {step: getattr(counts, step) for step in _STEPS}


def _rate(counts: Counts) -> str:
    """Letters of a hundred visits; "" where letters came without visits, as from ones of before the period."""
    return percent(counts.letters / counts.visits) if 0 < counts.letters <= counts.visits else ""


def _name(line: Line, dimension: Dimension) -> str:
    if line.value is None:
        return "No visit known"
    if dimension == "channel" and line.value:
        return words.channel_words(line.value)
    return line.value or _NONE.get(dimension, "None")


def _letters(line: Line, found: SourceReport, base: str) -> str:
    if not line.counts.letters or line.value == "":  # the list has no filter for what is not there
        return ""
    wanted: dict[str, str] = {"match": "no"} if line.value is None else {str(found.dimension): line.value}
    since, until = found.begin.astimezone(found.zone), found.end.astimezone(found.zone)
    return f"{base}?{urlencode({**wanted, 'from': f'{since:%Y-%m-%d}', 'to': f'{until:%Y-%m-%d}'})}"
