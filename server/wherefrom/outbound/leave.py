"""A person wants no more mail: what the way out of a letter does (feature I04, RFC 8058).

POST by a mail program ("List-Unsubscribe=One-Click") ─▶ the letter's list; all mail, where it names none
mail to its return path, subject "unsubscribe" (RFC 2369; ``bounces``) ─▶ the same
POST by the page's buttons ─▶ the list, or all mail, or it was a mistake: undone
POST of anything else ─▶ the page: some scanners post, too
GET ─▶ a page, and nothing is changed: scanners follow every link (14 % of one campaign were unsubscribed by them)
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.outbound.news import record_notice
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.sends import (
    Sent,
    ToldNotice,
    find_send,
    list_notices,
    lock_send,
)
from wherefrom.outbound.store.suppressions import add_suppression, list_active, undo_unsubscribed
from wherefrom.outbound.suppression import ALL, Reason, Suppression
from wherefrom.services import Services
from wherefrom.tracking.marks import Mark

Act = Literal["list", "all", "undo"]


class Standing(Struct, frozen=True):
    """Who a letter went to, by which list ("" for none), and what has ended for them: by their own will the ``list`` or
    all mail; or it was ended by ``others``, which they cannot undo. ``forgotten``: the person was erased, and
    nobody knows any more whose address it was."""

    email: str
    list: str
    ended: Literal["none", "list", "all", "others", "forgotten"]


async def find_standing(services: Services, mark: Mark) -> Standing | None:
    """None when the letter is not known any more."""
    async with services.db.read() as tx:
        return await _standing(tx, mark)


async def leave(services: Services, mark: Mark, act: Act) -> Standing | None:
    """Does what the person asks, once; None when the letter is not known any more."""
    async with services.db.write() as tx:
        await do_leave(tx, services, mark, act, "by the letter's own link")
        standing = await _standing(tx, mark)
    services.bell.ring("events")
    return standing


async def do_leave(tx: Tx, services: Services, mark: Mark, act: Act, how: str) -> None:
    """As ``leave``, in the caller's transaction; ``how`` in words. Ring the bell "events" after the commit."""
    sent = await lock_send(tx, mark.site_id, mark.send_id)
    contact = await find_contact(tx, mark.site_id, sent.contact_id) if sent else None
    if sent is None or contact is None:
        return
    if act == "undo":
        await undo_unsubscribed(tx, mark.site_id, contact.email, sent.list, services.clock.now(), "person")
        return
    scope = ALL if act == "all" else sent.list
    await suppress(tx, services, sent, contact.email, scope, "unsubscribed", how, by="person")
    await note(tx, services, sent, contact, SendStatus.UNSUBSCRIBED, scope)


async def suppress(
    tx: Tx, services: Services, sent: Sent, email: str, scope: str, reason: Reason, detail: str, *, by: str = "api"
) -> None:
    """Ends mail to the address of a send; nothing when it is ended for this scope and reason already. ``by``: see
    ``Suppression``."""
    await add_suppression(
        tx,
        Suppression(
            site_id=sent.site_id,
            id=services.ids.next(),
            email=email,
            scope=scope,
            reason=reason,
            detail=detail,
            send_id=sent.id,
            created_at=services.clock.now(),
            created_by=by,
        ),
    )


async def note(tx: Tx, services: Services, sent: Sent, contact: Contact, status: SendStatus, scope: str) -> None:
    """Says of a send, whose row is locked, that this happened now; once, however often a person presses the button."""
    known = await list_notices(tx, sent.site_id, sent.id)
    if any(one.status is status for one in known):
        return
    now = services.clock.now()
    await record_notice(tx, services, sent, contact, ToldNotice(status, now, now, ""), scope=scope)


async def _standing(tx: Tx, mark: Mark) -> Standing | None:
    sent = await find_send(tx, mark.site_id, mark.send_id)
    contact = await find_contact(tx, mark.site_id, sent.contact_id) if sent else None
    if sent is None:
        return None
    if contact is None:
        return Standing("", sent.list, "forgotten")
    active = await list_active(tx, mark.site_id, contact.email, sent.list)
    own = {one.scope for one in active if one.reason == "unsubscribed"}
    if len(own) == 0:
        return Standing(contact.email, sent.list, "others" if active else "none")
    return Standing(contact.email, sent.list, "all" if ALL in own else "list")
