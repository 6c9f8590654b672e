"""The management API of events: the facts as webhooks tell them, to be read instead of, or after, a webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from wherefrom.errors import BadInput
from wherefrom.events.store import Event, list_events
from wherefrom.events.types import EventType
from wherefrom.web.api import Call, Operation

_LARGEST_ID = 2**63 - 1


class EventQuery(Struct, frozen=True, kw_only=True):
    """``type`` keeps one kind; ``cursor`` is the ``next_cursor`` of the page before."""

    type: EventType | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class EventView(Struct, frozen=True, kw_only=True):
    """One fact; ``data`` is what a webhook of format ``standard`` carries."""

    id: str
    type: EventType
    subject_id: str
    created_at: datetime
    data: Any


class EventPage(Struct, frozen=True, kw_only=True):
    data: list[EventView]
    next_cursor: str | None


async def _list(call: Call) -> EventPage:
    query: EventQuery = call.query
    before = _parse_cursor(query.cursor)
    async with call.services.db.read() as tx:
        found = await list_events(tx, call.site_id, type=query.type, before=before, limit=query.limit + 1)
    shown = found[: query.limit]
    more = str(shown[-1].id) if len(found) > len(shown) else None
    return EventPage(data=[_view(one) for one in shown], next_cursor=more)


def _parse_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 19 and int(cursor) <= _LARGEST_ID):
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin with the newest",
            field="cursor",
        )
    return int(cursor)


def _view(one: Event) -> EventView:
    return EventView(
        id=str(one.id), type=one.type, subject_id=str(one.subject_id), created_at=one.created_at, data=one.data
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/sites/{site}/events",
        "List a site's events, the newest first",
        _list,
        query=EventQuery,
        answer=EventPage,
        tag="events",
    ),
)
