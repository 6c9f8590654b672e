"""Rows of ``suppression``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from wherefrom.db import Tx, insert
from wherefrom.errors import NotFound
from wherefrom.outbound.suppression import ALL, Suppression
from wherefrom.outbound.tables import suppression

_COLUMNS = tuple(column.name for column in suppression.c)


async def add_suppression(tx: Tx, new: Suppression) -> bool:
    """False when the address is suppressed for this scope already."""
    done = await tx.execute(
        insert(tx, suppression)
        .values({name: getattr(new, name) for name in _COLUMNS})
        .on_conflict_do_nothing(
            index_elements=["site_id", "email", "scope"], index_where=suppression.c.undone_at.is_(None)
        )
    )
    return bool(done.rowcount)


async def find_active(tx: Tx, site_id: int, email: str, scope: str) -> Suppression | None:
    """What forbids a letter of this list to the address: of all mail, or of the list alone."""
    query = (
        select(suppression)
        .where(
            suppression.c.site_id == site_id,
            suppression.c.email == email,
            suppression.c.scope.in_({ALL, scope}),
            suppression.c.undone_at.is_(None),
        )
        .order_by(suppression.c.scope)
    )
    row = (await tx.execute(query.limit(1))).first()
    return None if row is None else _value(row)


async def get_suppression(tx: Tx, site_id: int, id: int) -> Suppression:
    """NotFound when the site has no such suppression."""
    query = select(suppression).where(suppression.c.site_id == site_id, suppression.c.id == id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"there is no suppression {id}", hint="GET …/suppressions lists them")
    return _value(row)


async def list_suppressions(
    tx: Tx, site_id: int, *, limit: int, before: int | None = None, email: str | None = None, active: bool | None = None
) -> list[Suppression]:
    """The newest first, those with a lower id than ``before``."""
    query = select(suppression).where(suppression.c.site_id == site_id)
    if before is not None:
        query = query.where(suppression.c.id < before)
    if email is not None:
        query = query.where(suppression.c.email == email)
    if active is not None:
        undone = suppression.c.undone_at
        query = query.where(undone.is_(None) if active else undone.is_not(None))
    return [_value(row) for row in await tx.execute(query.order_by(suppression.c.id.desc()).limit(limit))]


async def mark_undone(tx: Tx, site_id: int, id: int, now: datetime, by: str) -> None:
    """One that is undone already keeps its time."""
    await tx.execute(
        update(suppression)
        .where(suppression.c.site_id == site_id, suppression.c.id == id, suppression.c.undone_at.is_(None))
        .values(undone_at=now, undone_by=by)
    )


async def undo_unsubscribed(tx: Tx, site_id: int, email: str, scope: str, now: datetime, by: str) -> None:
    """Takes back what the person wanted, of this list and of all mail; what others decided stays."""
    await tx.execute(
        update(suppression)
        .where(
            suppression.c.site_id == site_id,
            suppression.c.email == email,
            suppression.c.scope.in_({ALL, scope}),
            suppression.c.reason == "unsubscribed",
            suppression.c.undone_at.is_(None),
        )
        .values(undone_at=now, undone_by=by)
    )


def _value(row: Row[Any]) -> Suppression:
    return Suppression(**row._mapping)
