"""The management API of visits: what came, and what was not let in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.clock import from_ms, to_ms
from wherefrom.errors import BadInput, NotFound
from wherefrom.visits import store, trail_store
from wherefrom.visits.gate import DropReason
from wherefrom.visits.visit import Kind, Visit
from wherefrom.web.api import Call, Operation


class ListVisits(Struct, frozen=True, kw_only=True):
    """``since`` counts in, ``until`` does not (RFC 3339 with an offset); ``visitor`` keeps one visitor's; ``cursor`` is
    the ``next_cursor`` of the page before."""

    since: datetime | None = None
    until: datetime | None = None
    visitor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ListDrops(Struct, frozen=True, kw_only=True):
    """``days`` (UTC) are counted back from today, which is one of them."""

    days: Annotated[int, Meta(ge=1, le=3660)] = 30


class UtmView(Struct, frozen=True, kw_only=True):
    source: str | None
    medium: str | None
    campaign: str | None
    term: str | None
    content: str | None


class VisitView(Struct, frozen=True, kw_only=True):
    """``id`` is the public visit number, ``first_visit`` that of the visitor's first visit. ``kind`` "source": not one
    visitor's stay but everybody who came by this source; then ``visitor`` and ``first_visit`` are null, ``started_at``
    is when the first of them came, and of persons nothing is told. ``contact_id``: the visit came by a link of a letter
    to this contact, the last one was ``send_id``; else null."""

    id: str
    kind: Kind
    visitor: str | None
    first_visit: str | None
    started_at: datetime
    last_seen_at: datetime
    pageviews: int
    landing_page: str
    referrer: str
    domain: str
    marker: str
    channel: str
    source_levels: list[str]
    utm: UtmView
    click_id_name: str | None
    click_id: str | None
    country_code: str | None
    country: str | None
    region: str | None
    city: str | None
    ip: str | None
    device: str
    os: str
    browser: str
    user_agent: str
    language: str | None
    timezone: str | None
    google_client_id: str | None
    ym_uid: str | None
    params: dict[str, str]
    contact_id: str | None
    send_id: str | None


class PageviewView(Struct, frozen=True, kw_only=True):
    page: str
    title: str
    referrer: str
    seen_at: datetime


class IntentView(Struct, frozen=True, kw_only=True):
    """``kind``: visible, mailto, copy, select; ``address`` is what the page showed."""

    kind: str
    address: str
    page: str
    seen_at: datetime


class VisitDetails(Struct, frozen=True, kw_only=True):
    """The visit, the pages it was shown (the first 200) and its signs of intent (the first 500), each in order."""

    visit: VisitView
    pages: list[PageviewView]
    intents: list[IntentView]


class VisitPage(Struct, frozen=True, kw_only=True):
    data: list[VisitView]
    next_cursor: str | None = None


class DropView(Struct, frozen=True, kw_only=True):
    """``day`` is UTC; ``reason`` one of the closed list of drop reasons."""

    day: str
    reason: DropReason
    count: int


class DropPage(Struct, frozen=True, kw_only=True):
    data: list[DropView]
    next_cursor: str | None = None


async def _get(call: Call) -> VisitDetails:
    number = call.id("visit")
    async with call.services.db.read() as tx:
        visit = await store.find_visit(tx, call.site_id, number)
        if visit is None:
            raise NotFound(f"there is no visit {number}", hint="visit numbers are those of this site")
        pages = await trail_store.list_pageviews(tx, call.site_id, number)
        intents = await trail_store.list_intents(tx, call.site_id, number)
    return VisitDetails(
        visit=_view(visit),
        pages=[PageviewView(page=o.page, title=o.title, referrer=o.referrer, seen_at=o.seen_at) for o in pages],
        intents=[IntentView(kind=o.kind, address=o.address, page=o.page, seen_at=o.seen_at) for o in intents],
    )


async def _list(call: Call) -> VisitPage:
    query: ListVisits = call.query
    async with call.services.db.read() as tx:
        found = await store.list_visits(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=_parse_cursor(query.cursor),
            since=_aware(query.since, "since"),
            until=_aware(query.until, "until"),
            visitor_id=_parse_number(query.visitor, "visitor"),
        )
    shown = found[: query.limit]
    last = shown[-1] if len(found) > query.limit else None
    cursor = f"{to_ms(last.started_at)}-{last.id}" if last else None
    return VisitPage(data=[_view(one) for one in shown], next_cursor=cursor)


async def _list_drops(call: Call) -> DropPage:
    """Of the path's site; without one in the path, of what could not be said to be any site's."""
    query: ListDrops = call.query
    first = call.services.clock.now().date() - timedelta(days=query.days - 1)
    async with call.services.db.read() as tx:
        counts = await store.list_drops(tx, call.site_id, first.isoformat())
    return DropPage(data=[DropView(day=o.day, reason=DropReason(o.reason), count=o.count) for o in counts])


def _view(one: Visit) -> VisitView:
    own = {"id", "visitor", "first_visit", "utm", "contact_id", "send_id"}
    same = {name: getattr(one, name) for name in VisitView.__struct_fields__ if name not in own}
    return VisitView(
        id=str(one.id),
        visitor=str(one.visitor_id) if one.kind == "visit" else None,
        first_visit=str(one.first_visit) if one.kind == "visit" else None,
        utm=UtmView(
            source=one.utm_source,
            medium=one.utm_medium,
            campaign=one.utm_campaign,
            term=one.utm_term,
            content=one.utm_content,
        ),
        contact_id=None if one.contact_id is None else str(one.contact_id),
        send_id=None if one.send_id is None else str(one.send_id),
        **same,
    )


def _parse_cursor(cursor: str | None) -> tuple[datetime, int] | None:
    if cursor is None:
        return None
    moment, _, number = cursor.partition("-")
    if not (_is_number(moment) and len(moment) <= 14 and _is_number(number)):
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin with the newest",
            field="cursor",
        )
    return from_ms(int(moment)), int(number)


def _parse_number(text: str | None, field: str) -> int | None:
    if text is not None and not _is_number(text):
        raise BadInput(f"{field} “{text[:40]}” is no id", hint="ids are whole numbers", field=field)
    return None if text is None else int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 2**63


def _aware(moment: datetime | None, field: str) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise BadInput(f"{field} names no time zone", hint="write it like 2026-11-21T00:00:00Z", field=field)
    return moment


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/visits", "List visits, the newest first", _list,
        query=ListVisits, answer=VisitPage, tag="visits",
    ),
    Operation(
        "GET", "/sites/{site}/visits/{visit}", "A visit with its pages and signs of intent", _get,
        answer=VisitDetails, tag="visits",
    ),
    Operation(
        "GET", "/sites/{site}/drops", "How many hits were dropped, by day and reason", _list_drops,
        query=ListDrops, answer=DropPage, tag="visits",
    ),
    Operation(
        "GET", "/drops", "How many hits were dropped that named no site there is", _list_drops,
        query=ListDrops, answer=DropPage, scope="operator", tag="visits",
    ),
)  # fmt: skip
