"""Marks: what ends the claim on a message (``messages``). One that is to be found by its text is noted for the index,
too (``parts``)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, literal_column, update

from wherefrom.db import Prepared, Tx
from wherefrom.inbox.store.messages import Stored
from wherefrom.inbox.store.parts import add_fresh
from wherefrom.inbox.tables import message

_SEARCHED = ("sorted", "unreadable")


class Mark(Struct, frozen=True):
    """What ends the claim on a message: its last status, and columns that are known by now."""

    stored: Stored
    status: str
    values: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.values, "status", "claimed_until")

    def row(self) -> dict[str, Any]:
        """As ``_mark`` takes it."""
        new = {f"new_{name}": value for name, value in self.values.items()}
        which = {"of_site": self.stored.site_id, "of_id": self.stored.id, "of_claim": self.stored.claimed_until}
        return {**which, **new, "new_status": self.status, "new_claimed_until": None}


async def mark_message(tx: Tx, stored: Stored, status: str, values: Mapping[str, Any]) -> bool:
    """Ends the claim with the message's last status; False when the claim was lost (nothing is written then)."""
    mark = Mark(stored, status, values)
    done = await tx.change(_mark(mark.names), mark.row())
    if done and status in _SEARCHED:
        await add_fresh(tx, stored.site_id, [(stored.arrived_at, stored.id)])
    return bool(done)


async def mark_messages(tx: Tx, site_id: int, marks: Sequence[Mark]) -> None:
    """As ``mark_message`` for many of the site, whose claims hold (``list_ours``)."""
    for names in dict.fromkeys(one.names for one in marks):
        await tx.change_each(_mark(names), [one.row() for one in marks if one.names == names])
    found = [(one.stored.arrived_at, one.stored.id) for one in marks if one.status in _SEARCHED]
    await add_fresh(tx, site_id, found)


@functools.cache
def _mark(names: tuple[str, ...]) -> Prepared:
    """There are few: one for each status."""
    return Prepared(
        update(message)
        .where(
            message.c.site_id == bindparam("of_site"),
            message.c.id == bindparam("of_id"),
            message.c.status == literal_column("'stored'"),
            message.c.claimed_until == bindparam("of_claim"),
        )
        .values({name: bindparam(f"new_{name}") for name in names})
    )
