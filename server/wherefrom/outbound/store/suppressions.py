"""Rows of ``suppression``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update

from wherefrom.db import Tx, insert
from wherefrom.errors import NotFound
from wherefrom.outbound.suppression import ALL, Change, Flags, Reason, Suppression, make_flags
from wherefrom.outbound.tables import suppression

Place = tuple[datetime, int]
"""Where a page of changes ends: the time of a change, and its number at that time."""

_COLUMNS = tuple(column.name for column in suppression.c)


async def add_suppression(tx: Tx, new: Suppression) -> bool:
    """False when the address is suppressed for this scope and reason already."""
    done = await tx.execute(
        insert(tx, suppression)
        .values({name: getattr(new, name) for name in _COLUMNS})
        .on_conflict_do_nothing(
            index_elements=["site_id", "email", "scope", "reason"], index_where=suppression.c.undone_at.is_(None)
        )
    )
    return bool(done.rowcount)


async def list_active(tx: Tx, site_id: int, email: str, scope: str) -> list[Suppression]:
    """All that forbids a letter of this list to the address: of all mail first, or of the list alone."""
    query = select(suppression).where(
        suppression.c.site_id == site_id,
        suppression.c.email == email,
        suppression.c.scope.in_({ALL, scope}),
        suppression.c.undone_at.is_(None),
    )
    # Sorted here: of a letter without a list SQLite would walk the whole site in the order of ids.
    return sorted([_value(row) for row in await tx.execute(query)], key=lambda one: (one.scope, one.id))


async def find_active(tx: Tx, site_id: int, email: str, scope: str) -> Suppression | None:
    """The first of ``list_active``."""
    return next(iter(await list_active(tx, site_id, email, scope)), None)


async def get_suppression(tx: Tx, site_id: int, id: int) -> Suppression:
    """NotFound when the site has no such suppression."""
    query = select(suppression).where(suppression.c.site_id == site_id, suppression.c.id == id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"there is no suppression {id}", hint="GET …/suppressions lists them")
    return _value(row)


async def list_suppressions(
    tx: Tx, site_id: int, *, limit: int, before: int | None = None, email: str | None = None,
    active: bool | None = None, reason: Reason | None = None,
) -> list[Suppression]:  # fmt: skip
    """The newest first, those with a lower id than ``before``."""
    query = select(suppression).where(suppression.c.site_id == site_id)
    if before is not None:
        query = query.where(suppression.c.id < before)
    if email is not None:
        query = query.where(suppression.c.email == email)
    if active is not None:
        undone = suppression.c.undone_at
        query = query.where(undone.is_(None) if active else undone.is_not(None))
    if reason is not None:
        query = query.where(suppression.c.reason == reason)
    return [_value(row) for row in await tx.execute(query.order_by(suppression.c.id.desc()).limit(limit))]


async def mark_undone(tx: Tx, site_id: int, id: int, now: datetime, by: str) -> None:
    """One that is undone already keeps its time."""
    await tx.execute(
        update(suppression)
        .where(suppression.c.site_id == site_id, suppression.c.id == id, suppression.c.undone_at.is_(None))
        .values(undone_at=now, undone_by=by)
    )


async def list_flags(tx: Tx, site_id: int, emails: Collection[str]) -> dict[str, Flags]:
    """The flags of each of ``emails`` (at most a thousand, in lower case) that has any."""
    query = select(suppression).where(
        suppression.c.site_id == site_id, suppression.c.email.in_(emails), suppression.c.undone_at.is_(None)
    )
    found: dict[str, list[Suppression]] = {}
    for row in await tx.execute(query):
        found.setdefault(row.email, []).append(_value(row))
    return {email: make_flags(active) for email, active in found.items()}


async def list_changes(
    tx: Tx, site_id: int, *, limit: int, before: Place | None = None, email: str | None = None
) -> list[Change]:
    """What was made and undone, the newest first, those before ``before``."""
    made = await _list_by(tx, suppression.c.created_at, site_id, limit, before, email)
    undone = await _list_by(tx, suppression.c.undone_at, site_id, limit, before, email)
    changes = [Change(one.created_at, one.created_by, False, one) for one in made]
    changes += [Change(one.undone_at, one.undone_by, True, one) for one in undone if one.undone_at is not None]
    return sorted(changes, key=place_of, reverse=True)[:limit]


def place_of(one: Change) -> Place:
    """Where it stands among all changes: made before undone, when both were at the same moment."""
    return one.at, 2 * one.of.id + one.undone


async def _list_by(
    tx: Tx, at: ColumnElement[Any], site_id: int, limit: int, before: Place | None, email: str | None
) -> list[Suppression]:
    query = select(suppression).where(suppression.c.site_id == site_id, at.is_not(None))
    if email is not None:
        query = query.where(suppression.c.email == email)
    if before is not None:
        moment, number = before
        undone = at.key == "undone_at"
        query = query.where(or_(at < moment, and_(at == moment, suppression.c.id < (number + 1 - undone) // 2)))
    rows = await tx.execute(query.order_by(at.desc(), suppression.c.id.desc()).limit(limit))
    return [_value(row) for row in rows]


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
