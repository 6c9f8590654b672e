"""Letters that are kept no longer, taken away with everything that says what stood in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, delete, exists, select

from wherefrom.db import Tx
from wherefrom.db.walk import Slice, find_old
from wherefrom.events.late_store import note_change_at
from wherefrom.events.tables import event
from wherefrom.inbox.store.gone import note_gone
from wherefrom.inbox.store.parts import forget_places
from wherefrom.inbox.tables import attachment, author, match, message, message_address, trait
from wherefrom.visits.hours_store import forget_hours_of
from wherefrom.webhooks.store.deals import delete_deals
from wherefrom.webhooks.store.old import IS_OPEN, forget_told
from wherefrom.webhooks.tables import delivery

_IS_UNDER_WAY = message.c.status.in_(("arriving", "stored"))
_IS_BEING_TOLD = exists().where(delivery.c.site_id == message.c.site_id, delivery.c.subject_id == message.c.id, IS_OPEN)
_WILL_BE_TOLD = exists().where(
    event.c.site_id == message.c.site_id, event.c.subject_id == message.c.id, event.c.fanned_at.is_(None)
)
_MAY_GO = and_(~_IS_UNDER_WAY, ~_IS_BEING_TOLD, ~_WILL_BE_TOLD)


async def find_old_letters(tx: Tx, site_id: int, before: datetime, after: int, limit: int) -> Slice:
    """Sorted, told to everybody who waits for it, and stored here before ``before``: by the day it came here, not by
    its own, so that old mail that is taken over is not gone the next hour."""
    return await find_old(
        tx, message, message.c.stored_at, _MAY_GO, site_id=site_id, before=before, after=after, limit=limit
    )


async def forget_letters(tx: Tx, site_id: int, ids: Sequence[int]) -> tuple[int, set[str]]:
    """Removes those of them that still may go; how many, and the names of the bytes they had."""
    mine = message.c.site_id == site_id, message.c.id.in_(ids)
    columns = message.c.id, message.c.sha256, message.c.arrived_at
    found = (await tx.execute(select(*columns).where(*mine, _MAY_GO).with_for_update())).all()
    going = [row.id for row in found]
    await note_change_at(tx, site_id, {row.arrived_at for row in found})
    files = select(attachment.c.sha256).where(attachment.c.site_id == site_id, attachment.c.message_id.in_(going))
    names = {row.sha256 for row in found} | set(await tx.scalars(files))
    await note_gone(tx, site_id, going)
    theirs = select(match.c.visit_id).where(match.c.site_id == site_id, match.c.message_id.in_(going))
    await forget_hours_of(tx, site_id, {one for one in await tx.scalars(theirs) if one is not None})
    await forget_places(tx, site_id, [(row.arrived_at, row.id) for row in found])
    for table in (message_address, attachment, match, author, trait):
        await tx.execute(delete(table).where(table.c.site_id == site_id, table.c.message_id.in_(going)))
    await delete_deals(tx, site_id, going, with_messages=True)
    await forget_told(tx, site_id, going)
    await tx.execute(delete(message).where(message.c.site_id == site_id, message.c.id.in_(going)))
    return len(going), names
