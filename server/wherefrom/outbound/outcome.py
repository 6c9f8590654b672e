"""What follows from one try to hand a letter over, each in the caller's transaction.

    taken ─▶ sent; the server's words are kept as a notice, the send stays "accepted"
    refused for good ─▶ "rejected", told by an event; an address that does not exist is mailed no more
    put off, or lost ─▶ once more by the schedule; "failed" when it has expired
    account failed ─▶ all letters of the site wait; told by an event when it will not pass by itself

A letter that another process has ended meanwhile changes nothing a second time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.events.snapshots import SenderStopped
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.mail.troubles import AccountFailed, Answer
from wherefrom.outbound.failure import record_refusal
from wherefrom.outbound.news import record_notice
from wherefrom.outbound.pace import next_try_at, pause_after
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store import outgoing, senders
from wherefrom.outbound.store.outgoing import Outgoing
from wherefrom.outbound.store.senders import Sender
from wherefrom.outbound.store.sends import ToldNotice, append_notice, lock_send
from wherefrom.services import Services

PATIENCE = timedelta(minutes=15)
"""How long an account may fail by what passes by itself before it is told by an event."""

_BATCH = 200


async def record_taken(tx: Tx, services: Services, one: Outgoing, answer: Answer) -> None:
    """The mail server has taken the letter."""
    now = services.clock.now()
    if not await outgoing.record_end(tx, one, "sent", answer.line, one.attempts + 1, now):
        return
    if await lock_send(tx, one.site_id, one.id) is not None:
        told = ToldNotice(SendStatus.ACCEPTED, now, now, answer.line)
        await append_notice(tx, one.site_id, services.ids.next(), one.id, told)


async def record_refused(tx: Tx, services: Services, one: Outgoing, answer: Answer) -> None:
    """The mail server will never take it."""
    status = SendStatus.REJECTED
    await _end(tx, services, one, "refused", status, answer.line, one.attempts + 1, by_server=True)


async def record_withheld(tx: Tx, services: Services, one: Outgoing, words: str) -> None:
    """It was not tried, because its address is not to be mailed any more."""
    await _end(tx, services, one, "refused", SendStatus.REJECTED, words, one.attempts)


async def record_later(tx: Tx, services: Services, one: Outgoing, words: str, chance: float) -> None:
    """It was put off, or lost: once more, the last time when it expires."""
    now = services.clock.now()
    if now >= one.expires_at:
        await record_given_up(tx, services, replace(one, answer=words), "", one.attempts + 1)
        return
    next_at = next_try_at(one.attempts + 1, now, services.settings.sending.retry_seconds, chance)
    await outgoing.record_later(tx, one, min(next_at, one.expires_at), words)


async def record_given_up(tx: Tx, services: Services, one: Outgoing, why: str, attempts: int) -> None:
    """Nobody took it until it expired. ``why``: what stopped the account, where the letter itself had no answer."""
    hours = round((one.expires_at - one.created_at) / timedelta(hours=1))
    words = f"given up after {hours} hours: {one.answer or why}"
    await _end(tx, services, one, "failed", SendStatus.FAILED, words, attempts, by_server=bool(one.answer))


async def note_working(tx: Tx, services: Services, account: Sender) -> None:
    """The account takes letters (again)."""
    if account.status != "working":
        known = await senders.lock_sender(tx, account.site_id)
        if known is not None and known.revision == account.revision:
            now = services.clock.now()
            await senders.set_sender(tx, account.site_id, {**_WELL, "status_at": now})


async def note_well(tx: Tx, services: Services, account: Sender) -> None:
    """The account works when it is tried: its letters need not wait any longer."""
    await note_working(tx, services, account)
    await senders.set_sender(tx, account.site_id, {"quiet_until": None})


async def note_trouble(tx: Tx, services: Services, account: Sender, error: AccountFailed) -> None:
    """The account takes none: nothing is tried for a while. Nothing when it was changed meanwhile, or another letter
    has met the same already."""
    known, now = await senders.lock_sender(tx, account.site_id), services.clock.now()
    if known is None or (known.revision, known.failures) != (account.revision, account.failures):
        return
    since = known.failing_since or now
    tell = not known.told and (error.lasting or now - since >= PATIENCE)
    values = {
        "status": "failing", "status_detail": error.detail, "status_hint": error.hint, "status_at": now,
        "failures": known.failures + 1, "failing_since": since, "told": known.told or tell,
        "quiet_until": now + pause_after(known.failures + 1),
    }  # fmt: skip
    await senders.set_sender(tx, account.site_id, values)
    if tell:
        await append_event(
            tx,
            id=services.ids.next(),
            site_id=account.site_id,
            type=EventType.SENDER_STOPPED,
            subject_id=account.site_id,
            data=SenderStopped(
                host=known.host, username=known.username, from_address=known.from_address, trouble=error.trouble,
                reason=error.detail, hint=error.hint, failing_since=since,
            ),
            now=now,
        )  # fmt: skip


async def give_up_expired(services: Services) -> int:
    """The chore: ends letters that were never taken, also where the account fails or was removed. How many."""
    now = services.clock.now()
    async with services.db.write() as tx:
        expired = await outgoing.list_expired(tx, now, _BATCH)
        for one in expired:
            account = await senders.find_sender(tx, one.site_id)
            stopped = "the site has no account to send by" if account is None else account.status_detail
            await record_given_up(tx, services, one, stopped, one.attempts)
    if expired:
        services.bell.ring("events")
    return len(expired)


_WELL = {
    "status": "working", "status_detail": "", "status_hint": "", "failures": 0, "failing_since": None, "told": False,
}  # fmt: skip


async def _end(
    tx: Tx, services: Services, one: Outgoing, state: outgoing.State, status: SendStatus, words: str, attempts: int,
    *, by_server: bool = False,
) -> None:  # fmt: skip
    """Ends a letter. ``by_server``: ``words`` are what a mail server says of it, which may speak of the address."""
    now = services.clock.now()
    if not await outgoing.record_end(tx, one, state, words, attempts, now):
        return
    sent = await lock_send(tx, one.site_id, one.id)
    contact = await find_contact(tx, one.site_id, sent.contact_id) if sent else None
    if sent is None:
        return
    if by_server and contact is not None:
        await record_refusal(tx, services, sent, contact, words, now, status=status)
    else:
        await record_notice(tx, services, sent, contact, ToldNotice(status, now, now, words))
