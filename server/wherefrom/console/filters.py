"""The filters of the history as people set them: in the page's address, as chips, and as what the inbox understands.

The address is the whole state: it can be kept as a bookmark and sent to a colleague. Days are days of the reader's
time zone. Pure: knows no database and no request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import Struct

from wherefrom.console.words import channel_words
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.visits.channel import Channel

PERIODS = (
    ("", "All time"),
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("90", "Last 90 days"),
    ("days", "Chosen days"),
)
MATCHES = (
    ("", "Any"),
    ("yes", "Matched"),
    ("no", "Not matched"),
    ("code", "By code"),
    ("pool", "By pool"),
    ("thread", "By thread"),
    ("sender", "By known sender"),
    ("quoted", "By quoted address"),
)
SHOWS = (("", "Letters"), ("junk", "In Junk"), ("automatic", "Automatic mail"), ("all", "Everything"))
CHANNELS = (("", "Any"), *((one.value, channel_words(one.value)) for one in Channel))
CHOICES = {"period": PERIODS, "match": MATCHES, "show": SHOWS, "channel": CHANNELS}

TEXTS = (
    ("source", "Source"),
    ("marker", "Marker"),
    ("utm_source", "UTM source"),
    ("utm_medium", "UTM medium"),
    ("utm_campaign", "UTM campaign"),
    ("country", "Country"),
    ("city", "City"),
)
"""Filters that are typed; each asks for exactly this value."""

_LONGEST, _LONGEST_VALUE = 200, 1000
"""Characters of what is looked for, and of a value: a marker of three UTM values has near 800."""
_VALUES = frozenset(dict(TEXTS))
_WORDS = {name: dict(choices) for name, choices in CHOICES.items()}
_IN_ADDRESS = {"since": "from", "until": "to"}
_BEHIND_MORE = ("since", "until", "channel", "marker", "utm_source", "utm_medium", "utm_campaign", "country", "city",
                "visit")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What is set; "" is not set. ``since`` and ``until`` are days as ``2026-11-21``, both included; where one of them
    is set, ``period`` is "days". ``visit`` is a visit number."""

    q: str = ""
    period: str = ""
    source: str = ""
    match: str = ""
    show: str = ""
    since: str = ""
    until: str = ""
    channel: str = ""
    marker: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    country: str = ""
    city: str = ""
    visit: str = ""

    @property
    def any(self) -> bool:
        """Whether anything is set at all."""
        return self != Asked()

    @property
    def more(self) -> bool:
        """Whether one of the filters that are folded away is set."""
        return any(getattr(self, name) for name in _BEHIND_MORE)

    def query(self, **others: str) -> str:
        """As the part of an address after its path, with ``others`` beside it; "" when nothing is set."""
        pairs = [(_IN_ADDRESS.get(one.name, one.name), getattr(self, one.name)) for one in fields(self)]
        if self.since or self.until:
            pairs = [pair for pair in pairs if pair[0] != "period"]
        encoded = urlencode([pair for pair in (*pairs, *others.items()) if pair[1]])
        return f"?{encoded}" if encoded else ""


class Chip(Struct, frozen=True):
    """One filter that is set, in words, and the rest without it."""

    words: str
    rest: Asked


def parse_asked(query: Mapping[str, str]) -> Asked:
    """Reads an address's parameters. What is not understood is left out rather than refused: an old bookmark shows
    more letters, not an error."""
    values = {}
    for one in fields(Asked):
        most = _LONGEST_VALUE if one.name in _VALUES else _LONGEST
        value = query.get(_IN_ADDRESS.get(one.name, one.name), "").strip()[:most]
        if value and "\x00" not in value and _fits(one.name, value):
            values[one.name] = value
    if "since" in values or "until" in values:
        values["period"] = "days"
    elif values.get("period") == "days":
        del values["period"]
    return Asked(**values)


def _fits(name: str, value: str) -> bool:
    if name in _WORDS:
        return value in _WORDS[name]
    if name in _IN_ADDRESS:
        return _day(value) is not None
    if name == "visit":
        return value.isascii() and value.isdecimal() and int(value) < 1 << 63
    return True


def make_filter(asked: Asked, zone: ZoneInfo, now: datetime) -> HistoryFilter:
    """What the inbox is asked for."""
    begin, end = _span(asked, zone, now)
    return HistoryFilter(
        date_from=begin,
        date_to=end,
        source=asked.source,
        marker=asked.marker,
        channel=asked.channel,
        utm_source=asked.utm_source,
        utm_medium=asked.utm_medium,
        utm_campaign=asked.utm_campaign,
        country=asked.country,
        city=asked.city,
        matched={"yes": True, "no": False}.get(asked.match),
        rule="" if asked.match in ("", "yes", "no") else asked.match,
        folder_kind="junk" if asked.show == "junk" else "",
        automatic={"": False, "automatic": True}.get(asked.show),
        text=asked.q,
        visit_id=int(asked.visit) if asked.visit else None,
    )


def list_chips(asked: Asked) -> list[Chip]:
    """A chip for each filter that is set."""
    found: list[Chip] = []
    if asked.q:
        found.append(Chip(f"“{asked.q}”", replace(asked, q="")))
    if asked.since or asked.until:
        found.append(Chip(_days_words(asked), replace(asked, since="", until="", period="")))
    elif asked.period:
        found.append(Chip(_WORDS["period"][asked.period], replace(asked, period="")))
    for name in ("match", "show", "channel"):
        if value := getattr(asked, name):
            found.append(Chip(_WORDS[name][value], replace(asked, **{name: ""})))
    for name, label in (*TEXTS, ("visit", "Visit")):
        if value := getattr(asked, name):
            found.append(Chip(f"{label}: {value}", replace(asked, **{name: ""})))
    return found


def _days_words(asked: Asked) -> str:
    if not asked.until:
        return f"From {asked.since}"
    if not asked.since:
        return f"Up to {asked.until}"
    return asked.since if asked.since == asked.until else f"{asked.since} to {asked.until}"


def _span(asked: Asked, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, datetime | None]:
    today = now.astimezone(zone).date()
    first, last = _day(asked.since), _day(asked.until)
    if asked.period == "today":
        first = today
    elif asked.period == "yesterday":
        first = last = today - timedelta(days=1)
    elif asked.period.isdecimal():
        first = today - timedelta(days=int(asked.period) - 1)
    return _midnight(first, zone), _midnight(last + timedelta(days=1) if last else None, zone)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found and 1970 <= found.year < 9000 else None


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
