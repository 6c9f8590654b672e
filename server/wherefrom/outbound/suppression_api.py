"""The management API of suppressions: addresses that are not to be mailed, and what was undone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.contacts.api import parse_id_cursor
from wherefrom.contacts.contact import parse_email, parse_line
from wherefrom.errors import Conflict
from wherefrom.outbound.send import LONGEST_LIST
from wherefrom.outbound.store import suppressions as store
from wherefrom.outbound.suppression import Reason, Suppression
from wherefrom.web.api import Call, Operation

_LONGEST_DETAIL = 500


class AddSuppression(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``list`` "" is all mail; ``detail`` is why, in your words."""

    email: str
    list: str = ""
    detail: str = ""


class ListSuppressions(Struct, frozen=True, kw_only=True):
    """``active`` true keeps those that hold, false those that were undone; ``cursor`` is the ``next_cursor`` of the
    page before."""

    email: str | None = None
    active: bool | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class SuppressionView(Struct, frozen=True, kw_only=True):
    """``list`` "" is all mail. ``reason``: unsubscribed (the person's own will), complained, manual. ``undone_by`` is
    "person", or the API key's id as "key 7"."""

    id: str
    email: str
    list: str
    reason: Reason
    detail: str
    send_id: str | None
    created_at: datetime
    undone_at: datetime | None
    undone_by: str


class SuppressionPage(Struct, frozen=True, kw_only=True):
    data: list[SuppressionView]
    next_cursor: str | None = None


async def _add(call: Call) -> SuppressionView:
    body: AddSuppression = call.body
    new = Suppression(
        site_id=call.site_id,
        id=call.services.ids.next(),
        email=parse_email(body.email),
        scope=parse_line(body.list, "list", LONGEST_LIST),
        reason="manual",
        detail=parse_line(body.detail, "detail", _LONGEST_DETAIL),
        send_id=None,
        created_at=call.services.clock.now(),
        created_by=f"key {call.holder.key_id}",
    )
    async with call.services.db.write() as tx:
        if not await store.add_suppression(tx, new):
            raise Conflict(f"{new.email} is suppressed for this already", hint="GET …/suppressions?email=… shows it")
    return _view(new)


async def _list(call: Call) -> SuppressionPage:
    query: ListSuppressions = call.query
    async with call.services.db.read() as tx:
        found = await store.list_suppressions(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=parse_id_cursor(query.cursor),
            email=None if query.email is None else query.email.strip().lower(),
            active=query.active,
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return SuppressionPage(data=[_view(one) for one in shown], next_cursor=cursor)


async def _undo(call: Call) -> SuppressionView:
    """By whom is kept with it."""
    id_ = call.id("suppression")
    async with call.services.db.write() as tx:
        await store.get_suppression(tx, call.site_id, id_)
        await store.mark_undone(tx, call.site_id, id_, call.services.clock.now(), f"key {call.holder.key_id}")
        return _view(await store.get_suppression(tx, call.site_id, id_))


def _view(one: Suppression) -> SuppressionView:
    return SuppressionView(
        id=str(one.id),
        email=one.email,
        list=one.scope,
        reason=one.reason,
        detail=one.detail,
        send_id=None if one.send_id is None else str(one.send_id),
        created_at=one.created_at,
        undone_at=one.undone_at,
        undone_by=one.undone_by,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites/{site}/suppressions", "Keep an address from being mailed", _add,
        body=AddSuppression, answer=SuppressionView, status=201, tag="suppressions",
    ),
    Operation(
        "GET", "/sites/{site}/suppressions", "List addresses that are not to be mailed, the newest first", _list,
        query=ListSuppressions, answer=SuppressionPage, tag="suppressions",
    ),
    Operation(
        "POST", "/sites/{site}/suppressions/{suppression}/undo", "Let an address be mailed again", _undo,
        answer=SuppressionView, tag="suppressions",
    ),
)  # fmt: skip
