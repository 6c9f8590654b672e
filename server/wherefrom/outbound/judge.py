"""Hits become facts: their verdicts, what the send came to, the contact's sums, and the first open's and click's event.

    hit, durable ─▶ 3 s ─▶ one write a send: its rows locked ─▶ verdicts of what is near in time ─▶ counted anew
                                                             └▶ person not to be measured: gone

A hit is answered at once and counted when its neighbours have come, because a burst shows itself only by them. All
counts are made anew from the hits and sends themselves under the rows' locks, so that they are right whatever happened
at the same time, and go back when a verdict does. An event that was told is not taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from msgspec import Struct

from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import lock_contact, record_counts, record_opened_on
from wherefrom.db import Tx
from wherefrom.events.types import EventType
from wherefrom.outbound.news import tell, with_status
from wherefrom.outbound.store.sends import (
    Sent,
    as_notices,
    count_contact,
    list_notices,
    lock_send,
    note_acts,
    record_outcome,
)
from wherefrom.services import Services
from wherefrom.tracking import store as hits
from wherefrom.tracking.store import Engagement, StoredHit
from wherefrom.tracking.verdict import PERSONS, REACH, SETTLED, Hit, Letter, Verdict, judge

log = structlog.get_logger(__name__)

_BATCH = 500
_MOST_HITS = 2000


class Case(Struct, frozen=True):
    """What is judged in one go, of one send: ``new`` hits with their verdicts, and those before of which the new ones
    may tell something else than was said."""

    new: Sequence[tuple[StoredHit, Verdict]]
    again: Sequence[tuple[Engagement, Verdict]]


async def judge_hits(services: Services) -> bool:
    """One step: the sends of up to five hundred hits; False when none is due."""
    now = services.clock.now()
    async with services.db.read() as tx:
        waiting = await hits.list_hits(tx, _BATCH)
    of_send: dict[tuple[int, int], list[StoredHit]] = {}
    for one in waiting:
        of_send.setdefault((one.site_id, one.send_id), []).append(one)
    due = [mine for mine in of_send.values() if mine[0].seen_at <= now - SETTLED]
    done = await asyncio.gather(*(_judge_send(services, mine, now) for mine in due), return_exceptions=True)
    for mine, outcome in zip(due, done, strict=True):
        failed = isinstance(outcome, BaseException)
        services.tally.note("hits", "failed" if failed else "judged", len(mine))
        if isinstance(outcome, BaseException):
            log.error("hits could not be judged", site=mine[0].site_id, send=mine[0].send_id, exc_info=outcome)
    if any(outcome is True for outcome in done):
        services.bell.ring("events")
    return any(isinstance(outcome, bool) for outcome in done)


async def _judge_send(services: Services, waiting: Sequence[StoredHit], now: datetime) -> bool:
    """Whether there is an event to be told."""
    return await services.db.batch(lambda tx: settle(tx, services, waiting, now))


async def settle(tx: Tx, services: Services, waiting: Sequence[StoredHit], now: datetime) -> bool:
    """Judges what is due of one send, whose ``waiting`` hits are in the order of their times, and counts. Whether an
    event was written."""
    site_id, send_id = waiting[0].site_id, waiting[0].send_id
    sent = await lock_send(tx, site_id, send_id)
    contact = await lock_contact(tx, site_id, sent.contact_id) if sent else None
    due = [one.id for one in waiting if one.seen_at <= now - SETTLED]
    taken = await hits.take_hits(tx, site_id, due)
    if sent is None or contact is None or not taken:  # erased meanwhile, or another process was here first
        return False
    case = await _open_case(tx, waiting, taken, contact)
    if contact.mode == "open_date":
        await _keep_the_day(tx, contact, case)
        return False
    new = [Engagement(*one, verdict.name, verdict.reason) for one, verdict in case.new if not _is_denied(contact, one)]
    await hits.append_engagements(tx, new)
    await hits.replace_verdicts(tx, case.again)
    return await _count(tx, services, sent, contact)


async def _open_case(tx: Tx, waiting: Sequence[StoredHit], taken: set[int], contact: Contact) -> Case:
    """All that is near in time is looked at, also what is not due yet."""
    first = waiting[0]
    known = await hits.list_engagements(
        tx, first.site_id, first.send_id, since=first.seen_at - 2 * REACH, limit=_MOST_HITS
    )
    letter = Letter(
        links=await hits.count_links(tx, first.site_id, first.send_id), host=contact.email.rpartition("@")[2]
    )
    found: list[Engagement | StoredHit] = [*known, *waiting]
    found.sort(key=lambda one: (one.seen_at, one.id))
    verdicts = judge([Hit(one.kind, one.number, one.seen_at, one.agent, one.ip, one.hint) for one in found], letter)
    judged = list(zip(found, verdicts, strict=True))
    return Case(
        [(one, verdict) for one, verdict in judged if isinstance(one, StoredHit) and one.id in taken],
        [
            (one, verdict)
            for one, verdict in judged
            if isinstance(one, Engagement) and one.seen_at >= first.seen_at - REACH
        ],
    )


def _is_denied(contact: Contact, hit: StoredHit) -> bool:
    """Letters sent before count no longer from the withdrawal on (H10)."""
    return contact.consent == "denied" and (contact.consent_at is None or hit.seen_at >= contact.consent_at)


async def _keep_the_day(tx: Tx, contact: Contact, case: Case) -> None:
    """Who clicks has opened."""
    days = [hit.seen_at for hit, verdict in case.new if verdict.name in PERSONS and not _is_denied(contact, hit)]
    if days:
        day = max(days).replace(hour=0, minute=0, second=0, microsecond=0)
        await record_opened_on(tx, contact.site_id, contact.id, day)


async def _count(tx: Tx, services: Services, sent: Sent, contact: Contact) -> bool:
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
    await note_acts(tx, sent, changed, services.clock.now())
    await record_counts(tx, contact.site_id, contact.id, await count_contact(tx, contact.site_id, contact.id))
    return await _news(tx, services, sent, changed, contact)


async def _news(tx: Tx, services: Services, before: Sent, sent: Sent, contact: Contact) -> bool:
    """Tells of the first open and of the first click by a person, each once; whether there was one."""
    opened, clicked = sent.open_told and not before.open_told, sent.click_told and not before.click_told
    if opened:
        hit = await hits.get_first(tx, sent.site_id, sent.id, "open")
        await tell(
            tx, services, sent, contact, EventType.SEND_OPENED, opened_at=hit.seen_at, verdict=hit.verdict
        )  # fmt: skip
    if clicked:
        hit = await hits.get_first(tx, sent.site_id, sent.id, "click")
        url = await hits.find_url(tx, sent.site_id, sent.id, hit.number)
        await tell(tx, services, sent, contact, EventType.SEND_CLICKED, clicked_at=hit.seen_at, url=url or "")
    return opened or clicked
