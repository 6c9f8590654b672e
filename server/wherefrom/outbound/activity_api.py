"""The management API of one contact's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from wherefrom.clock import from_ms, to_ms
from wherefrom.contacts.store import get_contact
from wherefrom.errors import BadInput
from wherefrom.outbound.store.activities import Activity, Place, list_activities
from wherefrom.web.api import Call, Operation


class ListActivities(Struct, frozen=True, kw_only=True):
    """``cursor`` is the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: str | None = None


class ActivityView(Struct, frozen=True, kw_only=True):
    """A letter sent, opened or clicked, or a notice of what became of it. ``word`` is the verdict of an open or click
    (human, proxy, prefetch, scanner, unknown), the status of a notice; ``detail`` the link, or what was told."""

    at: datetime
    kind: Literal["sent", "open", "click", "notice"]
    send_id: str
    subject: str
    word: str
    detail: str


class ActivityPage(Struct, frozen=True, kw_only=True):
    data: list[ActivityView]
    next_cursor: str | None = None


async def _list(call: Call) -> ActivityPage:
    query: ListActivities = call.query
    async with call.services.db.read() as tx:
        contact = await get_contact(tx, call.site_id, call.id("contact"))
        found = await list_activities(
            tx, call.site_id, contact.id, limit=query.limit + 1, before=_parse_cursor(query.cursor)
        )
    shown = found[: query.limit]
    cursor = f"{to_ms(shown[-1].at)}-{shown[-1].id}" if len(found) > query.limit else None
    return ActivityPage(data=[_view(one) for one in shown], next_cursor=cursor)


def _view(one: Activity) -> ActivityView:
    return ActivityView(
        at=one.at, kind=one.kind, send_id=str(one.send_id), subject=one.subject, word=one.word, detail=one.detail
    )


def _parse_cursor(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    moment, _, id_ = cursor.partition("-")
    numbers = all(part.isascii() and part.isdecimal() and len(part) <= 19 for part in (moment, id_))
    if not numbers or len(moment) > 14 or int(id_) >> 63:
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin with the newest",
            field="cursor",
        )
    return from_ms(int(moment)), int(id_)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/contacts/{contact}/activities", "A contact's timeline, the newest first", _list,
        query=ListActivities, answer=ActivityPage, tag="contacts",
    ),
)  # fmt: skip
