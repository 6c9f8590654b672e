"""Which letters of the history are asked for, and the conditions that say so in SQL."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Text, func, or_, select, type_coerce

from wherefrom.inbox.tables import match, message, message_address
from wherefrom.inbox.traits import NAMES
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import deal

_LONGEST_SEARCH = 200
_VISIT_COLUMNS = (
    "marker", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "region", "city",
)  # fmt: skip


class HistoryFilter(msgspec.Struct, frozen=True):
    """None and "" ask for nothing. ``date_to`` is exclusive. ``marker`` fits the whole marker, ``source`` its first
    level. ``text`` is looked for in subject, sender, receivers and text, in any case."""

    date_from: datetime | None = None
    date_to: datetime | None = None
    source: str = ""
    marker: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    matched: bool | None = None
    rule: str = ""
    folder_kind: str = ""
    automatic: bool | None = None
    sender: str = ""
    text: str = ""
    visit_id: int | None = None
    deal: bool | None = None
    deal_number: str = ""
    deal_status: str = ""


def conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    """All of them, dates too."""
    found = span(wanted)
    for name in _VISIT_COLUMNS:
        if value := getattr(wanted, name):
            found.append(visit.c[name] == value)
    if wanted.country:
        found.append(or_(visit.c.country == wanted.country, visit.c.country_code == wanted.country.upper()))
    if wanted.source:
        first = msgspec.json.encode(wanted.source).decode()
        found.append(type_coerce(visit.c.source_levels, Text).startswith(f"[{first}", autoescape=True))
    if wanted.matched is not None:
        found.append(match.c.visit_id.is_not(None) if wanted.matched else match.c.visit_id.is_(None))
    if wanted.rule:
        found.append(match.c.rule == wanted.rule)
    if wanted.folder_kind:
        found.append(message.c.folder_kind == wanted.folder_kind)
    if wanted.automatic is not None:
        found.append(message.c.automatic != "" if wanted.automatic else message.c.automatic == "")
    if wanted.sender:
        found.append(message.c.from_address == wanted.sender.lower())
    if wanted.visit_id is not None:
        found.append(match.c.visit_id == wanted.visit_id)
    if wanted.deal is not None:
        found.append(deal.c.subject_id.is_not(None) if wanted.deal else deal.c.subject_id.is_(None))
    if wanted.deal_number:
        found.append(deal.c.number == wanted.deal_number)
    if wanted.deal_status:
        found.append(deal.c.status == wanted.deal_status)
    if wanted.text:
        found.append(_contains(wanted.text))
    return found


def span(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    """Those of dates alone."""
    found = []
    if wanted.date_from is not None:
        found.append(message.c.arrived_at >= wanted.date_from)
    if wanted.date_to is not None:
        found.append(message.c.arrived_at < wanted.date_to)
    return found


def find_trait(wanted: HistoryFilter) -> tuple[str, str] | None:
    """Of what is asked for, the value of a visit that fewest letters may have."""
    return next(((name, getattr(wanted, name)) for name in NAMES if getattr(wanted, name)), None)


def is_selective(wanted: HistoryFilter) -> bool:
    """Whether more than dates is asked for, so that letters are read in vain. (The letters of a visit, a
    sender or a deal are found by an index of their own.)"""
    return wanted != HistoryFilter(date_from=wanted.date_from, date_to=wanted.date_to)


def list_forms(words: str) -> list[str]:
    """The ways of writing in which a text is looked for, as given first. SQLite, and PostgreSQL in the C locale, fold
    the case of ASCII letters only, so other alphabets get the cases people write: lower, upper, capitalised."""
    words = words.strip()[:_LONGEST_SEARCH]
    if words.isascii():
        return [words]
    return list(dict.fromkeys([words, words.lower(), words.upper(), words.capitalize(), words.title()]))


def _contains(words: str) -> ColumnElement[bool]:
    """Text search in any case. (``inbox.grams`` finds the letters for which this may be true.)"""
    forms = list_forms(words)
    columns = (message.c.subject, message.c.from_address, message.c.from_name, message.c.text)
    # Counted, not EXISTS: PostgreSQL looks for that through the receivers of all letters beforehand.
    receivers = (
        select(func.count())
        .where(
            message_address.c.site_id == message.c.site_id,
            message_address.c.message_id == message.c.id,
            message_address.c.address.icontains(forms[0], autoescape=True),
        )
        .scalar_subquery()
    )
    return or_(*(column.icontains(form, autoescape=True) for column in columns for form in forms), receivers > 0)
