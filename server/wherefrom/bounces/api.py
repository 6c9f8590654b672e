"""The management API of bounces and complaints: what came back of letters, and what was made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from wherefrom.contacts.contact import parse_email
from wherefrom.errors import BadInput
from wherefrom.outbound.store.bounces import Bounce, Proof, list_bounces
from wherefrom.web.api import Call, Operation

WeightWord = Literal["hard", "soft", "passing", "waiting", "noted", "delivered", "complaint"]


class ListBounces(Struct, frozen=True, kw_only=True):
    """``email``, ``send`` (an id) and ``weight`` keep theirs; ``cursor`` is the ``next_cursor`` of the page before."""

    email: str | None = None
    send: str | None = None
    weight: WeightWord | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class BounceView(Struct, frozen=True, kw_only=True):
    """What was told of one letter. ``weight``: hard (mail ends), soft (three in days of three letters end it), passing
    (full, refused for what the letter or its sender is, or of another address), waiting, noted (nothing of its fate),
    delivered, complaint. ``code`` is RFC 3463's, or the kind of a complaint; ``reason`` why it weighs so; ``detail``
    the other server's words. ``proof`` shows that it is of this letter: return-path, token, server; "address" proves
    nothing, and nothing was done. ``ended``: mail to the address was ended by it. ``message_id`` is the letter that
    told it, null where a server refused at once."""

    id: str
    send_id: str
    contact_id: str
    email: str
    weight: WeightWord
    code: str
    reason: str
    detail: str
    proof: Proof
    ended: bool
    message_id: str | None
    happened_at: datetime
    told_at: datetime


class BouncePage(Struct, frozen=True, kw_only=True):
    data: list[BounceView]
    next_cursor: str | None = None


async def _list(call: Call) -> BouncePage:
    query: ListBounces = call.query
    async with call.services.db.read() as tx:
        found = await list_bounces(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=_parse_id(query.cursor, "cursor"),
            email=None if query.email is None else parse_email(query.email),
            send_id=_parse_id(query.send, "send"),
            weight=query.weight,
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return BouncePage(data=[_view(one) for one in shown], next_cursor=cursor)


def _parse_id(text: str | None, field: str) -> int | None:
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 2**63):
        raise BadInput(f"{field} “{text[:40]}” is no id", hint="ids are whole numbers", field=field)
    return None if text is None else int(text)


def _view(one: Bounce) -> BounceView:
    ids = ("id", "send_id", "contact_id", "message_id")
    same = {name: getattr(one, name) for name in BounceView.__struct_fields__ if name not in ids}
    return BounceView(
        id=str(one.id),
        send_id=str(one.send_id),
        contact_id=str(one.contact_id),
        message_id=None if one.message_id is None else str(one.message_id),
        **same,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/bounces", "List bounces and complaints, the newest first", _list,
        query=ListBounces, answer=BouncePage, tag="bounces",
    ),
)  # fmt: skip
