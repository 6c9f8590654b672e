"""Deliveries and events that are over, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, delete, exists, select

from wherefrom.db import Tx
from wherefrom.db.walk import Slice, find_old
from wherefrom.events.tables import event
from wherefrom.webhooks.tables import attempt, delivery

IS_OPEN = delivery.c.status == "pending"
_HAS_OPEN = exists().where(
    delivery.c.site_id == event.c.site_id, delivery.c.subject_id == event.c.subject_id,
    delivery.c.event_id == event.c.id, IS_OPEN,
)  # fmt: skip
_MAY_GO = and_(event.c.fanned_at.is_not(None), ~_HAS_OPEN)


async def find_old_deliveries(tx: Tx, site_id: int, before: datetime, after: int, limit: int) -> Slice:
    """Ended before ``before``."""
    ended = and_(~IS_OPEN, delivery.c.ended_at < before)
    return await find_old(
        tx, delivery, delivery.c.created_at, ended, site_id=site_id, before=before, after=after, limit=limit
    )


async def forget_deliveries(tx: Tx, site_id: int, ids: Sequence[int]) -> int:
    """Removes those of them that are not open (again), with their attempts; how many."""
    mine = delivery.c.site_id == site_id, delivery.c.id.in_(ids)
    over = list(await tx.scalars(select(delivery.c.id).where(*mine, ~IS_OPEN).with_for_update()))
    await tx.execute(delete(attempt).where(attempt.c.site_id == site_id, attempt.c.delivery_id.in_(over)))
    await tx.execute(delete(delivery).where(delivery.c.site_id == site_id, delivery.c.id.in_(over)))
    return len(over)


async def find_old_events(tx: Tx, site_id: int, before: datetime, after: int, limit: int) -> Slice:
    """Written before ``before``, handed on to all endpoints, and taken or given up by all of them."""
    return await find_old(
        tx, event, event.c.created_at, _MAY_GO, site_id=site_id, before=before, after=after, limit=limit
    )


async def forget_events(tx: Tx, site_id: int, ids: Sequence[int]) -> int:
    """Removes those of them that still may go; how many."""
    done = await tx.execute(delete(event).where(event.c.site_id == site_id, event.c.id.in_(ids), _MAY_GO))
    return done.rowcount


async def forget_told(tx: Tx, site_id: int, subjects: Sequence[int]) -> None:
    """Removes all that was told of these, which nobody waits for any more."""
    ids = select(delivery.c.id).where(delivery.c.site_id == site_id, delivery.c.subject_id.in_(subjects))
    await forget_deliveries(tx, site_id, list(await tx.scalars(ids)))
    await tx.execute(delete(event).where(event.c.site_id == site_id, event.c.subject_id.in_(subjects)))
