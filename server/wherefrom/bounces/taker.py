"""Bounces and complaints among the letters: claimed before attribution, so that they start no lead (features I02, I03).

    report for machines ─▶ is it of a letter of ours? (identity) ─▶ what does it say of our address? ─▶ failure
    bounce for people   ─▶ only by the letter's own return path  ─▶ the letter failed; of the address, nothing for ever
    complaint           ─▶ is it of a letter of ours?            ─▶ mail to the address ends
    "unsubscribe"       ─▶ only by the letter's own return path  ─▶ mail of its list ends
    anything else       ─▶ goes on to the next taker, untouched

A report on a letter to a person who was erased says who it was: it is not kept. (The mailbox has it all the same.)

A report that nothing signed goes with is left alone, but for one that returns nothing of the letter and names an
address we wrote to in the days before: it is kept beside that letter, and nothing follows from it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from msgspec import Struct

from wherefrom.bounces.complaint import is_complaint, record_complaint
from wherefrom.bounces.forget import forget_report
from wherefrom.bounces.identity import find_identity, find_return_path
from wherefrom.bounces.words import quote_words
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.inbox.batch import LetterBatch
from wherefrom.inbox.taker import Ready, Taken, Write
from wherefrom.mail.bounce_text import find_bounced
from wherefrom.mail.dsn import Dsn, Outcome, find_dsn
from wherefrom.mail.feedback import Feedback, find_feedback
from wherefrom.outbound.bounce import OTHERS, QUEUE_LIFE, Judgement, Weight, is_same_mailbox, judge, judge_words
from wherefrom.outbound.failure import Told, record_failure
from wherefrom.outbound.leave import do_leave
from wherefrom.outbound.return_path import LEAVE_SUBJECT
from wherefrom.outbound.store.bounces import Proof, find_recent_send
from wherefrom.outbound.store.sends import Sent, find_send, lock_send
from wherefrom.services import Services
from wherefrom.tracking.marks import Mark

_ANSWERS = ("report", "null-return-path", "auto-reply")
_WORST_FIRST = tuple(Weight)
_CERTAIN_NO_MORE = Judgement(Weight.SOFT, "", "it failed, but the report names no address")


class BounceTaker(Struct, frozen=True):
    """Takes what servers and providers report on letters that were sent from here."""

    name: str = "bounce"

    async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken | None:
        letter = one.letter
        if letter.subject.strip().lower() == LEAVE_SUBJECT:
            return _take_leaving(services, one)
        if letter.automatic is None:  # some servers say in no field that they are one
            return await _take_words(services, tx, batch, one)
        feedback = find_feedback(letter)
        if feedback is not None:
            return await _take_complaint(services, tx, batch, one, feedback)
        dsn = find_dsn(letter)
        taken = None
        if dsn is None or not dsn.recipients:  # one that was cut off: its words may say more
            taken = await _take_words(services, tx, batch, one)
        return taken if dsn is None or taken is not None else await _take_report(services, tx, batch, one, dsn)


def _take_leaving(services: Services, one: Ready) -> Taken | None:
    """A person's mail program wrote it, by the letter's header (RFC 2369). Of what a machine answers this is no word of
    its owner's."""
    found = find_return_path(services.tokens, one.letter)
    if found is None or found.mark.site_id != one.stored.site_id:
        return None
    if one.letter.automatic in _ANSWERS or one.letter.in_reply_to:
        return None
    how = f"by mail from {one.facts.from_address[:200]}"

    async def write(tx: Tx) -> None:
        await do_leave(tx, services, found.mark, "list", how)

    return Taken(write, status="taken", reason="somebody wants no more letters")


async def _take_report(services: Services, tx: Tx, batch: LetterBatch, one: Ready, dsn: Dsn) -> Taken | None:
    found = find_identity(services.tokens, one.letter, dsn.returned, services.clock.now(), [dsn.envelope_id])
    if found is None:
        return await _take_unproven(services, tx, batch, one, dsn)
    if found.mark.site_id != one.stored.site_id:
        return None
    sent, contact = await _find_letter(tx, found.mark)
    if sent is None or contact is None:
        return _forgotten(partial(forget_report, services, batch, one.stored))
    told = _tell(one, found.proof, *_find_outcome(dsn, contact))
    return _taken(services, sent, contact, told, partial(forget_report, services, batch, one.stored))


async def _take_unproven(services: Services, tx: Tx, batch: LetterBatch, one: Ready, dsn: Dsn) -> Taken | None:
    """One that returns a letter which is not ours is not about ours."""
    if dsn.returned is not None:
        return None
    since = one.stored.arrived_at - QUEUE_LIFE
    for outcome in dsn.recipients:
        for address in outcome.addresses:
            place = await find_recent_send(tx, one.stored.site_id, address.key, since)
            if place is not None:
                sent, contact = await _find_letter(tx, Mark(one.stored.site_id, place[0]))
                assert sent is not None, "it was there in this transaction"
                assert contact is not None, "it was joined to"
                told = _tell(one, "address", judge(outcome.action, outcome.status, outcome.diagnostic), outcome)
                return _taken(services, sent, contact, told, partial(forget_report, services, batch, one.stored))
    return None


async def _take_words(services: Services, tx: Tx, batch: LetterBatch, one: Ready) -> Taken | None:
    """Words alone never say which letter they are about: its own return path must."""
    found = find_return_path(services.tokens, one.letter)
    if found is None or found.mark.site_id != one.stored.site_id:
        return None
    addresses = find_bounced(one.letter)
    if not addresses:
        return None
    sent, contact = await _find_letter(tx, found.mark)
    if sent is None or contact is None:
        return _forgotten(partial(forget_report, services, batch, one.stored))
    same = is_same_mailbox(contact.email, addresses)
    words = quote_words(one.facts.text, contact.email if same else addresses[0].text)
    told = Told(
        judgement=judge_words(words) if same else OTHERS,
        detail=words,
        proof=found.proof,
        happened_at=one.stored.arrived_at,
        message_id=one.stored.id,
        others=not same,
    )
    return _taken(services, sent, contact, told, partial(forget_report, services, batch, one.stored))


async def _take_complaint(
    services: Services, tx: Tx, batch: LetterBatch, one: Ready, feedback: Feedback
) -> Taken | None:
    """What is no person's complaint (a check of signatures that failed, a filter's finding) is left alone."""
    if not is_complaint(feedback):
        return None
    now = services.clock.now()
    found = find_identity(services.tokens, one.letter, feedback.returned, now, [feedback.mail_from])
    if found is None or found.mark.site_id != one.stored.site_id:
        return None
    sent, contact = await _find_letter(tx, found.mark)
    if sent is None or contact is None:
        return _forgotten(partial(forget_report, services, batch, one.stored))
    forget = partial(forget_report, services, batch, one.stored)
    write = partial(record_complaint, services, found, feedback, one.stored, forget)
    return Taken(write, status="taken", reason=f"a complaint about the letter to {contact.email}")


async def _find_letter(tx: Tx, mark: Mark) -> tuple[Sent | None, Contact | None]:
    sent = await find_send(tx, mark.site_id, mark.send_id)
    return sent, await find_contact(tx, mark.site_id, sent.contact_id) if sent else None


def _find_outcome(dsn: Dsn, contact: Contact) -> tuple[Judgement, Outcome | None]:
    """What is said of our address, the worst if more is; else that it is said of others."""
    ours = [
        (judge(each.action, each.status, each.diagnostic), each)
        for each in dsn.recipients
        if is_same_mailbox(contact.email, each.addresses)
    ]
    if ours:
        return min(ours, key=lambda pair: _WORST_FIRST.index(pair[0].weight))
    only = dsn.recipients[0] if len(dsn.recipients) == 1 else None
    if only is not None and not only.addresses:
        judged = judge(only.action, only.status, only.diagnostic)
        return (replace(_CERTAIN_NO_MORE, code=judged.code), only) if judged.weight is Weight.HARD else (judged, only)
    failed = next((each for each in dsn.recipients if each.action == "failed"), None)
    return (OTHERS, failed) if failed else (judge(None, "", ""), only)


def _tell(one: Ready, proof: Proof, judgement: Judgement, outcome: Outcome | None) -> Told:
    diagnostic = outcome.diagnostic if outcome is not None else ""
    return Told(
        judgement=judgement,
        detail=diagnostic or one.facts.subject[:200],
        proof=proof,
        happened_at=one.stored.arrived_at,
        message_id=one.stored.id,
        others=judgement is OTHERS,
    )


def _taken(services: Services, sent: Sent, contact: Contact, told: Told, forget: Write) -> Taken:
    async def write(tx: Tx) -> None:
        held = await lock_send(tx, sent.site_id, sent.id)
        if held is not None and held.contact_id == contact.id:
            await record_failure(tx, services, held, contact, told)
        else:
            await forget(tx)

    return Taken(write, status="taken", reason=_words(contact, told))


def _words(contact: Contact, told: Told) -> str:
    what = f"a report on the letter to {contact.email}: {told.judgement.reason}"
    return what if told.proof != "address" else f"{what}. Nothing but the address shows that it is; nothing was done"


def _forgotten(forget: Write) -> Taken:
    return Taken(forget, status="taken", reason="a report on a letter to somebody who is known no more")
