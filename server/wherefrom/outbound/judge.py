"""Hits become facts: their verdicts, what the send came to, the contact's sums, and the first open's and click's event.

    hit, durable ─▶ 3 s ─▶ one write a send: its rows locked ─▶ verdicts of what is near in time ─▶ counted anew
                                                             └▶ person not to be measured: removed

A hit is answered at once and counted when its neighbours have come, because a burst shows itself only by them. All
counts are made anew from the hits and sends themselves under the rows' locks, so that they are right whatever happened
at the same time, and go back when a verdict does. An event that was told is not taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import lock_contact, record_counts, record_opened_on
from wherefrom.db import Tx
from wherefrom.events.snapshots import SendClicked, SendOpened
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.outbound.status import Notice, SendStatus, find_status
from wherefrom.outbound.store import Sent, as_notices, count_contact, list_notices, lock_send, record_outcome
from wherefrom.services import Services
from wherefrom.tracking import store as hits
from wherefrom.tracking.store import Engagement
from wherefrom.tracking.verdict import PERSONS, REACH, SETTLED, Hit, Letter, Verdict, judge

log = structlog.get_logger(__name__)

_BATCH = 200
_MOST_HITS = 2000


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged in one go: hits of one send with their verdicts. ``oldest`` is the first of them that was not
    judged before; of those after ``before`` nothing is settled yet."""

    found: Sequence[tuple[Engagement, Verdict]]
    oldest: datetime
    before: datetime

    @property
    def new(self) -> list[tuple[Engagement, Verdict]]:
        return [(hit, verdict) for hit, verdict in self.found if hit.judged_at is None and hit.seen_at <= self.before]

    @property
    def settled(self) -> list[tuple[Engagement, Verdict]]:
        """New ones, and those of which the new ones may tell something else than was said."""
        again = [(hit, verdict) for hit, verdict in self.found if hit.judged_at and hit.seen_at >= self.oldest - REACH]
        return again + self.new


async def judge_hits(services: Services) -> bool:
    """One step: up to two hundred hits' sends; False when none is due."""
    now = services.clock.now()
    async with services.db.read() as tx:
        due = await hits.list_unjudged_sends(tx, now - SETTLED, _BATCH)
    done = await asyncio.gather(*(_judge_send(services, *one, now) for one in due), return_exceptions=True)
    for one, outcome in zip(due, done, strict=True):
        if isinstance(outcome, BaseException):
            log.error("hits could not be judged", site=one[0], send=one[1], exc_info=outcome)
    if any(outcome is True for outcome in done):
        services.bell.ring("events")
    return any(isinstance(outcome, bool) for outcome in done)


async def _judge_send(services: Services, site_id: int, send_id: int, now: datetime) -> bool:
    """Whether there is an event to be told."""
    return await services.db.batch(lambda tx: settle(tx, services, site_id, send_id, now))


async def settle(tx: Tx, services: Services, site_id: int, send_id: int, now: datetime) -> bool:
    """Judges what is due of one send, and counts. Whether an event was written."""
    sent = await lock_send(tx, site_id, send_id)
    contact = await lock_contact(tx, site_id, sent.contact_id) if sent else None
    case = await _open_case(tx, site_id, send_id, contact, now)
    if case is None:  # another process was here first
        return False
    if sent is None or contact is None:
        await _remove(tx, site_id, [hit for hit, _ in case.new])
        return False
    if contact.mode == "open_date":
        await _keep_the_day(tx, contact, case)
        return False
    denied = [hit for hit, _ in case.new if _is_denied(contact, hit)]
    await _remove(tx, site_id, denied)
    await hits.mark_judged(tx, [one for one in case.settled if one[0] not in denied], now)
    return await _count(tx, services, sent, contact, now)


async def _open_case(tx: Tx, site_id: int, send_id: int, contact: Contact | None, now: datetime) -> Case | None:
    oldest = await hits.find_oldest_unjudged(tx, site_id, send_id)
    if oldest is None or oldest > now - SETTLED:
        return None
    found = await hits.list_engagements(tx, site_id, send_id, since=oldest - 2 * REACH, limit=_MOST_HITS)
    letter = Letter(
        links=await hits.count_links(tx, site_id, send_id), host=contact.email.rpartition("@")[2] if contact else ""
    )
    verdicts = judge([Hit(one.kind, one.number, one.seen_at, one.agent, one.ip, one.hint) for one in found], letter)
    return Case(list(zip(found, verdicts, strict=True)), oldest, now - SETTLED)


def _is_denied(contact: Contact, hit: Engagement) -> bool:
    """Letters sent before count no longer from the withdrawal on (H10)."""
    return contact.consent == "denied" and (contact.consent_at is None or hit.seen_at >= contact.consent_at)


async def _keep_the_day(tx: Tx, contact: Contact, case: Case) -> None:
    """Who clicks has opened."""
    days = [hit.seen_at for hit, verdict in case.new if verdict.name in PERSONS and not _is_denied(contact, hit)]
    if days:
        day = max(days).replace(hour=0, minute=0, second=0, microsecond=0)
        await record_opened_on(tx, contact.site_id, contact.id, day)
    await _remove(tx, contact.site_id, [hit for hit, _ in case.new])


async def _remove(tx: Tx, site_id: int, gone: Sequence[Engagement]) -> None:
    if gone:
        await hits.remove_engagements(tx, site_id, [one.id for one in gone])


async def _count(tx: Tx, services: Services, sent: Sent, contact: Contact, now: datetime) -> bool:
    done = await hits.count_persons(tx, sent.site_id, sent.id)
    opens, clicks = done["open"], done["click"]
    changed = with_status(
        replace(
            sent,
            opened_at=opens.first_at,
            last_opened_at=opens.last_at,
            opens=opens.count,
            open_told=sent.open_told or opens.count > 0,
            clicked_at=clicks.first_at,
            last_clicked_at=clicks.last_at,
            clicks=clicks.count,
            click_told=sent.click_told or clicks.count > 0,
        ),
        as_notices(await list_notices(tx, sent.site_id, sent.id)),
    )
    if changed == sent:
        return False
    await record_outcome(tx, changed)
    await record_counts(tx, contact.site_id, contact.id, await count_contact(tx, contact.site_id, contact.id))
    data = await _news(tx, sent, changed, contact)
    for type_, one in data:
        await append_event(
            tx, id=services.ids.next(), site_id=sent.site_id, type=type_, subject_id=sent.id, data=one, now=now
        )
    return bool(data)


def with_status(sent: Sent, notices: Sequence[Notice]) -> Sent:
    """``sent`` with the status that its notices, its opens and its clicks lead to."""
    acts = [(SendStatus.OPENED, sent.opened_at), (SendStatus.CLICKED, sent.clicked_at)]
    known = [*notices, *(Notice(status, at) for status, at in acts if at is not None)]
    shown = find_status(sent.created_at, known)
    return replace(sent, status=shown.status, status_at=shown.happened_at)


async def _news(tx: Tx, before: Sent, sent: Sent, contact: Contact) -> list[tuple[EventType, SendOpened | SendClicked]]:
    """The first open and the first click by a person, each once."""
    shared = {
        "send_id": str(sent.id),
        "reference": sent.reference,
        "subject": sent.subject,
        "list": sent.list,
        "contact_id": str(contact.id),
        "email": contact.email,
        "contact_reference": contact.reference,
    }
    news: list[tuple[EventType, SendOpened | SendClicked]] = []
    if sent.open_told and not before.open_told:
        hit = await hits.get_first(tx, sent.site_id, sent.id, "open")
        news.append((EventType.SEND_OPENED, SendOpened(**shared, opened_at=hit.seen_at, verdict=hit.verdict)))
    if sent.click_told and not before.click_told:
        hit = await hits.get_first(tx, sent.site_id, sent.id, "click")
        url = await hits.find_url(tx, sent.site_id, sent.id, hit.number)
        news.append((EventType.SEND_CLICKED, SendClicked(**shared, clicked_at=hit.seen_at, url=url or "")))
    return news
