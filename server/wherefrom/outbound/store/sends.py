"""Rows of ``send`` and ``send_notice``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from wherefrom.contacts.contact import Counts
from wherefrom.db import Tx, insert
from wherefrom.errors import NotFound
from wherefrom.outbound.status import Notice, SendStatus
from wherefrom.outbound.tables import send, send_notice

_COLUMNS = tuple(column.name for column in send.c)
_OUTCOME = (
    *("status", "status_at", "opened_at", "last_opened_at", "opens"),
    *("clicked_at", "last_clicked_at", "clicks", "open_told", "click_told"),
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


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A notice as it was told."""

    status: SendStatus
    happened_at: datetime
    told_at: datetime
    detail: str


async def append_send(tx: Tx, new: Sent) -> None:
    await tx.execute(send.insert().values({name: getattr(new, name) for name in _COLUMNS}))


async def find_send(tx: Tx, site_id: int, send_id: int) -> Sent | None:
    row = (await tx.execute(select(send).where(send.c.site_id == site_id, send.c.id == send_id))).first()
    return None if row is None else _value(row)


async def get_send(tx: Tx, site_id: int, send_id: int) -> Sent:
    """NotFound when the site has no such send."""
    found = await find_send(tx, site_id, send_id)
    if found is None:
        raise NotFound(f"there is no send {send_id}", hint="GET …/sends lists the site's sends")
    return found


async def lock_send(tx: Tx, site_id: int, send_id: int) -> Sent | None:
    """As ``find_send``, and keeps other writers off the row until the end of the transaction."""
    query = select(send).where(send.c.site_id == site_id, send.c.id == send_id).with_for_update()
    row = (await tx.execute(query)).first()
    return None if row is None else _value(row)


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
    return [_value(row) for row in await tx.execute(query.order_by(send.c.id.desc()).limit(limit))]


async def record_outcome(tx: Tx, changed: Sent) -> None:
    """Writes what became of a send whose row is locked."""
    await tx.execute(
        update(send)
        .where(send.c.site_id == changed.site_id, send.c.id == changed.id)
        .values({name: getattr(changed, name) for name in _OUTCOME})
    )


async def count_contact(tx: Tx, site_id: int, contact_id: int) -> Counts:
    """Counted anew. The contact's row must be locked, so that two sends' counts do not overtake each other."""
    query = select(
        func.count(send.c.opened_at),
        func.count(send.c.clicked_at),
        func.max(send.c.last_opened_at),
        func.max(send.c.last_clicked_at),
    ).where(send.c.site_id == site_id, send.c.contact_id == contact_id)
    opened, clicked, last_opened_at, last_clicked_at = (await tx.execute(query)).one()
    return Counts(opened, clicked, last_opened_at, last_clicked_at)


async def append_notice(tx: Tx, site_id: int, id: int, send_id: int, told: ToldNotice) -> bool:
    """False when the same was told before."""
    values = {
        "site_id": site_id, "id": id, "send_id": send_id, "status": told.status.value,
        "happened_at": told.happened_at, "told_at": told.told_at, "detail": told.detail,
    }  # fmt: skip
    keys = ["site_id", "send_id", "status", "happened_at"]
    done = await tx.execute(insert(tx, send_notice).values(values).on_conflict_do_nothing(index_elements=keys))
    return bool(done.rowcount)


async def list_notices(tx: Tx, site_id: int, send_id: int) -> list[ToldNotice]:
    """All that was told, in the order it happened."""
    rows = await tx.execute(
        select(send_notice)
        .where(send_notice.c.site_id == site_id, send_notice.c.send_id == send_id)
        .order_by(send_notice.c.happened_at, send_notice.c.id)
    )
    return [ToldNotice(SendStatus(row.status), row.happened_at, row.told_at, row.detail) for row in rows]


def as_notices(told: list[ToldNotice]) -> list[Notice]:
    """What the status is made from."""
    return [Notice(one.status, one.happened_at) for one in told]


def _value(row: Row[Any]) -> Sent:
    values = dict(row._mapping)
    return Sent(**{**values, "status": SendStatus(values["status"])})
