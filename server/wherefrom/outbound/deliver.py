"""A letter to one person that is sent from here: written, and put in the queue by the transaction that notes it down.

    account, wish ─▶ send made, letter instrumented ─▶ MIME ─▶ one write: send, links, letter ─▶ (answer) ─▶ postman

Who asks again with the same Idempotency-Key gets the first answer, and one letter goes out. It is signed, and gets its
return path, when it is sent: a key or an address that is changed meanwhile holds for what waits, too.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from msgspec import Struct

from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import get_contact
from wherefrom.db import Tx
from wherefrom.errors import BadInput, Conflict, Unprocessable
from wherefrom.outbound import compose
from wherefrom.outbound.return_path import leave_by_mail, return_path
from wherefrom.outbound.send import Draft, Letter, Work, make_send
from wherefrom.outbound.sender import TOPIC
from wherefrom.outbound.store.outgoing import Outgoing, append_outgoing, find_requested
from wherefrom.outbound.store.senders import Sender, find_sender
from wherefrom.outbound.store.sends import Sent, get_send
from wherefrom.services import Services
from wherefrom.tracking.marks import Mark

LONGEST_KEY = 200


class Wish(Struct, frozen=True, kw_only=True):
    """How it is to be sent; "" as the account has it. ``headers`` are checked. ``key``: the caller's Idempotency-Key,
    None for none; ``asked`` all that was asked with it, as bytes."""

    from_address: str = ""
    from_name: str = ""
    reply_to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    asked: bytes = b""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.asked).hexdigest()


class Posted(Struct, frozen=True):
    """What was put in the queue. ``repeated``: it had been asked for before, and ``letter`` is not known any more."""

    sent: Sent
    contact: Contact
    outgoing: Outgoing
    letter: Letter | None
    repeated: bool = False


class _AskedBefore(Exception):
    """Another request with the same key was first."""


async def deliver(services: Services, site_id: int, draft: Draft, wish: Wish) -> Posted:
    """Puts a letter in the queue. Unprocessable when the site has no account, or the address is not to be mailed;
    Conflict when the key came with another letter before; BadInput for what cannot be sent."""
    async with services.db.read() as tx:
        known = await _repeat(tx, site_id, wish)
        account = await find_sender(tx, site_id)
    if known is not None:
        return known
    if account is None:
        raise Unprocessable(
            "the site has no account to send by",
            hint="set one with PUT …/sender (wherefrom sender set), or leave deliver out and send it yourself",
            field="deliver",
        )
    if not (draft.html.strip() or draft.text.strip()):
        raise BadInput("the letter is empty", hint="give html, text or both", field="html")
    put: list[Outgoing] = []

    def prepare(sent: Sent, contact: Contact, letter: Letter) -> Work:
        new = _write(services, account, draft, wish, sent, contact, letter)
        put.append(new)

        async def write(tx: Tx) -> None:
            if not await append_outgoing(tx, new):
                raise _AskedBefore

        return write

    try:
        sent, contact, letter = await make_send(services, site_id, draft, prepare)
    except _AskedBefore:
        async with services.db.read() as tx:
            known = await _repeat(tx, site_id, wish)
        assert known is not None, "it was in the way a moment ago"
        return known
    services.bell.ring(TOPIC)
    return Posted(sent, contact, put[-1], letter)


async def _repeat(tx: Tx, site_id: int, wish: Wish) -> Posted | None:
    """What the same request put in the queue before."""
    known = None if wish.key is None else await find_requested(tx, site_id, wish.key)
    if known is None:
        return None
    if known.request_digest != wish.digest:
        raise Conflict(
            "this Idempotency-Key came with another letter before",
            hint="take a new key for each letter, and the same one only to ask again for the same",
            send=str(known.id),
        )
    sent = await get_send(tx, site_id, known.id)
    return Posted(sent, await get_contact(tx, site_id, sent.contact_id), known, None, repeated=True)


def _structured(services: Services, account: Sender, sent: Sent, letter: Letter) -> dict[str, str]:
    """The letter's headers; where return paths are read, with the way out by mail behind that by the web."""
    found = dict(letter.headers)
    if account.bounce_address and "List-Unsubscribe" in found:
        by_mail = leave_by_mail(services.tokens, account.bounce_address, Mark(sent.site_id, sent.id))
        found["List-Unsubscribe"] += f", <{by_mail}>"
    return found


def _write(
    services: Services, account: Sender, draft: Draft, wish: Wish, sent: Sent, contact: Contact, letter: Letter
) -> Outgoing:
    if not contact.email.isascii():
        raise BadInput(
            f"{contact.email} has other letters than ASCII before the @, which the mail servers on the way may refuse",
            hint="ask the person for another address",
            field="contact.email",
        )
    from_address = wish.from_address or account.from_address
    # It says whose letter it is, as the return path does: a bounce that lost that one may still quote this.
    named = return_path(services.tokens, f"wf@{from_address.rpartition('@')[2]}", Mark(sent.site_id, sent.id))
    message_id = f"<{named}>"
    whole = compose.Draft(
        from_address=from_address,
        from_name=wish.from_name or ("" if wish.from_address else account.from_name),
        to_address=contact.email,
        to_name=contact.name,
        reply_to=wish.reply_to,
        subject=draft.subject,
        date=sent.created_at,
        message_id=message_id,
        html=letter.html,
        text=letter.text,
        structured=tuple(_structured(services, account, sent, letter).items()),
        headers=wish.headers,
    )
    return Outgoing(
        site_id=sent.site_id,
        id=sent.id,
        email=contact.email,
        message_id=message_id,
        raw=compose.compose(whole).decode("ascii"),
        created_at=sent.created_at,
        expires_at=sent.created_at + timedelta(hours=services.settings.sending.give_up_hours),
        next_at=sent.created_at,
        request_key=wish.key,
        request_digest=wish.digest if wish.key is not None else "",
    )
