"""Rows of ``deal``: one number per message."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete as sql_delete
from sqlalchemy import select

from wherefrom.db import Tx, insert
from wherefrom.webhooks.tables import deal


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal number. ``endpoint_id``: whose answer it stood in; None when it was told through the API."""

    site_id: int
    subject_id: int
    number: str
    endpoint_id: int | None
    recorded_at: datetime


async def record_deal(
    tx: Tx, *, site_id: int, subject_id: int, number: str, endpoint_id: int | None, now: datetime
) -> None:
    """Keeps the number of a message's deal, in place of an earlier one; what was told through the API is replaced
    only through the API."""
    row = {"site_id": site_id, "subject_id": subject_id, "number": number, "endpoint_id": endpoint_id}
    new = insert(tx, deal).values(**row, recorded_at=now)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[deal.c.site_id, deal.c.subject_id],
            set_={"number": number, "endpoint_id": endpoint_id, "recorded_at": now},
            where=None if endpoint_id is None else deal.c.endpoint_id.is_not(None),
        )
    )


async def find_deals(tx: Tx, site_id: int, subject_ids: Collection[int]) -> dict[int, Deal]:
    """The deals of these messages, by message; those without one are absent."""
    rows = await tx.execute(select(deal).where(deal.c.site_id == site_id, deal.c.subject_id.in_(subject_ids)))
    return {row.subject_id: Deal(**row._mapping) for row in rows}


async def delete_deals(tx: Tx, site_id: int, subject_ids: Collection[int]) -> int:
    """Forgets the deals of these messages; how many there were."""
    done = await tx.execute(sql_delete(deal).where(deal.c.site_id == site_id, deal.c.subject_id.in_(subject_ids)))
    return done.rowcount
