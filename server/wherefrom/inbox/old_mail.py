"""Use case: old mail is told to the webhooks after all, because a person asks for it.

Letters of before their mailbox was connected are kept and matched, and no webhook hears of them: a CRM that gets the
mail of years as new leads is worse off than before. Who wants them there says so, and each is told once: as an event
like any other, with ``historic`` and ``released`` in it, so that endpoints take those that fit their own wishes.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wherefrom.db import Tx
from wherefrom.events.snapshots import MessageReceived
from wherefrom.events.store import append_event, list_subject_events
from wherefrom.events.types import EventType
from wherefrom.inbox.store import mailboxes, old_mail
from wherefrom.services import Services

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Told:
    """``told``: letters that are told now. ``waiting``: those that are not sorted yet; ask again when they are."""

    told: int
    waiting: int


async def tell_old_mail(services: Services, site_id: int, mailbox_id: int) -> Told:
    """Tells the webhooks of the mailbox's old letters, the oldest first, those not told yet. NotFound."""
    async with services.db.read() as tx:
        await mailboxes.get_mailbox(tx, site_id, mailbox_id)
    told, more = 0, True
    place: old_mail.Place | None = None
    while more:
        async with services.db.write() as tx:
            ids, place = await old_mail.take_old(tx, site_id, mailbox_id, place, _AT_ONCE)
            for message_id in ids:
                told += await _tell(services, tx, site_id, message_id)
        services.bell.ring("events")
        more = place is not None
    async with services.db.read() as tx:
        _, waiting = await old_mail.count_old(tx, site_id, mailbox_id)
    return Told(told, waiting)


async def _tell(services: Services, tx: Tx, site_id: int, message_id: int) -> int:
    events = await list_subject_events(tx, site_id, message_id)
    known = [one for one in events if one.type is EventType.MESSAGE_RECEIVED]
    if not known:
        return 0
    data = known[-1].read_as(MessageReceived)
    message = msgspec.structs.replace(data.message, released=True)
    await append_event(
        tx,
        id=services.ids.next(),
        site_id=site_id,
        type=EventType.MESSAGE_RECEIVED,
        subject_id=message_id,
        data=msgspec.structs.replace(data, message=message),
        now=services.clock.now(),
    )
    return 1
