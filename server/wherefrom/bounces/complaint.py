"""A complaint is written down: the send is complained of, mail to the person ends (features I02, I03)."""

from __future__ import annotations

from wherefrom.bounces.identity import Identity
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.events.types import EventType
from wherefrom.inbox.store.messages import Stored
from wherefrom.inbox.taker import Write
from wherefrom.mail.feedback import Feedback
from wherefrom.outbound.leave import suppress
from wherefrom.outbound.news import record_notice, tell
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.bounces import COMPLAINT, Bounce, append_bounce
from wherefrom.outbound.store.sends import Sent, ToldNotice, list_notices, lock_send
from wherefrom.outbound.suppression import ALL
from wherefrom.services import Services

_SPAM = ("abuse", "fraud")
_LEAVES = ("opt-out", "opt-out-list")
"""RFC 5965 7.3: the person asked the provider for no more mail."""


def is_complaint(feedback: Feedback) -> bool:
    """Whether a person did something. A virus was found by a program, ``not-spam`` is praise, and ``auth-failure``
    (RFC 6591) is about our own signatures."""
    return feedback.kind in (*_SPAM, *_LEAVES)


async def record_complaint(
    services: Services, found: Identity, feedback: Feedback, stored: Stored, forget: Write, tx: Tx
) -> None:
    """Ends all mail to the person whose letter it is, of its list alone where they only asked for no more. ``forget``
    takes the complaint of somebody away who is known no more."""
    sent = await lock_send(tx, found.mark.site_id, found.mark.send_id)
    contact = await find_contact(tx, sent.site_id, sent.contact_id) if sent else None
    if sent is None or contact is None:  # erased a moment ago
        await forget(tx)
        return
    detail = f"{feedback.kind}, told by {feedback.reported_by[:200] or 'a provider'}"
    if feedback.kind in _LEAVES:
        await suppress(tx, services, sent, contact.email, sent.list, "unsubscribed", detail, by="mailbox")
        await _note_leaving(tx, services, sent, contact, detail, stored)
    else:
        await suppress(tx, services, sent, contact.email, ALL, "complained", detail, by="mailbox")
        await _note_complaint(tx, services, sent, contact, feedback.kind, detail, stored)
    await append_bounce(tx, _row(services, sent, contact, found, feedback.kind, detail, stored))


async def _note_complaint(
    tx: Tx, services: Services, sent: Sent, contact: Contact, kind: str, detail: str, stored: Stored
) -> None:
    known = await list_notices(tx, sent.site_id, sent.id)
    told = ToldNotice(SendStatus.COMPLAINED, stored.arrived_at, services.clock.now(), detail)
    changed = await record_notice(tx, services, sent, contact, told, telling=False)
    if all(one.status is not SendStatus.COMPLAINED for one in known):
        await tell(
            tx, services, changed, contact, EventType.SEND_COMPLAINED,
            complained_at=stored.arrived_at, kind=kind, detail=detail,
        )  # fmt: skip


async def _note_leaving(tx: Tx, services: Services, sent: Sent, contact: Contact, detail: str, stored: Stored) -> None:
    told = ToldNotice(SendStatus.UNSUBSCRIBED, stored.arrived_at, services.clock.now(), detail)
    await record_notice(tx, services, sent, contact, told, scope=sent.list)


def _row(
    services: Services, sent: Sent, contact: Contact, found: Identity, kind: str, detail: str, stored: Stored
) -> Bounce:
    return Bounce(
        site_id=sent.site_id,
        id=services.ids.next(),
        send_id=sent.id,
        contact_id=contact.id,
        email=contact.email,
        weight=COMPLAINT,
        code=kind[:16],
        reason="a person said so",
        detail=detail,
        proof=found.proof,
        ended=True,
        message_id=stored.id,
        happened_at=stored.arrived_at,
        told_at=services.clock.now(),
    )
