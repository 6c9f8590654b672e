"""Going through a table from its oldest row on, a slice at a time, to find what may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Table, select

from wherefrom.db.tx import Tx


@dataclass(frozen=True, slots=True)
class Slice:
    """``ids`` of the rows that may go; ``after``: where to go on, None when what is left is younger."""

    ids: list[int]
    after: int | None


async def find_old(
    tx: Tx, table: Table, at: Column[datetime], may_go: ColumnElement[bool], *, site_id: int, before: datetime,
    after: int, limit: int,
) -> Slice:  # fmt: skip
    """The next ``limit`` rows of the site above the id ``after``, and which of them are older than ``before`` and may
    go. For tables with a key of (site_id, id), whose ids grow with time as ``at`` does: they need no index by time."""
    query = (
        select(table.c.id, at.label("at"), may_go.label("may_go"))
        .where(table.c.site_id == site_id, table.c.id > after)
        .order_by(table.c.id)
        .limit(limit)
    )
    rows = (await tx.execute(query)).all()
    old = [row for row in rows if row.at < before]
    return Slice([row.id for row in old if row.may_go], old[-1].id if old and len(rows) == limit else None)
