"""Rows of ``deal``: what the CRM made of a message, one row each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import case, func, or_, select, update
from sqlalchemy import delete as sql_delete

from wherefrom.db import Tx, insert
from wherefrom.events.late_store import note_change_of
from wherefrom.webhooks.tables import deal


class Deal(Struct, frozen=True):
    """A message's deal. ``number`` "" while only its status or value is known; ``endpoint_id``: whose answer the number
    stood in, None when it was told through the API; ``value`` in ten-thousandths of the currency's unit."""

    site_id: int
    subject_id: int
    number: str
    endpoint_id: int | None
    status: str | None
    value: int | None
    currency: str | None
    recorded_at: datetime


async def record_deal(
    tx: Tx, *, site_id: int, subject_id: int, number: str, endpoint_id: int | None, now: datetime,
    status: str | None = None, value: int | None = None, currency: str | None = None,
) -> None:  # fmt: skip
    """Keeps the number of a message's deal, in place of an earlier one; what was told through the API is replaced
    only through the API. Status, value and currency of the same deal fill what is empty: a CRM tells later ones
    through the API. Another deal begins with its own."""
    await _note(tx, site_id, [subject_id], number)
    row = {"site_id": site_id, "subject_id": subject_id, "number": number, "endpoint_id": endpoint_id}
    about = {"status": status, "value": value, "currency": currency}
    new = insert(tx, deal).values(**row, **about, recorded_at=now)
    same = or_(deal.c.number == number, deal.c.number == "")
    kept = {
        name: case((same, func.coalesce(deal.c[name], new.excluded[name])), else_=new.excluded[name]) for name in about
    }
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[deal.c.site_id, deal.c.subject_id],
            set_={"number": number, "endpoint_id": endpoint_id, "recorded_at": now, **kept},
            where=None if endpoint_id is None else or_(deal.c.endpoint_id.is_not(None), deal.c.number == ""),
        )
    )


async def update_deal(tx: Tx, site_id: int, subject_id: int, values: Mapping[str, Any], now: datetime) -> None:
    """Writes the columns named in ``values`` as told through the API, making the row when there is none."""
    told = dict(values)
    await _note(tx, site_id, [subject_id], told.get("number", ""))
    if "number" in told:
        told["endpoint_id"] = None
    row = {"site_id": site_id, "subject_id": subject_id, "number": "", "recorded_at": now} | told
    await tx.execute(
        insert(tx, deal)
        .values(**row)
        .on_conflict_do_update(index_elements=[deal.c.site_id, deal.c.subject_id], set_={**told, "recorded_at": now})
    )


async def update_deals_numbered(tx: Tx, site_id: int, number: str, values: Mapping[str, Any], now: datetime) -> int:
    """Writes the columns named in ``values`` for every message whose deal has this number; how many there are."""
    await _note(tx, site_id, [], number)
    done = await tx.execute(
        update(deal).where(deal.c.site_id == site_id, deal.c.number == number).values(**values, recorded_at=now)
    )
    return done.rowcount


async def find_deals(tx: Tx, site_id: int, subject_ids: Collection[int]) -> dict[int, Deal]:
    """The deals of these messages, by message; those without one are absent."""
    rows = await tx.execute(select(deal).where(deal.c.site_id == site_id, deal.c.subject_id.in_(subject_ids)))
    return {row.subject_id: Deal(**row._mapping) for row in rows}


async def delete_deals(tx: Tx, site_id: int, subject_ids: Collection[int], *, with_messages: bool = False) -> int:
    """Forgets the deals of these messages, which may be about to go themselves; how many there were."""
    await _note(tx, site_id, subject_ids, gone=subject_ids if with_messages else ())
    done = await tx.execute(sql_delete(deal).where(deal.c.site_id == site_id, deal.c.subject_id.in_(subject_ids)))
    return done.rowcount


async def _note(
    tx: Tx, site_id: int, subject_ids: Collection[int], number: str = "", gone: Collection[int] = ()
) -> None:
    """The deals of these messages are about to change, and with them those of all messages that have the same number as
    one of them, before (as it is in the table) or after (``number``): a deal of several counts once. Of messages that
    are ``gone`` there is nothing to be said any more."""
    mine = deal.c.site_id == site_id
    known = select(deal.c.number).where(mine, deal.c.subject_id.in_(subject_ids))
    numbers = {one for one in (*await tx.scalars(known), number) if one}
    others = select(deal.c.subject_id).where(mine, deal.c.number.in_(numbers))
    found = set(await tx.scalars(others)) if numbers else set()
    await note_change_of(tx, site_id, (found | set(subject_ids)) - set(gone))
