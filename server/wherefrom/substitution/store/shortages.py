"""Rows of ``shortage``, and when a pool's addresses were out: what tells how large a pool should be.

Rows are only ever added, so that two group commits which find two pools empty never wait for each other.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from wherefrom.db import Tx
from wherefrom.db.keys import any_of
from wherefrom.substitution.sizing import Shortage, Span
from wherefrom.substitution.tables import lease, shortage
from wherefrom.substitution.target import Target


async def append_shortage(tx: Tx, target: Target, id_: int, visit_id: int, now: datetime, *, shared: bool) -> None:
    """The target's pool had nothing free for a visit."""
    row = {"site_id": target.site_id, "id": id_, "target_id": target.id, "visit_id": visit_id, "at": now}
    await tx.execute(shortage.insert().values(row | {"shared": shared}))


async def list_shortages(tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime) -> list[Shortage]:
    """The target's, from ``begin`` up to, not including, ``end``, oldest first."""
    rows = await tx.execute(
        select(shortage.c.visit_id, shortage.c.at, shortage.c.shared)
        .where(
            shortage.c.site_id == site_id, shortage.c.target_id == target_id, shortage.c.at >= begin,
            shortage.c.at < end,
        )
        .order_by(shortage.c.at)
    )  # fmt: skip
    return [Shortage(*row) for row in rows]


async def list_spans(tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime) -> list[Span]:
    """When the target's substitutes were out, each to one visit (not the shared ones): spans that touch the period."""
    rows = await tx.execute(
        select(lease.c.leased_at, lease.c.expires_at).where(
            lease.c.site_id == site_id, lease.c.target_id == target_id, lease.c.expires_at > begin,
            lease.c.leased_at < end, lease.c.shared.is_(False),
        )
    )  # fmt: skip
    return [(leased_at, expires_at) for leased_at, expires_at in rows]


async def is_any_coded(tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime) -> bool:
    """Whether addresses with codes were out as well in the period: the target had no pool once."""
    query = select(lease.c.id).where(
        lease.c.site_id == site_id, lease.c.target_id == target_id, lease.c.expires_at > begin,
        lease.c.leased_at < end, lease.c.strategy != "pool",
    )  # fmt: skip
    return (await tx.execute(query.limit(1))).first() is not None


async def forget_shortages(tx: Tx, before: datetime, limit: int) -> int:
    """Removes those before ``before`` on all sites; how many."""
    rows = (
        await tx.execute(select(shortage.c.site_id, shortage.c.id).where(shortage.c.at < before).limit(limit))
    ).all()
    keys = [(row.site_id, row.id) for row in rows]
    done = await tx.execute(delete(shortage).where(any_of(shortage.c.site_id, shortage.c.id, keys)))
    return done.rowcount
