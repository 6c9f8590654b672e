"""Rows of ``send`` and ``send_notice``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, func, select, update

from wherefrom.contacts.contact import Counts
from wherefrom.db import Prepared, Tx, insert
from wherefrom.errors import NotFound
from wherefrom.events.late_store import LATE, note_change_at
from wherefrom.outbound.status import Notice, SendStatus
from wherefrom.outbound.tables import send, send_notice

_COLUMNS = tuple(column.name for column in send.c)
_OUTCOME = (
    *("status", "status_at", "opened_at", "last_opened_at", "opens"),
    *("clicked_at", "last_clicked_at", "clicks", "open_told", "click_told"),
)
_OWN = (send.c.site_id == bindparam("of_site"), send.c.id == bindparam("of_id"))
_FIND = Prepared(select(send).where(*_OWN))
_LOCK = Prepared(select(send).where(*_OWN).with_for_update())
_MOVE = Prepared(update(send).where(*_OWN).values({name: bindparam(f"to_{name}") for name in _OUTCOME}))
_COUNTS: tuple[ColumnElement[Any], ...] = (
    func.count(send.c.opened_at),
    func.count(send.c.clicked_at),
    func.max(send.c.last_opened_at),
    func.max(send.c.last_clicked_at),
)
_COUNT_CONTACT = Prepared(
    select(*_COUNTS).where(send.c.site_id == bindparam("of_site"), send.c.contact_id == bindparam("of_contact"))
)
_LIST_NOTICES = Prepared(
    select(send_notice.c.status, send_notice.c.happened_at, send_notice.c.told_at, send_notice.c.detail)
    .where(send_notice.c.site_id == bindparam("of_site"), send_notice.c.send_id == bindparam("of_send"))
    .order_by(send_notice.c.happened_at, send_notice.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A send: one letter to one contact. ``tracks_opens`` and ``tracks_clicks`` say what the letter carries, ``note``
    why it is less than was asked for. The times and counts of opens and clicks are those by persons."""

    site_id: int
    id: int
    contact_id: int
    subject: str
    list: str
    reference: str
    tracks_opens: bool
    tracks_clicks: bool
    note: str
    status: SendStatus
    status_at: datetime
    created_at: datetime
    opened_at: datetime | None = None
    last_opened_at: datetime | None = None
    opens: int = 0
    clicked_at: datetime | None = None
    last_clicked_at: datetime | None = None
    clicks: int = 0
    open_told: bool = False
    click_told: bool = False


_ADD = Prepared(send.insert(), of=Sent)


class ToldNotice(Struct, frozen=True):
    """A notice as it was told."""

    status: SendStatus
    happened_at: datetime
    told_at: datetime
    detail: str


async def append_send(tx: Tx, new: Sent) -> None:
    await tx.append(_ADD, [new])


async def find_send(tx: Tx, site_id: int, send_id: int) -> Sent | None:
    return _first(await tx.fetch(_FIND, {"of_site": site_id, "of_id": send_id}))


async def get_send(tx: Tx, site_id: int, send_id: int) -> Sent:
    """NotFound when the site has no such send."""
    found = await find_send(tx, site_id, send_id)
    if found is None:
        raise NotFound(f"there is no send {send_id}", hint="GET …/sends lists the site's sends")
    return found


async def lock_send(tx: Tx, site_id: int, send_id: int) -> Sent | None:
    """As ``find_send``, and keeps other writers off the row until the end of the transaction."""
    return _first(await tx.fetch(_LOCK, {"of_site": site_id, "of_id": send_id}))


async def list_sends(
    tx: Tx,
    site_id: int,
    *,
    limit: int,
    before: int | None = None,
    contact_id: int | None = None,
    reference: str | None = None,
    opened: bool | None = None,
    clicked: bool | None = None,
) -> list[Sent]:
    """The newest first, those with a lower id than ``before``."""
    query = select(send).where(send.c.site_id == site_id)
    for column, value in ((send.c.contact_id, contact_id), (send.c.reference, reference)):
        if value is not None:
            query = query.where(column == value)
    for moment, wanted in ((send.c.opened_at, opened), (send.c.clicked_at, clicked)):
        if wanted is not None:
            query = query.where(moment.is_not(None) if wanted else moment.is_(None))
    if before is not None:
        query = query.where(send.c.id < before)
    return [_sent(dict(row._mapping)) for row in await tx.execute(query.order_by(send.c.id.desc()).limit(limit))]


async def record_outcome(tx: Tx, changed: Sent) -> None:
    """Writes what became of a send whose row is locked."""
    values = {f"to_{name}": getattr(changed, name) for name in _OUTCOME}
    await tx.change(_MOVE, {"of_site": changed.site_id, "of_id": changed.id, **values})


async def note_acts(tx: Tx, before: Sent, after: Sent, now: datetime | None = None) -> None:
    """Tells whoever keeps sums that the first open or click of a send is another one; but for what is fresh ``now``."""
    acts = {(before.opened_at, after.opened_at), (before.clicked_at, after.clicked_at)}
    moments = {at for was, is_ in acts if was != is_ for at in (was, is_) if at is not None}
    await note_change_at(tx, before.site_id, {at for at in moments if now is None or at < now - LATE})


async def count_contact(tx: Tx, site_id: int, contact_id: int) -> Counts:
    """Counted anew. The contact's row must be locked, so that two sends' counts do not overtake each other."""
    return Counts(*(await tx.fetch(_COUNT_CONTACT, {"of_site": site_id, "of_contact": contact_id}))[0])


async def append_notice(tx: Tx, site_id: int, id: int, send_id: int, told: ToldNotice) -> bool:
    """False when the same was told before."""
    values = {
        "site_id": site_id, "id": id, "send_id": send_id, "status": told.status.value,
        "happened_at": told.happened_at, "told_at": told.told_at, "detail": told.detail,
    }  # fmt: skip
    keys = ["site_id", "send_id", "status", "happened_at"]
    done = await tx.execute(insert(tx, send_notice).values(values).on_conflict_do_nothing(index_elements=keys))
    if done.rowcount and told.happened_at < told.told_at - LATE:  # what was first before may be so no more
        theirs = send_notice.c.site_id == site_id, send_notice.c.send_id == send_id
        later = select(send_notice.c.happened_at).where(*theirs, send_notice.c.happened_at >= told.happened_at)
        await note_change_at(tx, site_id, set(await tx.scalars(later)))
    return bool(done.rowcount)


async def list_notices(tx: Tx, site_id: int, send_id: int) -> list[ToldNotice]:
    """All that was told, in the order it happened."""
    rows = await tx.fetch(_LIST_NOTICES, {"of_site": site_id, "of_send": send_id})
    return [ToldNotice(SendStatus(status), *rest) for status, *rest in rows]


def as_notices(told: list[ToldNotice]) -> list[Notice]:
    """What the status is made from."""
    return [Notice(one.status, one.happened_at) for one in told]


def _first(rows: Sequence[Sequence[Any]]) -> Sent | None:
    return _sent(dict(zip(_COLUMNS, rows[0], strict=True))) if rows else None


def _sent(values: Mapping[str, Any]) -> Sent:
    return Sent(**{**values, "status": SendStatus(values["status"])})
