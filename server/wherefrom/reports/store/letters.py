"""Letters counted by when something happened to them (J03).

Each letter counts once for each thing, at the first time: so what is counted as opened over all time is the sum of
what all contacts have opened. The database counts by quarters of an hour, which every time zone's days consist of; a
day of the owner's is made of them afterwards. Of spans that are over there are sums by list, made by ``rollup``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, delete, exists, func, or_, select, type_coerce

from wherefrom.clock import from_ms, to_ms
from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import among
from wherefrom.outbound.milestone import EVENTS, Event
from wherefrom.outbound.tables import send, send_notice
from wherefrom.reports.cover import Span
from wherefrom.reports.tables import report_letter

_QUARTER = 900_000
"""Milliseconds of the finest step that zones differ by today."""

_NOTICES: dict[Event, tuple[str, ...]] = {
    "delivered": ("delivered",),
    "failed": ("failed", "rejected"),
    "complained": ("complained",),
    "unsubscribed": ("unsubscribed",),
}
_ITS_SEND = and_(send.c.site_id == send_notice.c.site_id, send.c.id == send_notice.c.send_id)
_ADD = Prepared(report_letter.insert())
ByList = dict[str, dict[Event, int]]
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


async def count_lists(tx: Tx, site_id: int, begin: datetime, end: datetime) -> ByList:
    """The same by list, all times together."""
    found: ByList = {}
    for event in EVENTS:
        for list_, count in await tx.execute(_counting_lists(event, site_id, begin, end)):
            found.setdefault(list_, dict.fromkeys(EVENTS, 0))[event] = count
    return found


async def sum_letters(tx: Tx, site_id: int, spans: Sequence[Span], list_: str | None) -> Counted:
    """What the sums of these spans say, as if all had happened when the span began."""
    columns = [func.sum(report_letter.c[event]) for event in EVENTS]
    begin = type_coerce(report_letter.c.begin_at, BigInteger)
    query = select(report_letter.c.begin_at, *columns).where(
        report_letter.c.site_id == site_id,
        among(begin, "begins"),
        *([report_letter.c.list == list_] * (list_ is not None)),
    )
    rows = await tx.execute(query.group_by(report_letter.c.begin_at), {"begins": [to_ms(one.begin) for one in spans]})
    found: Counted = {event: [] for event in EVENTS}
    for at, *counts in rows:
        for event, count in zip(EVENTS, counts, strict=True):
            found[event].append((at, int(count)))
    return found


async def replace_letters(tx: Tx, site_id: int, span: Span, by_list: ByList) -> None:
    """Writes the sums of a span in place of those of spans that lie in it."""
    within = (report_letter.c.begin_at >= span.begin) & (report_letter.c.begin_at < span.end)
    await tx.execute(delete(report_letter).where(report_letter.c.site_id == site_id, within))
    row = {"site_id": site_id, "begin_at": span.begin}
    await tx.append(_ADD, [{**row, "list": list_, **counts} for list_, counts in by_list.items()])


def _counting_lists(event: Event, site_id: int, begin: datetime, end: datetime) -> Select[Any]:
    where, at = _happened(event, site_id)
    query = select(send.c.list, func.count()).where(*where, at >= begin, at < end).group_by(send.c.list)
    return query.join_from(send_notice, send, _ITS_SEND) if event in _NOTICES else query


def _counting(event: Event, site_id: int, begin: datetime, end: datetime, list_: str | None) -> Select[int, int]:
    where, at = _happened(event, site_id)
    where += [] if list_ is None else [send.c.list == list_]
    quarter = (type_coerce(at, BigInteger) // _QUARTER).label("quarter")
    query = select(quarter, func.count()).where(*where, at >= begin, at < end).group_by(quarter).order_by(quarter)
    if event in _NOTICES and list_ is not None:
        query = query.join_from(send_notice, send, _ITS_SEND)
    return query


def _happened(event: Event, site_id: int) -> tuple[list[ColumnElement[bool]], ColumnElement[Any]]:
    """Which rows tell of it, and when it happened."""
    if event in _NOTICES:
        told = [send_notice.c.site_id == site_id, send_notice.c.status.in_(_NOTICES[event]), _is_first(event)]
        return told, send_notice.c.happened_at
    at = {"sent": send.c.created_at, "opened": send.c.opened_at, "clicked": send.c.clicked_at}[event]
    return [send.c.site_id == site_id], at


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
