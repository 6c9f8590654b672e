"""Rows of ``alarm``: written with the event, gone when people have been told of it.

append_event ─▶ due ─▶ claimed (``next_at`` moves on) ─┬▶ all have their letter, or nobody can be told ─▶ removed
                 ▲                                     └▶ the mail server is away, or a fault of ours ─┐
                 └─────────────────────── next_at ◀────────────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Update, delete, exists, select, update

from wherefrom.db import Tx
from wherefrom.events.tables import alarm


class Alarm(Struct, frozen=True):
    """``event_id`` is to be told of, for the ``tries``-th time; ``told`` are the users who know."""

    site_id: int
    event_id: int
    tries: int
    told: frozenset[int]


async def add_alarm(tx: Tx, site_id: int, event_id: int, now: datetime) -> None:
    """People are to be told of this event."""
    await tx.execute(alarm.insert().values(site_id=site_id, id=event_id, next_at=now, tries=0, told=[]))


async def is_any_alarm_due(tx: Tx, now: datetime) -> bool:
    """Whether there is anything to tell, of any site."""
    return bool(await tx.scalar(select(exists().where(alarm.c.next_at <= now))))


async def claim_alarms(tx: Tx, now: datetime, limit: int, pause: Callable[[int], timedelta]) -> list[Alarm]:
    """Takes what is due longest, of any site; it is due again ``pause`` after so many tries."""
    rows = await tx.execute(
        select(alarm)
        .where(alarm.c.next_at <= now)
        .order_by(alarm.c.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [Alarm(row.site_id, row.id, row.tries + 1, frozenset(row.told)) for row in rows]
    for one in taken:
        await tx.execute(_of(one).values(tries=one.tries, next_at=now + pause(one.tries)))
    return taken


async def set_told(tx: Tx, one: Alarm, told: Collection[int]) -> None:
    """Who knows by now."""
    await tx.execute(_of(one).values(told=sorted(told)))


async def remove_alarm(tx: Tx, one: Alarm) -> None:
    """There is nobody left to tell."""
    await tx.execute(delete(alarm).where(alarm.c.site_id == one.site_id, alarm.c.id == one.event_id))


def _of(one: Alarm) -> Update:
    return update(alarm).where(alarm.c.site_id == one.site_id, alarm.c.id == one.event_id)
