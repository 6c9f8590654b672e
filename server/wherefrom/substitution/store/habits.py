"""Rows of ``habit``: one a site, what its letters teach. Read with each loan of a pool's address, so without waiting;
written with letters, and never waited for either: a lesson that meets another writer is let go."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from wherefrom.db import Prepared, Tx, insert
from wherefrom.substitution.habits import Habits
from wherefrom.substitution.tables import habit
from wherefrom.substitution.tally import Tally, learn

_OF_SITE = habit.c.site_id == bindparam("of_site")
_FIND = Prepared(select(habit.c.tally).where(_OF_SITE))
_CLAIM = Prepared(select(habit.c.tally, habit.c.counted_to).where(_OF_SITE).with_for_update(skip_locked=True))
_SET = Prepared(update(habit).where(_OF_SITE).values(tally=bindparam("new_tally")))
_SET_COUNTED = Prepared(
    update(habit).where(_OF_SITE).values(tally=bindparam("new_tally"), counted_to=bindparam("new_counted_to"))
)


async def find_habits(tx: Tx, site_id: int) -> Habits:
    """The site's habits; the usual ones before its first letter."""

    async def ask() -> Habits:
        rows = await tx.fetch(_FIND, {"of_site": site_id})
        return learn(_tally(rows[0][0]) if rows else Tally())

    return await tx.recall(habit, site_id, ask)


async def claim_tally(tx: Tx, site_id: int) -> tuple[Tally, int] | None:
    """The site's tally and the last lease that is in it, kept from other writers until the end of the transaction; a
    new one is made for a site that has none. None while somebody else is writing it."""
    rows = await tx.fetch(_CLAIM, {"of_site": site_id})
    if rows:
        tally, counted_to = rows[0]
        return _tally(tally), counted_to
    new = insert(tx, habit).values(site_id=site_id, tally=Tally(), counted_to=0).on_conflict_do_nothing()
    made = await tx.execute(new)
    return (Tally(), 0) if made.rowcount else None


async def set_tally(tx: Tx, site_id: int, tally: Tally, counted_to: int | None = None) -> None:
    """Writes a claimed tally; ``counted_to`` when leases were counted."""
    values: dict[str, Any] = {"of_site": site_id, "new_tally": tally}
    if counted_to is None:
        await tx.change(_SET, values)
    else:
        await tx.change(_SET_COUNTED, {**values, "new_counted_to": counted_to})


def _tally(stored: Any) -> Tally:
    return msgspec.convert(stored, Tally)
