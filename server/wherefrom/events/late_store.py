"""Rows of ``late_change``: written in the transaction that changes what happened a while ago, for whoever keeps sums.

What happens now needs no word here: sums are made of hours that ended ``SETTLED`` ago. ``LATE`` is sooner, so that
whoever finds at ``LATE`` that a thing is still fresh has the rest of the time to commit it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import delete, select

from wherefrom.db import Prepared, Tx
from wherefrom.events.tables import late_change

LATE = timedelta(minutes=5)
SETTLED = timedelta(minutes=15)

_ADD = Prepared(late_change.insert())


class Change(Struct, frozen=True):
    """``subject_id``: this message changed; None: something that happened from ``begin`` to ``end``, both included."""

    id: int
    subject_id: int | None
    begin: datetime | None
    end: datetime | None


async def note_change_of(tx: Tx, site_id: int, subject_ids: Iterable[int]) -> None:
    """These messages count otherwise than before: by another visit, with another deal."""
    await _append(tx, site_id, [(one, None, None) for one in subject_ids])


async def note_change_at(tx: Tx, site_id: int, moments: Iterable[datetime]) -> None:
    """Something came to, or is gone from, each of these moments."""
    await _append(tx, site_id, [(None, one, one) for one in moments])


async def note_change_between(tx: Tx, site_id: int, begin: datetime, end: datetime) -> None:
    """As ``note_change_at``, for all moments from ``begin`` to ``end``."""
    await _append(tx, site_id, [(None, begin, end)])


async def list_changes(tx: Tx, site_id: int, limit: int) -> list[Change]:
    """Those nobody has settled, in no order."""
    columns = late_change.c.id, late_change.c.subject_id, late_change.c.begin_at, late_change.c.end_at
    rows = await tx.execute(select(*columns).where(late_change.c.site_id == site_id).limit(limit))
    return [Change(*row) for row in rows]


async def forget_changes(tx: Tx, site_id: int, ids: list[int]) -> None:
    """Whoever keeps sums has taken note of these."""
    await tx.execute(delete(late_change).where(late_change.c.site_id == site_id, late_change.c.id.in_(ids)))


async def _append(tx: Tx, site_id: int, rows: list[tuple[int | None, datetime | None, datetime | None]]) -> None:
    values = [
        {"site_id": site_id, "id": secrets.randbits(62), "subject_id": subject, "begin_at": begin, "end_at": end}
        for subject, begin, end in rows
    ]
    await tx.append(_ADD, values)
