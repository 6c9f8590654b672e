"""Rows of ``contact_filter``: filters that were given a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from wherefrom.audience.filter import Filter
from wherefrom.audience.tables import contact_filter
from wherefrom.db import Tx, insert
from wherefrom.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A filter with its name, which no other of the site has."""

    site_id: int
    id: int
    name: str
    definition: Filter
    created_at: datetime
    changed_at: datetime


_COLUMNS = tuple(column.name for column in contact_filter.c)


async def append_filter(tx: Tx, new: Saved) -> None:
    """Conflict when the name is taken."""
    done = await tx.execute(
        insert(tx, contact_filter)
        .values({name: getattr(new, name) for name in _COLUMNS})
        .on_conflict_do_nothing(index_elements=["site_id", "name"])
    )
    if not done.rowcount:
        raise _taken(new.name)


async def replace_filter(tx: Tx, changed: Saved) -> None:
    """Writes name and definition; Conflict when the name is another's."""
    try:
        await tx.execute(
            update(contact_filter)
            .where(contact_filter.c.site_id == changed.site_id, contact_filter.c.id == changed.id)
            .values(name=changed.name, definition=changed.definition, changed_at=changed.changed_at)
        )
    except IntegrityError:
        raise _taken(changed.name) from None


async def get_filter(tx: Tx, site_id: int, filter_id: int) -> Saved:
    """NotFound when the site has no such filter."""
    query = select(contact_filter).where(contact_filter.c.site_id == site_id, contact_filter.c.id == filter_id)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(f"there is no saved filter {filter_id}", hint="GET …/contact-filters lists them")
    return _value(row)


async def list_filters(tx: Tx, site_id: int) -> list[Saved]:
    """By name."""
    query = select(contact_filter).where(contact_filter.c.site_id == site_id).order_by(contact_filter.c.name)
    return [_value(row) for row in await tx.execute(query)]


async def remove_filter(tx: Tx, site_id: int, filter_id: int) -> None:
    """Nothing when it is gone already."""
    await tx.execute(
        delete(contact_filter).where(contact_filter.c.site_id == site_id, contact_filter.c.id == filter_id)
    )


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a saved filter “{name}” already", hint="choose another name", field="name")


def _value(row: Row[Any]) -> Saved:
    return Saved(**{**row._mapping, "definition": msgspec.convert(row.definition, Filter)})
