"""The engagement filter as people set it: in the page's address, in words, and as the audience understands it.

    ?q=ann&match=any&e0=opened&p0=30&e1=not-clicked&p1=days&f1=2026-11-01&t1=2026-11-21&l1=news&n1=2

Each condition has a number; those without an event (``e``) are left out. The address is the whole state, so that it can
be kept and sent to a colleague; ``saved=ID`` stands for a filter that was given a name. Pure: knows no database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import cast
from urllib.parse import urlencode

from msgspec import Struct

from wherefrom.audience.filter import LONGEST_LINK, LONGEST_LIST, LONGEST_TEXT, Condition, Filter, Flag
from wherefrom.contacts.contact import Consent
from wherefrom.outbound.milestone import EVENTS

MOST = 6
"""Conditions on the page. The API takes more; a saved filter with more is searched by whole."""

_DONE = {
    "sent": "sent a letter", "delivered": "letter delivered", "opened": "opened", "clicked": "clicked",
    "failed": "letter bounced", "complained": "complained", "unsubscribed": "unsubscribed",
}  # fmt: skip
EVENT_CHOICES = tuple(
    (prefix + event, f"{'Not ' if prefix else ''}{_DONE[event] if prefix else _DONE[event].capitalize()}")
    for event in ("opened", "clicked", "sent", "delivered", "failed", "complained", "unsubscribed")
    for prefix in ("", "not-")
)
PERIODS = (
    ("", "Ever"), ("1", "Last day"), ("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days"),
    ("365", "Last year"), ("days", "Chosen days"),
)  # fmt: skip
MATCHES = (("", "All conditions"), ("any", "Any condition"))
FLAGS = (("", "All"), ("mailable", "May be mailed"), ("unsubscribed", "Unsubscribed"), ("suppressed", "Suppressed"))
CONSENTS = (("", "Any"), ("granted", "Granted"), ("denied", "Denied"), ("unknown", "Never asked"))
CHOICES = {"match": MATCHES, "flag": FLAGS, "consent": CONSENTS, "event": EVENT_CHOICES, "period": PERIODS}
_WORDS = {name: dict(choices) for name, choices in CHOICES.items()}


class Row(Struct, frozen=True):
    """One condition as the form has it; "" is not set. ``event`` "not-opened" is that it did not happen. ``period`` is
    a number of days, "days" for ``since`` to ``until``, "" for ever."""

    event: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    list: str = ""
    link: str = ""
    times: str = ""

    @property
    def is_click(self) -> bool:
        return self.event.endswith("clicked")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is set; "" is not set."""

    q: str = ""
    match: str = ""
    flag: str = ""
    consent: str = ""
    rows: tuple[Row, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything is set that tells people apart."""
        return replace(self, match="") != Asked()

    def form_rows(self) -> tuple[Row, ...]:
        """The conditions, and empty ones to fill the form."""
        return (*self.rows, *(Row() for _ in range(MOST - len(self.rows))))[:MOST]

    def query(self, **others: str) -> str:
        """As the part of an address after its path, with ``others`` beside it; "" when nothing is set."""
        pairs = [("q", self.q), ("match", self.match), ("flag", self.flag), ("consent", self.consent)]
        for number, row in enumerate(self.rows):
            pairs += [(f"{letter}{number}", getattr(row, name)) for letter, name in _FIELDS.items()]
        encoded = urlencode([pair for pair in (*pairs, *others.items()) if pair[1]])
        return f"?{encoded}" if encoded else ""


_FIELDS = {"e": "event", "p": "period", "f": "since", "t": "until", "l": "list", "u": "link", "n": "times"}


def parse_asked(query: Mapping[str, str]) -> Asked:
    """Reads an address's parameters. What is not understood is left out rather than refused: an old bookmark shows
    more people, not an error."""
    rows = [_parse_row({name: _clean(query, f"{letter}{number}") for letter, name in _FIELDS.items()})
            for number in range(MOST)]  # fmt: skip
    return Asked(
        q=_clean(query, "q")[:LONGEST_TEXT],
        rows=tuple(row for row in rows if row.event),
        **{name: _known(name, _clean(query, name)) for name in ("match", "flag", "consent")},
    )


def _clean(query: Mapping[str, str], name: str) -> str:
    text = query.get(name, "").strip()[:LONGEST_LINK]
    return text if text.isprintable() else ""


def _known(name: str, value: str) -> str:
    return value if value in _WORDS[name] else ""


def _parse_row(given: Mapping[str, str]) -> Row:
    event = _known("event", given["event"])
    if not event:
        return Row()
    since, until = (given[name] if _is_day(given[name]) else "" for name in ("since", "until"))
    days = given["period"]
    period = days if days in _WORDS["period"] or (_is_number(days) and int(days) <= 3660) else ""
    if since or until:
        period = "days"
    elif period == "days":
        period = ""
    if since and until and since > until:
        since, until = until, since
    times = given["times"] if _is_number(given["times"]) and 1 < int(given["times"]) <= 1000 else ""
    link = given["link"] if event.endswith("clicked") else ""
    return Row(event, period, since, until, given["list"][:LONGEST_LIST], link, times)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4 and int(text) > 0


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and 1970 <= date.fromisoformat(text).year < 9000
    except ValueError:
        return False


def make_filter(asked: Asked) -> Filter:
    """What the audience is asked for."""
    return Filter(
        match="any" if asked.match == "any" else "all",
        conditions=[_condition(row) for row in asked.rows],
        text=asked.q,
        consent=cast(Consent, asked.consent) if asked.consent else None,
        flag=cast(Flag, asked.flag) if asked.flag else None,
    )


def _condition(row: Row) -> Condition:
    event = row.event.removeprefix("not-")
    assert event in EVENTS
    return Condition(
        event=event,
        happened=not row.event.startswith("not-"),
        days=int(row.period) if row.period.isdecimal() else None,
        date_from=row.since or None,
        date_to=row.until or None,
        list=row.list or None,
        link=row.link,
        times=int(row.times or 1),
    )


def from_filter(wanted: Filter) -> Asked:
    """A saved filter as the form shows it: of a moment the day, of many conditions the first ones."""
    return Asked(
        q=wanted.text,
        match="any" if wanted.match == "any" else "",
        flag=wanted.flag or "",
        consent=wanted.consent or "",
        rows=tuple(_row(one) for one in wanted.conditions[:MOST]),
    )


def _row(one: Condition) -> Row:
    since, until = (one.date_from or "")[:10], (one.date_to or "")[:10]
    return Row(
        event=one.event if one.happened else f"not-{one.event}",
        period="days" if since or until else "" if one.days is None else str(one.days),
        since=since,
        until=until,
        list=one.list or "",
        link=one.link,
        times=str(one.times) if one.times > 1 else "",
    )


def list_chips(asked: Asked) -> list[tuple[str, Asked]]:
    """Each thing that is set, in words, and the rest without it."""
    found = [(f"“{asked.q}”", replace(asked, q=""))] if asked.q else []
    found += [
        (row_words(row), replace(asked, rows=(*asked.rows[:place], *asked.rows[place + 1 :])))
        for place, row in enumerate(asked.rows)
    ]
    if asked.flag:
        found.append((_WORDS["flag"][asked.flag], replace(asked, flag="")))
    if asked.consent:
        found.append((f"Consent: {_WORDS['consent'][asked.consent].lower()}", replace(asked, consent="")))
    return found


def row_words(row: Row) -> str:
    """``Not opened, last 30 days, list news``."""
    parts = [_WORDS["event"][row.event]]
    if row.times:
        parts.append(f"{row.times} letters")
    if row.link:
        parts.append(f"link with “{row.link}”")
    if row.period:
        parts.append(period_words(row))
    if row.list:
        parts.append(f"list {row.list}")
    return ", ".join(parts)


def period_words(row: Row) -> str:
    """``last 30 days``, ``2026-11-01 to 2026-11-21``, ``from 2026-11-01``."""
    if row.period != "days":
        return _WORDS["period"].get(row.period, f"Last {row.period} days").lower()
    if row.since and row.until:
        return row.since if row.since == row.until else f"{row.since} to {row.until}"
    return f"from {row.since}" if row.since else f"up to {row.until}"


def period_choices(row: Row) -> tuple[tuple[str, str], ...]:
    """The periods to choose from, with the one that is set."""
    known = row.period in _WORDS["period"]
    return PERIODS if known else (*PERIODS, (row.period, f"Last {row.period} days"))
