"""All SQL of the archive room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, delete, exists, literal, select, type_coerce, update

from wherefrom.archive.tables import clock_mark
from wherefrom.db import Moment, Tx
from wherefrom.db.insert import insert
from wherefrom.events.tables import alarm
from wherefrom.grants.tables import mailbox_grant
from wherefrom.inbox.tables import loose_blob, mailbox, message
from wherefrom.outbound.tables import outgoing, sender
from wherefrom.substitution.tables import lease, pool_hour, substitute
from wherefrom.tracking.tables import hit
from wherefrom.visits.tables import intent_hour
from wherefrom.webhooks.tables import delivery, endpoint

_PLANNED: tuple[tuple[Column[Any], ...], ...] = (
    (delivery.c.next_at,), (delivery.c.claimed_until,), (endpoint.c.quiet_until,),
    (outgoing.c.next_at,), (outgoing.c.claimed_until,), (sender.c.quiet_until,), (sender.c.paced_until,),
    (message.c.claimed_until,), (mailbox.c.watched_until,), (mailbox_grant.c.claimed_until,), (hit.c.seen_at,),
    (alarm.c.next_at,), (substitute.c.expires_at,), (substitute.c.probe_at,),
    (lease.c.leased_at, lease.c.last_seen_at, lease.c.expires_at),
)  # fmt: skip
"""Moments that something waits for; those after the first of a line go with it."""


async def is_at_work(tx: Tx, now: datetime) -> bool:
    """Whether some process watches a mailbox, by a claim that has not ended."""
    return bool(await tx.scalar(select(exists().where(mailbox.c.watched_until > now))))


async def list_loose(tx: Tx, before: datetime, limit: int) -> list[tuple[int, str]]:
    """Site and name of bytes that lost a letter before ``before``, the oldest first."""
    query = select(loose_blob.c.site_id, loose_blob.c.sha256).where(loose_blob.c.loose_at < before)
    return [(row[0], row[1]) for row in await tx.execute(query.order_by(loose_blob.c.loose_at).limit(limit))]


async def settle_loose(tx: Tx, site_id: int, names: Sequence[str], before: datetime) -> None:
    """These are gone, or needed; those that lost another letter since ``before`` stay in the list."""
    mine = loose_blob.c.site_id == site_id, loose_blob.c.sha256.in_(names), loose_blob.c.loose_at < before
    await tx.execute(delete(loose_blob).where(*mine))


async def put_off_loose(tx: Tx, site_id: int, names: Sequence[str], now: datetime) -> None:
    """These came anew a moment ago, and are looked at again in a day."""
    mine = loose_blob.c.site_id == site_id, loose_blob.c.sha256.in_(names)
    await tx.execute(update(loose_blob).where(*mine).values(loose_at=now))


async def lock_mark(tx: Tx, machine: str) -> datetime | None:
    """The latest time this machine is known to have seen, held until the end of ``tx``; None at its first start."""
    query = select(clock_mark.c.seen_at).where(clock_mark.c.machine == machine)
    found: datetime | None = await tx.scalar(query.with_for_update())
    return found


async def set_mark(tx: Tx, machine: str, seen_at: datetime) -> None:
    """This machine has seen this time."""
    values = {"machine": machine, "seen_at": seen_at}
    wish = insert(tx, clock_mark).values(values)
    await tx.execute(wish.on_conflict_do_update(index_elements=["machine"], set_={"seen_at": seen_at}))


async def forget_marks(tx: Tx, before: datetime) -> None:
    """Of machines that have seen nothing since: containers have a new name at each start."""
    await tx.execute(delete(clock_mark).where(clock_mark.c.seen_at < before))


async def move_back(tx: Tx, now: datetime, by: timedelta) -> None:
    """Of all sites: what waits for a moment after ``now`` waits for one that is earlier by so much."""
    ms = literal(by // timedelta(milliseconds=1), BigInteger)
    for first, *others in _PLANNED:
        moved = {one: type_coerce(type_coerce(one, BigInteger) - ms, Moment) for one in (first, *others)}
        await tx.execute(update(first.table).where(first > now).values(moved))
    for table in (pool_hour, intent_hour):  # counted anew
        await tx.execute(delete(table).where(table.c.begin_at > now - by - timedelta(hours=1)))
