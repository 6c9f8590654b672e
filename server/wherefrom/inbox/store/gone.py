"""Places of letters that were removed: the mailbox has them still, and the full check must not fetch them as missing.

Only what lies above the folder's floor is kept, since no check looks below it; so a row lives for two hours.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, delete, select

from wherefrom.db import Tx, insert
from wherefrom.inbox.tables import folder, gone_letter, message

_PLACE = ("site_id", "folder_id", "uidvalidity", "uid")


async def note_gone(tx: Tx, site_id: int, ids: Sequence[int]) -> None:
    """These messages, which are still here, are about to go."""
    its_folder = and_(folder.c.site_id == message.c.site_id, folder.c.id == message.c.folder_id)
    places = (
        select(message.c.site_id, message.c.folder_id, message.c.uidvalidity, message.c.uid)
        .join(folder, its_folder)
        .where(message.c.site_id == site_id, message.c.id.in_(ids), message.c.uid > folder.c.floor_uid)
    )
    rows = [dict(zip(_PLACE, row, strict=True)) for row in await tx.execute(places)]
    if rows:
        await tx.execute(insert(tx, gone_letter).values(rows).on_conflict_do_nothing(index_elements=_PLACE))


async def list_gone_uids(tx: Tx, site_id: int, folder_id: int, uidvalidity: int, first: int, last: int) -> set[int]:
    """The UIDs from ``first`` to ``last`` whose letters were here, and were removed."""
    mine = gone_letter.c.site_id == site_id, gone_letter.c.folder_id == folder_id
    here = gone_letter.c.uidvalidity == uidvalidity, gone_letter.c.uid.between(first, last)
    return set((await tx.scalars(select(gone_letter.c.uid).where(*mine, *here))).all())


async def forget_gone(tx: Tx, site_id: int, folder_id: int, floor_uid: int | None = None) -> None:
    """No check looks at or below ``floor_uid`` any more, or (None) into the folder at all."""
    mine = delete(gone_letter).where(gone_letter.c.site_id == site_id, gone_letter.c.folder_id == folder_id)
    await tx.execute(mine if floor_uid is None else mine.where(gone_letter.c.uid <= floor_uid))
