"""The engagement filter (feature J01): which contacts did what, when. Pure.

    {"match": "all", "conditions": [
        {"event": "opened",  "days": 30},                                   in the last 30 days
        {"event": "clicked", "days": 90, "link": "/pricing", "times": 2},   links with this in their address, 2 letters
        {"event": "sent",    "happened": false, "list": "news"}]}           never: nothing of this list

Conditions speak of *letters*: "opened, twice" is two letters that a person opened, however often each. Answers for the
form, for what may stand in it, and for when its periods begin and end; how contacts are found is the store's.

A contact of mode "open_date" has no letters it opened; the day of its last open stands for them where no list, link or
number of letters is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from wherefrom.contacts.contact import Consent
from wherefrom.errors import BadInput
from wherefrom.outbound.milestone import Event
from wherefrom.sites.days import parse_moment

Flag = Literal["unsubscribed", "suppressed", "mailable"]

MOST_CONDITIONS = 10
LONGEST_TEXT = 200
LONGEST_LINK = 500
LONGEST_LIST = 100


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At least ``times`` letters to the contact were sent (delivered, opened by a person, …) in the period: the last
    ``days``, or from ``date_from`` to ``date_to`` (days of the site's time zone, both counted in, or RFC 3339 moments),
    or ever. ``happened`` false: fewer than so many. ``list`` keeps letters of one list, "" those of none. ``link``, of
    "clicked" alone, is a part of the link's address. "failed" is a letter that was refused, at once or later."""

    event: Event
    happened: bool = True
    days: Annotated[int, Meta(ge=1, le=3660)] | None = None
    date_from: str | None = None
    date_to: str | None = None
    list: str | None = None
    link: str = ""
    times: Annotated[int, Meta(ge=1, le=1000)] = 1


class Filter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contacts that meet ``all`` conditions or ``any`` of them, and all the rest: ``text`` is a part of address, name
    or own reference; ``flag``: "unsubscribed" from all mail by their own will, "suppressed" for another reason,
    "mailable": neither.
    An empty filter is all contacts."""

    match: Literal["all", "any"] = "all"
    conditions: list[Condition] = []
    text: str = ""
    consent: Consent | None = None
    flag: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A condition whose period is two moments: from ``begin`` up to, not including, ``end``; None: without a bound."""

    event: Event
    happened: bool
    begin: datetime | None
    end: datetime | None
    list: str | None
    link: str
    times: int


def check_filter(wanted: Filter) -> None:
    """BadInput for what cannot be meant, which names the field."""
    if len(wanted.conditions) > MOST_CONDITIONS:
        raise BadInput(f"a filter has at most {MOST_CONDITIONS} conditions", field="conditions")
    check_text(wanted.text, "text", LONGEST_TEXT)
    for number, one in enumerate(wanted.conditions):
        place = f"conditions[{number}]"
        check_text(one.link, f"{place}.link", LONGEST_LINK)
        check_text(one.list or "", f"{place}.list", LONGEST_LIST)
        if one.link and one.event != "clicked":
            raise BadInput(
                f"only clicks have a link, “{one.event}” has none",
                hint='leave “link” out, or ask for the event "clicked"',
                field=f"{place}.link",
            )
        if one.days is not None and (one.date_from or one.date_to):
            raise BadInput(
                "a period is either the last days or from one date to another",
                hint="leave out days, or date_from and date_to",
                field=f"{place}.days",
            )


def check_text(text: str, field: str, longest: int) -> None:
    """BadInput for a text that is too long, or that no database would look for (PostgreSQL has no NUL)."""
    if len(text) > longest:
        raise BadInput(f"{field} has {len(text)} characters, at most {longest} are looked for", field=field)
    if not text.isprintable():
        raise BadInput(f"{field} has characters that cannot be looked for", field=field)


def resolve(wanted: Filter, zone: ZoneInfo, now: datetime) -> tuple[Asked, ...]:
    """The conditions with their moments. BadInput as ``check_filter``, for what is no date, and for a period that ends
    before it begins."""
    check_filter(wanted)
    return tuple(_resolve(one, f"conditions[{number}]", zone, now) for number, one in enumerate(wanted.conditions))


def _resolve(one: Condition, place: str, zone: ZoneInfo, now: datetime) -> Asked:
    begin = parse_moment(one.date_from, f"{place}.date_from", zone)
    end = parse_moment(one.date_to, f"{place}.date_to", zone, end=True)
    if one.days is not None:
        begin = now.astimezone(UTC) - timedelta(days=one.days)
    if begin and end and begin >= end:
        raise BadInput("the period ends before it begins", hint="name an earlier begin", field=f"{place}.date_from")
    return Asked(
        event=one.event, happened=one.happened, begin=begin, end=end, list=one.list, link=one.link, times=one.times
    )
