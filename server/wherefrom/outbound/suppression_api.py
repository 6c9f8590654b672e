"""The management API of suppressions: addresses that are not to be mailed, and what was undone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from wherefrom.clock import from_ms, to_ms
from wherefrom.contacts.api import parse_id_cursor
from wherefrom.contacts.contact import parse_email, parse_line
from wherefrom.errors import BadInput, Conflict
from wherefrom.outbound.send import LONGEST_LIST
from wherefrom.outbound.store import suppressions as store
from wherefrom.outbound.suppression import Flags, Reason, Suppression
from wherefrom.web.api import Call, Operation

_LONGEST_DETAIL = 500


class AddSuppression(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``list`` "" is all mail; ``detail`` is why, in your words."""

    email: str
    list: str = ""
    detail: str = ""


class ListSuppressions(Struct, frozen=True, kw_only=True):
    """``active`` true keeps those that hold, false those that were undone; ``reason`` those with this one; ``cursor``
    is the ``next_cursor`` of the page before."""

    email: str | None = None
    active: bool | None = None
    reason: Reason | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class SuppressionView(Struct, frozen=True, kw_only=True):
    """``list`` "" is all mail. ``reason``: unsubscribed (the person's own will), complained, bounced, manual.
    ``created_by`` and ``undone_by``: "person" (who got the letter), "mailbox" (a report that came), "server" (that
    refused the letter), "api" (a notice), or the API key's id as "key 7"; "" where it was not kept."""

    id: str
    email: str
    list: str
    reason: Reason
    detail: str
    send_id: str | None
    created_at: datetime
    created_by: str
    undone_at: datetime | None
    undone_by: str


class SuppressionPage(Struct, frozen=True, kw_only=True):
    data: list[SuppressionView]
    next_cursor: str | None = None


class ListChanges(Struct, frozen=True, kw_only=True):
    """``cursor`` is the ``next_cursor`` of the page before."""

    email: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ChangeView(Struct, frozen=True, kw_only=True):
    """A suppression was ``made`` or ``undone``, when and by whom; the suppression as it stands now."""

    at: datetime
    by: str
    what: Literal["made", "undone"]
    suppression: SuppressionView


class ChangePage(Struct, frozen=True, kw_only=True):
    data: list[ChangeView]
    next_cursor: str | None = None


class AskFlags(Struct, frozen=True, kw_only=True):
    """``list`` is the kind of mail that is meant; "" asks for mail of no list."""

    list: str = ""


class FlagsView(Struct, frozen=True, kw_only=True):
    """``mailable``: a letter of this list may be sent. ``unsubscribed``: the person wants no mail at all; ``lists`` are
    those they left one by one. ``suppressed``: the address is not to be mailed for another reason, which is in
    ``reasons``."""

    email: str
    mailable: bool
    unsubscribed: bool
    suppressed: bool
    lists: list[str]
    reasons: list[Reason]


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
            email=None if query.email is None else parse_email(query.email),
            active=query.active,
            reason=query.reason,
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


async def _list_changes(call: Call) -> ChangePage:
    query: ListChanges = call.query
    async with call.services.db.read() as tx:
        found = await store.list_changes(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=_parse_place(query.cursor),
            email=None if query.email is None else parse_email(query.email),
        )
    shown = found[: query.limit]
    place = store.place_of(shown[-1]) if len(found) > query.limit else None
    return ChangePage(
        data=[
            ChangeView(at=one.at, by=one.by, what="undone" if one.undone else "made", suppression=_view(one.of))
            for one in shown
        ],
        next_cursor=f"{to_ms(place[0])}-{place[1]}" if place else None,
    )


async def _flags(call: Call) -> FlagsView:
    query: AskFlags = call.query
    email = parse_email(call.path["email"])
    async with call.services.db.read() as tx:
        flags = (await store.list_flags(tx, call.site_id, [email])).get(email, Flags())
        forbids = await store.find_active(tx, call.site_id, email, parse_line(query.list, "list", LONGEST_LIST))
    return FlagsView(
        email=email,
        mailable=forbids is None,
        unsubscribed=flags.unsubscribed,
        suppressed=flags.suppressed,
        lists=list(flags.lists),
        reasons=list(flags.reasons),
    )


def _parse_place(cursor: str | None) -> store.Place | None:
    if cursor is None:
        return None
    moment, _, number = cursor.partition("-")
    if (
        not all(part.isascii() and part.isdecimal() and len(part) <= 20 for part in (moment, number))
        or len(moment) > 14
    ):
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin with the newest",
            field="cursor",
        )
    return from_ms(int(moment)), min(int(number), 2**64 - 3)


def _view(one: Suppression) -> SuppressionView:
    return SuppressionView(
        id=str(one.id),
        email=one.email,
        list=one.scope,
        reason=one.reason,
        detail=one.detail,
        send_id=None if one.send_id is None else str(one.send_id),
        created_at=one.created_at,
        created_by=one.created_by,
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
        "GET", "/sites/{site}/suppressions/changes", "List what was suppressed and undone, when and by whom",
        _list_changes, query=ListChanges, answer=ChangePage, tag="suppressions",
    ),
    Operation(
        "GET", "/sites/{site}/suppressions/flags/{email}", "May this address be mailed?", _flags,
        query=AskFlags, answer=FlagsView, tag="suppressions",
    ),
    Operation(
        "POST", "/sites/{site}/suppressions/{suppression}/undo", "Let an address be mailed again", _undo,
        answer=SuppressionView, tag="suppressions",
    ),
)  # fmt: skip
