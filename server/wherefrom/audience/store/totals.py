"""Letters counted by when something happened to them (J03).

Each letter counts once for each thing, at the first time: so what is counted as opened over all time is the sum of
what all contacts have opened. The database counts by quarters of an hour, which every time zone's days consist of; a
day of the owner's is made of them afterwards (``totals.py``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, exists, func, or_, select, type_coerce

from wherefrom.audience.filter import EVENTS, Event
from wherefrom.clock import from_ms
from wherefrom.db import Tx
from wherefrom.outbound.tables import send, send_notice

_QUARTER = 900_000
"""Milliseconds of the finest step that zones differ by today."""

_NOTICES: dict[Event, tuple[str, ...]] = {
    "delivered": ("delivered",),
    "failed": ("failed", "rejected"),
    "complained": ("complained",),
    "unsubscribed": ("unsubscribed",),
}
Counted = dict[Event, list[tuple[datetime, int]]]
"""By event: the beginning of a quarter of an hour, and how many letters."""


async def count_letters(tx: Tx, site_id: int, begin: datetime, end: datetime, list_: str | None) -> Counted:
    """What happened from ``begin`` up to, not including, ``end``, to letters of one list, or all. Quarters in which
    nothing happened are left out."""
    found: Counted = {}
    for event in EVENTS:
        rows = await tx.execute(_counting(event, site_id, begin, end, list_))
        found[event] = [(from_ms(quarter * _QUARTER), count) for quarter, count in rows]
    return found


def _counting(event: Event, site_id: int, begin: datetime, end: datetime, list_: str | None) -> Select[int, int]:
    where: list[ColumnElement[bool]] = [] if list_ is None else [send.c.list == list_]
    if event in _NOTICES:
        at: ColumnElement[Any] = send_notice.c.happened_at
        where += [send_notice.c.site_id == site_id, send_notice.c.status.in_(_NOTICES[event]), _is_first(event)]
    else:
        at = {"sent": send.c.created_at, "opened": send.c.opened_at, "clicked": send.c.clicked_at}[event]
        where += [send.c.site_id == site_id]
    quarter = (type_coerce(at, BigInteger) // _QUARTER).label("quarter")
    query = select(quarter, func.count()).where(*where, at >= begin, at < end).group_by(quarter).order_by(quarter)
    if event in _NOTICES and list_ is not None:
        its_send = and_(send.c.site_id == send_notice.c.site_id, send.c.id == send_notice.c.send_id)
        query = query.join_from(send_notice, send, its_send)
    return query


def _is_first(event: Event) -> ColumnElement[bool]:
    """No notice of the same before, by the index alone. Of one status a send has no two of the same moment
    (``uq_send_notice``); of two statuses one goes before the other."""
    other, statuses = send_notice.alias(), _NOTICES[event]
    earlier = other.c.happened_at < send_notice.c.happened_at
    if len(statuses) > 1:
        at_once = and_(other.c.happened_at == send_notice.c.happened_at, other.c.status < send_notice.c.status)
        earlier = or_(earlier, at_once)
    return ~exists().where(
        other.c.site_id == send_notice.c.site_id,
        other.c.send_id == send_notice.c.send_id,
        other.c.status.in_(statuses),
        earlier,
    )
