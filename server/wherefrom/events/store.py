"""Rows of ``event``: appended with the change that made them true, read when that is committed, never altered but for
the mark that the webhooks room has made its deliveries.

    append_event ─▶ fanned_at NULL ─▶ claim_unfanned … mark_fanned ─▶ fanned_at set     (claim and mark in one write)
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row, Text, select, type_coerce, update

from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import any_of
from wherefrom.events.alarm_store import add_alarm
from wherefrom.events.tables import event
from wherefrom.events.types import ALARMS, SHAPES, EventType

_ADD = Prepared(event.insert())
S = TypeVar("S", bound=msgspec.Struct)


class Event(msgspec.Struct, frozen=True):
    """One fact. ``json`` is the snapshot's text, ``data`` its plain values, ``read_as`` the snapshot itself.
    ``subject_id`` is the message of ``message.received``, the endpoint of ``webhook.disabled``."""

    site_id: int
    id: int
    type: EventType
    subject_id: int
    json: str
    created_at: datetime

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.json)

    def read_as(self, shape: builtins.type[S]) -> S:
        """``data`` as ``shape``, which must be the one of this event's type."""
        if SHAPES[self.type] is not shape:
            raise TypeError(f"the data of {self.type} is {SHAPES[self.type].__name__}, not {shape.__name__}")
        return msgspec.json.decode(self.json, type=shape)


# The snapshot as it is written: most who read events need few of its values, or none.
_JSON = type_coerce(event.c.data, Text).label("json")
_COLUMNS = (event.c.site_id, event.c.id, event.c.type, event.c.subject_id, _JSON, event.c.created_at)


def _value(row: Row[*tuple[Any, ...]]) -> Event:
    return Event(row.site_id, row.id, EventType(row.type), row.subject_id, row.json, row.created_at)


async def append_event(
    tx: Tx, *, id: int, site_id: int, type: EventType, subject_id: int, data: msgspec.Struct, now: datetime
) -> None:
    """Adds a fact to the caller's transaction, and with one of ``ALARMS`` that people are to be told of it. ValueError
    for a type that is not on the list, TypeError for data of another shape than the type's: both are faults of the
    caller. Ring the bell "events" after the commit."""
    kind = EventType(type)
    if not isinstance(data, SHAPES[kind]):
        raise TypeError(f"the data of {kind} is {SHAPES[kind].__name__}, not {data.__class__.__name__}")
    row = {
        "site_id": site_id, "id": id, "type": kind.value, "subject_id": subject_id, "data": data, "created_at": now,
        "fanned_at": None,
    }  # fmt: skip
    await tx.append(_ADD, [row])
    if kind in ALARMS:
        await add_alarm(tx, site_id, id, now)


async def claim_unfanned(tx: Tx, limit: int) -> list[Event]:
    """The oldest events without deliveries, over all sites, locked until the end of ``tx`` (a write): on PostgreSQL a
    second process skips them, on SQLite it waits. Mark them in the same transaction."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(event.c.fanned_at.is_(None))
        .order_by(event.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_value(row) for row in rows]


async def mark_fanned(tx: Tx, events: Iterable[Event], now: datetime) -> None:
    """Deliveries are made; one that is marked already keeps its time."""
    keys = [(one.site_id, one.id) for one in events]
    if not keys:
        return
    await tx.execute(
        update(event)
        .where(any_of(event.c.site_id, event.c.id, keys), event.c.fanned_at.is_(None))
        .values(fanned_at=now)
    )


async def find_event(tx: Tx, site_id: int, event_id: int) -> Event | None:
    """One event of the site."""
    row = (await tx.execute(select(*_COLUMNS).where(event.c.site_id == site_id, event.c.id == event_id))).first()
    return None if row is None else _value(row)


async def list_events(
    tx: Tx, site_id: int, *, type: EventType | None = None, before: int | None = None, limit: int = 50
) -> list[Event]:
    """Events of the site, the newest first, those with a lower id than ``before``."""
    query = select(*_COLUMNS).where(event.c.site_id == site_id)
    if type is not None:
        query = query.where(event.c.type == type.value)
    if before is not None:
        query = query.where(event.c.id < before)
    rows = await tx.execute(query.order_by(event.c.id.desc()).limit(limit))
    return [_value(row) for row in rows]


async def list_subject_events(tx: Tx, site_id: int, subject_id: int) -> list[Event]:
    """Everything that was told of one subject, oldest first."""
    query = select(*_COLUMNS).where(event.c.site_id == site_id, event.c.subject_id == subject_id)
    return [_value(row) for row in await tx.execute(query.order_by(event.c.id))]
