"""Old mail as rows: letters of before their mailbox was connected, which no webhook was told of yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update

from wherefrom.db import Tx
from wherefrom.inbox.tables import message


async def count_old(tx: Tx, site_id: int, mailbox_id: int) -> tuple[int, int]:
    """How many old letters of the mailbox may be told, and how many wait to be sorted first."""
    query = (
        select(message.c.status, func.count())
        .where(_is_old(site_id, mailbox_id), message.c.status.in_(("sorted", "stored")))
        .group_by(message.c.status)
    )
    counts = {row.status: row[1] for row in (await tx.execute(query)).all()}
    return counts.get("sorted", 0), counts.get("stored", 0)


Place = tuple[datetime, int]


async def take_old(
    tx: Tx, site_id: int, mailbox_id: int, after: Place | None, limit: int
) -> tuple[list[int], Place | None]:
    """The ids of the oldest old letters behind ``after``, which count as told from now on, and the place behind them;
    None at the end. Two who take get different ones."""
    query = (
        select(message.c.id, message.c.arrived_at)
        .where(_is_old(site_id, mailbox_id), message.c.status == "sorted")
        .order_by(message.c.arrived_at, message.c.id)
        .limit(limit)
    )
    if after is not None:
        at, last = after
        later = and_(message.c.arrived_at == at, message.c.id > last)
        query = query.where(message.c.arrived_at >= at, or_(message.c.arrived_at > at, later))
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = (await tx.execute(query)).all()
    ids = [row.id for row in rows]
    await tx.execute(update(message).where(message.c.site_id == site_id, message.c.id.in_(ids)).values(historic=False))
    return ids, (rows[-1].arrived_at, rows[-1].id) if len(rows) == limit else None


def _is_old(site_id: int, mailbox_id: int) -> Any:
    return and_(message.c.site_id == site_id, message.c.mailbox_id == mailbox_id, message.c.historic)
