"""Takes letters out of the queue, one at a time, as far as their account allows.

    account locked ─▶ quiet? all connections busy? the hour's letters used up? ─▶ the letter that is due longest
                                                                              its person still to be mailed?
                                                                                    │
                                                                                    ▼
                                                                                 claimed, for CLAIM at a time

The account's row is the one place where several processes agree how many letters go at once and how many an hour.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.outbound.outcome import record_withheld
from wherefrom.outbound.pace import next_turn_at, take_turn
from wherefrom.outbound.store import outgoing, senders
from wherefrom.outbound.store.outgoing import Outgoing
from wherefrom.outbound.store.senders import Sender
from wherefrom.outbound.store.sends import find_send
from wherefrom.outbound.store.suppressions import find_active
from wherefrom.outbound.suppression import refusal
from wherefrom.services import Services

CLAIM = timedelta(seconds=60)
"""After a crash the letter that was on its way goes again so much later."""

_MOST_WITHHELD = 50


class Claimed(Struct, frozen=True):
    """A letter that is ours for a time, and the account it goes by."""

    letter: Outgoing
    account: Sender


async def claim_letter(services: Services, site_id: int) -> Claimed | None:
    """The next letter of the site; None when none may go now. Those whose address is not to be mailed any more end
    here."""
    for _ in range(_MOST_WITHHELD):
        async with services.db.write() as tx:
            found = await _claim(tx, services, site_id)
            if found is None or await _may_go(tx, services, found.letter):
                return found
        services.bell.ring("events")
    return None


async def _claim(tx: Tx, services: Services, site_id: int) -> Claimed | None:
    now = services.clock.now()
    account = await senders.lock_sender(tx, site_id)
    if account is None or (account.quiet_until is not None and account.quiet_until > now):
        return None
    if await outgoing.count_claimed(tx, site_id, now) >= account.connections:
        return None
    paced_until = take_turn(account.paced_until, now, account.per_hour)
    if paced_until is None:
        return None
    letter = await outgoing.claim_outgoing(tx, site_id, now, now + CLAIM)
    if letter is None:
        return None
    if account.per_hour is not None:
        turn = next_turn_at(paced_until, now, account.per_hour)
        values = {"paced_until": paced_until, "quiet_until": turn if turn > now else None}
        await senders.set_sender(tx, site_id, values)
    return Claimed(letter, account)


async def _may_go(tx: Tx, services: Services, letter: Outgoing) -> bool:
    """Whether the letter's person is still there, and still to be mailed; else the letter is over."""
    sent = await find_send(tx, letter.site_id, letter.id)
    if sent is None or await find_contact(tx, letter.site_id, sent.contact_id) is None:  # erased
        await outgoing.delete_outgoing(tx, letter.site_id, [letter.id])
        return False
    forbids = await find_active(tx, letter.site_id, letter.email, sent.list)
    if forbids is not None:
        await record_withheld(tx, services, letter, f"not sent: {refusal(forbids).detail}")
        return False
    return True
