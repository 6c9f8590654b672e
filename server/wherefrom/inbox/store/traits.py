"""Rows of ``trait``: letters by a value of their visit, in the order of the history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, delete, literal, select, tuple_

from wherefrom.db import Prepared, Tx
from wherefrom.inbox.tables import trait
from wherefrom.inbox.traits import Sourced, find_value, list_traits

_ADD = Prepared(trait.insert())
Place = tuple[datetime, int]
"""When a letter arrived, and its id."""


async def add_traits(tx: Tx, site_id: int, place: Place, visit: Sourced) -> None:
    """Of a new letter."""
    arrived_at, message_id = place
    row = {"site_id": site_id, "arrived_at": arrived_at, "message_id": message_id}
    await tx.append(_ADD, [{**row, "name": name, "value": value} for name, value in list_traits(visit)])


async def replace_traits(tx: Tx, site_id: int, place: Place, visit: Sourced | None) -> None:
    """Of a letter whose visit is another one now, or none."""
    await tx.execute(delete(trait).where(trait.c.site_id == site_id, trait.c.message_id == place[1]))
    if visit is not None:
        await add_traits(tx, site_id, place, visit)


async def list_places(
    tx: Tx, site_id: int, wanted: tuple[str, str], span: tuple[datetime | None, datetime | None], below: Place | None,
    limit: int,
) -> list[Place]:  # fmt: skip
    """The newest letters with a trait below a place, and in a span of time (its end does not count in)."""
    name, value = wanted
    query = select(trait.c.arrived_at, trait.c.message_id).where(
        trait.c.site_id == site_id, trait.c.name == name, trait.c.value == find_value(name, value)
    )
    begin, end = span
    if begin is not None:
        query = query.where(trait.c.arrived_at >= begin)
    if end is not None:
        query = query.where(trait.c.arrived_at < end)
    if below is not None:
        bound = tuple_(literal(below[0], trait.c.arrived_at.type), literal(below[1], BigInteger))
        query = query.where(tuple_(trait.c.arrived_at, trait.c.message_id) < bound)
    query = query.order_by(trait.c.arrived_at.desc(), trait.c.message_id.desc()).limit(limit)
    return [(arrived_at, message_id) for arrived_at, message_id in await tx.execute(query)]
