"""What others say became of a send, noted down, and what is told of it: the events ``send.…``.

    notice ─▶ kept, unless it was told before ─▶ status made anew ─▶ the first of its status: an event
    first open, first click (``judge``) ─▶ an event

All in the transaction that made it true, under the lock of the send's row. An event that was told is not taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wherefrom.contacts.contact import Contact
from wherefrom.db import Tx
from wherefrom.events.store import append_event
from wherefrom.events.types import OF_SENDS, SHAPES, EventType
from wherefrom.outbound.status import Notice, SendStatus, find_status
from wherefrom.outbound.store.sends import Sent, ToldNotice, append_notice, as_notices, list_notices, record_outcome
from wherefrom.services import Services

S = SendStatus


def with_status(sent: Sent, notices: Sequence[Notice]) -> Sent:
    """``sent`` with the status that its notices, its opens and its clicks lead to."""
    acts = [(S.OPENED, sent.opened_at), (S.CLICKED, sent.clicked_at)]
    known = [*notices, *(Notice(status, at) for status, at in acts if at is not None)]
    shown = find_status(sent.created_at, known)
    return replace(sent, status=shown.status, status_at=shown.happened_at)


async def record_notice(
    tx: Tx,
    services: Services,
    sent: Sent,
    contact: Contact | None,
    told: ToldNotice,
    *,
    scope: str = "",
    telling: bool = True,
) -> Sent:
    """Notes down what was told of a send, whose row is locked; the send as it stands now. What was told before (the
    same status at the same time) changes nothing. The first notice of each status is an event, where its ``contact`` is
    still kept and ``telling`` is not switched off by a caller that tells more itself. ``scope``: of an unsubscription,
    the list that was left, "" for all mail. Ring the bell "events" after the commit."""
    known = await list_notices(tx, sent.site_id, sent.id)
    if not await append_notice(tx, sent.site_id, services.ids.next(), sent.id, told):
        return sent
    changed = with_status(sent, as_notices([*known, told]))
    if changed != sent:
        await record_outcome(tx, changed)
    if telling and contact is not None and all(one.status is not told.status for one in known):
        type_, own = _news_of(told, scope)
        await tell(tx, services, changed, contact, type_, **own)
    return changed


async def tell(tx: Tx, services: Services, sent: Sent, contact: Contact, type: EventType, **own: Any) -> None:
    """Appends an event of a send; ``own`` are the fields of its snapshot beside those of ``OfSend``. TypeError for
    fields that are not the type's, ValueError for a type that is not of sends. Ring the bell "events" after the commit.
    """
    if type not in OF_SENDS:
        raise ValueError(f"{type} tells nothing of a send")
    shared = {
        "send_id": str(sent.id),
        "reference": sent.reference,
        "subject": sent.subject,
        "list": sent.list,
        "contact_id": str(contact.id),
        "email": contact.email,
        "contact_reference": contact.reference,
    }
    await append_event(
        tx,
        id=services.ids.next(),
        site_id=sent.site_id,
        type=type,
        subject_id=sent.id,
        data=SHAPES[type](**shared, **own),
        now=services.clock.now(),
    )


def _news_of(told: ToldNotice, scope: str) -> tuple[EventType, dict[str, Any]]:
    """The event of a notice, with the fields of its own."""
    at, own = told.happened_at, {"detail": told.detail}
    match told.status:
        case S.DELIVERED:
            return EventType.SEND_DELIVERED, own | {"delivered_at": at}
        case S.REJECTED | S.FAILED:
            return EventType.SEND_FAILED, own | {"failed_at": at, "status": told.status.value}
        case S.COMPLAINED:
            return EventType.SEND_COMPLAINED, own | {"complained_at": at, "kind": ""}
        case S.UNSUBSCRIBED:
            return EventType.SEND_UNSUBSCRIBED, own | {"unsubscribed_at": at, "scope": scope}
    raise ValueError(f"nobody tells of a send that it is {told.status}")
