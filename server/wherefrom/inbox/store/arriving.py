"""Letters whose beginning is here and whose rest is still on its way.

arriving ─whole─▶ stored        the same row, with all of its bytes; sorted as any other
    └────gone───▶ stored        deleted meanwhile, or numbered anew: what there is of it, marked as cut
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import exists, literal_column, select, update

from wherefrom.db import Tx
from wherefrom.inbox.tables import message

_IS_ARRIVING = message.c.status == literal_column("'arriving'")
_WHOLE = ("sha256", "size", "truncated", "arrived_at", "historic", "status", "status_reason")


async def find_beginning(tx: Tx, row: Mapping[str, Any]) -> str | None:
    """The name of the bytes that stand for the letter in ``row``'s place meanwhile; None: it is not arriving."""
    found: str | None = await tx.scalar(select(message.c.sha256).where(*_place(row), _IS_ARRIVING))
    return found


async def finish_arriving(tx: Tx, row: Mapping[str, Any]) -> bool:
    """The letter in ``row``'s place is whole; False when none is arriving there, and nothing is written."""
    values = {"status": "stored", "status_reason": "", **row}
    done = await tx.execute(
        update(message).where(*_place(row), _IS_ARRIVING).values({name: values[name] for name in _WHOLE})
    )
    return bool(done.rowcount)


async def end_arriving(tx: Tx, site_id: int, folder_id: int, before: datetime) -> int:
    """No more will come of what began to arrive in the folder before ``before``: it is sorted as it is. How many."""
    done = await tx.execute(
        update(message)
        .where(
            message.c.site_id == site_id, message.c.folder_id == folder_id, _IS_ARRIVING, message.c.stored_at < before
        )
        .values(status="stored", truncated=True)
    )  # fmt: skip
    return done.rowcount


async def is_blob_used(tx: Tx, site_id: int, sha256: str) -> bool:
    """Whether a letter of the site has these bytes."""
    query = select(exists().where(message.c.site_id == site_id, message.c.sha256 == sha256))
    return bool(await tx.scalar(query))


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(message.c[name] == row[name] for name in ("site_id", "folder_id", "uidvalidity", "uid"))
