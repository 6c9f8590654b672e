"""A letter failed: what becomes of the send, of mail to the address, and what is told of it (feature I02).

    SMTP answer ─┐                    ┌▶ bounce, kept whatever it says
    DSN ─────────┴▶ judged (bounce) ──┼▶ send: failed or delivered, event ``send.bounced``
                                      └▶ hard, or the third soft one: mail to the address ends, unless
                                         a person has had this letter, or a later one

An answer while the letter is handed in counts as one that comes back later. All in the caller's transaction, in which
the send's row is locked. Ring the bell "events" after the commit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from wherefrom.contacts.contact import Contact
from wherefrom.db import Tx
from wherefrom.events.types import EventType
from wherefrom.outbound.bounce import Judgement, Weight, is_hard_by_number, judge_answer
from wherefrom.outbound.leave import suppress
from wherefrom.outbound.news import record_notice, tell
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.bounces import Bounce, Proof, append_bounce, find_last_arrived, list_soft_failures
from wherefrom.outbound.store.sends import Sent, ToldNotice
from wherefrom.outbound.suppression import ALL
from wherefrom.services import Services

_LONGEST_DETAIL = 500
_OVERTAKEN = Judgement(Weight.PASSING, "", "this letter, or a later one, has arrived")
_FAILURES = (Weight.HARD, Weight.SOFT, Weight.PASSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told of a send: by the letter ``message_id``, or (None) by the server we handed it to. ``detail`` are
    the other server's words. ``others``: it failed for an address that is not the contact's, so that the letter itself
    may well have arrived. ``status``: what the send becomes when it failed."""

    judgement: Judgement
    detail: str
    proof: Proof
    happened_at: datetime
    message_id: int | None = None
    others: bool = False
    status: SendStatus = SendStatus.FAILED


async def record_refusal(
    tx: Tx, services: Services, sent: Sent, contact: Contact, answer: str, happened_at: datetime | None = None,
    *, status: SendStatus = SendStatus.FAILED,
) -> Sent:  # fmt: skip
    """For a letter that a mail server refused for good while it was handed in, or that was given up after retries;
    ``answer`` is its last answer ("550 5.1.1 unknown"). The send as it stands now: of ``status``. Not for a letter that
    will be tried again, nor for what the server says of us (log-in, sender): that is no fault of the address."""
    at = happened_at or services.clock.now()
    return await record_failure(
        tx, services, sent, contact,
        Told(judgement=judge_answer(answer), detail=answer, proof="server", happened_at=at, status=status),
    )  # fmt: skip


async def weigh_refusal(
    tx: Tx, services: Services, sent: Sent, contact: Contact, answer: str, happened_at: datetime
) -> None:
    """As ``record_refusal`` for mail to the address alone: for an answer that another mailer was given, and told us.
    What becomes of the send, and what is told of it, is the caller's."""
    told = Told(judgement=judge_answer(answer), detail=answer, proof="server", happened_at=happened_at)
    await _weigh(tx, services, sent, contact, told, by="api")


async def record_failure(tx: Tx, services: Services, sent: Sent, contact: Contact, told: Told) -> Sent:
    """Writes down what was told of a send, whose row is locked; the send as it stands now. What is proved by an address
    alone is kept, and nothing follows from it."""
    weight = told.judgement.weight
    proven = told.proof != "address"
    ends = await _weigh(tx, services, sent, contact, told, by="server" if told.message_id is None else "mailbox")
    if proven and weight in _FAILURES and not told.others:
        return await _note_failure(tx, services, sent, contact, told, ends)
    if proven and weight is Weight.DELIVERED:
        notice = ToldNotice(SendStatus.DELIVERED, told.happened_at, services.clock.now(), _cut(told.detail))
        return await record_notice(tx, services, sent, contact, notice)
    if proven and weight is Weight.WAITING:
        await _tell_bounced(tx, services, sent, contact, told, permanent=False)
    return sent


async def _weigh(tx: Tx, services: Services, sent: Sent, contact: Contact, told: Told, *, by: str) -> bool:
    """Keeps the bounce; whether mail to the address ends by it."""
    weight = told.judgement.weight
    certain = told.proof != "address" and not told.others
    if certain and weight is Weight.HARD and await _has_arrived(tx, services, sent):
        certain = False
        told = replace(told, judgement=replace(_OVERTAKEN, code=told.judgement.code))
    number = await _number(tx, services, sent, contact, told) if certain and weight is Weight.SOFT else 0
    ends = certain and (weight is Weight.HARD or number > 0)
    if ends:
        why = f"{number} letters failed in a row" if number else told.judgement.reason
        await suppress(tx, services, sent, contact.email, ALL, "bounced", _words(why, told.detail), by=by)
    await append_bounce(tx, _bounce(services, sent, contact, told, ended=ends))
    return ends


async def _has_arrived(tx: Tx, services: Services, sent: Sent) -> bool:
    """Whether a person has had this letter, or a later one: then the report is late, or wrong. Old mail that is read
    now is full of reports on addresses that work again."""
    if sent.opened_at is not None or sent.clicked_at is not None:
        return True
    last = await find_last_arrived(tx, sent.site_id, sent.contact_id, services.clock.now())
    return last is not None and last > sent.id


async def _number(tx: Tx, services: Services, sent: Sent, contact: Contact, told: Told) -> int:
    """How many letters failed softly, this one among them, where that makes a hard failure; else 0."""
    before = await list_soft_failures(tx, sent, contact.email, services.clock.now())
    known = [*before, told.happened_at]
    return len(known) if is_hard_by_number(known) else 0


async def _note_failure(tx: Tx, services: Services, sent: Sent, contact: Contact, told: Told, ends: bool) -> Sent:
    """The send has failed. A report that comes again is not told again."""
    detail = _words(told.judgement.code, told.detail)
    notice = ToldNotice(told.status, told.happened_at, services.clock.now(), detail)
    changed = await record_notice(tx, services, sent, contact, notice, telling=False)
    await _tell_bounced(tx, services, changed, contact, told, permanent=ends)
    return changed


async def _tell_bounced(
    tx: Tx, services: Services, sent: Sent, contact: Contact, told: Told, *, permanent: bool
) -> None:
    await tell(
        tx, services, sent, contact, EventType.SEND_BOUNCED,
        bounced_at=told.happened_at, permanent=permanent, code=told.judgement.code, detail=_cut(told.detail),
    )  # fmt: skip


def _bounce(services: Services, sent: Sent, contact: Contact, told: Told, *, ended: bool) -> Bounce:
    return Bounce(
        site_id=sent.site_id,
        id=services.ids.next(),
        send_id=sent.id,
        contact_id=contact.id,
        email=contact.email,
        weight=told.judgement.weight.value,
        code=told.judgement.code,
        reason=_cut(told.judgement.reason),
        detail=_cut(told.detail),
        proof=told.proof,
        ended=ended,
        message_id=told.message_id,
        happened_at=told.happened_at,
        told_at=services.clock.now(),
    )


def _words(first: str, then: str) -> str:
    """Without saying twice what the server says itself."""
    return _cut(then if first and first in then else ": ".join(filter(None, (first, then))))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
