"""Turns events into deliveries: one for each endpoint that wants it, with its body rendered once and for all.

Reads events that are not fanned out yet, in any order; marks them in the same transaction that makes the deliveries,
so that a process that dies leaves either both or neither. An event that cannot be read is marked and logged: one must
not hold up the others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from wherefrom.events.snapshots import MessageReceived, OfSend
from wherefrom.events.store import Event, claim_unfanned, mark_fanned
from wherefrom.events.types import OF_SENDS, SHAPES, EventType
from wherefrom.services import Services
from wherefrom.webhooks.endpoint import Endpoint, wants
from wherefrom.webhooks.lead import lead_of
from wherefrom.webhooks.payload import Lead, Link, render_roistat, render_standard
from wherefrom.webhooks.store import deliveries, endpoints
from wherefrom.webhooks.store.deliveries import NewDelivery
from wherefrom.webhooks.store.leads import LeadKey, take_numbers

log = structlog.get_logger(__name__)

ATTACHMENT_PURPOSE = "attachment"
"""What the tokens of attachment links are signed for: ``/a/<token>`` of ``site/message/number``."""

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter, or what became of a send, that an endpoint wants, before it is rendered."""

    event: Event
    endpoint: Endpoint
    told: MessageReceived | OfSend
    lead: str

    @property
    def lead_key(self) -> LeadKey:
        return (self.event.site_id, self.endpoint.id, self.lead)


async def fan_out(services: Services) -> bool:
    """One step: up to a hundred events; False when there were none."""
    now = services.clock.now()
    async with services.db.write() as tx:
        events = await claim_unfanned(tx, _BATCH)
        if not events:
            return False
        of_site = await endpoints.list_endpoints_of(tx, {event.site_id for event in events})
        drafts = [one for event in events for one in _drafts(services, event, of_site[event.site_id])]
        numbers = await take_numbers(tx, Counter(one.lead_key for one in drafts))
        new = _render_all(services, drafts, numbers, now)
        await deliveries.add_deliveries(tx, new, now)
        await mark_fanned(tx, events, now)
    if new:
        services.bell.ring("deliveries")
    return True


def _drafts(services: Services, event: Event, of_site: list[Endpoint]) -> list[Draft]:
    """Who gets this event; nobody what is told in the console alone."""
    hearers = [one for one in of_site if event.type.value in one.events]
    if not hearers or event.type not in (EventType.MESSAGE_RECEIVED, *OF_SENDS):
        return []
    try:
        told = event.read_as(SHAPES[event.type])
    except (msgspec.MsgspecError, UnicodeError) as fault:
        _tell_unreadable(event, fault)
        return []
    assert isinstance(told, MessageReceived | OfSend)
    lead = lead_of(told, services.tokens.pseudonym)
    return [Draft(event, one, told, lead) for one in hearers if isinstance(told, OfSend) or wants(one, told)]


def _render_all(
    services: Services, drafts: list[Draft], numbers: dict[LeadKey, int], now: datetime
) -> list[NewDelivery]:
    """The deliveries, numbered within their leads in the order of the events."""
    new = []
    given: Counter[LeadKey] = Counter()
    for one in drafts:
        sequence = numbers[one.lead_key] + given[one.lead_key]
        given[one.lead_key] += 1
        try:
            body = _body(services, one, sequence, now).decode()
        except (msgspec.MsgspecError, UnicodeError) as fault:
            _tell_unreadable(one.event, fault)
            continue
        new.append(
            NewDelivery(
                site_id=one.event.site_id,
                id=services.ids.next(),
                endpoint_id=one.endpoint.id,
                event_id=one.event.id,
                event_type=one.event.type.value,
                subject_id=one.event.subject_id,
                body=body,
                lead=one.lead,
                sequence=sequence,
            )
        )
    return new


def _body(services: Services, draft: Draft, sequence: int, now: datetime) -> bytes:
    event, endpoint = draft.event, draft.endpoint
    link = attachment_link(services, event.site_id, event.subject_id, now)
    if endpoint.format == "roistat" and isinstance(draft.told, MessageReceived):  # as choose_events sees to it
        return render_roistat(draft.told, link, endpoint.attachments)
    return render_standard(event.type.value, event.created_at, draft.told, link, Lead(draft.lead, sequence))


def _tell_unreadable(event: Event, fault: Exception) -> None:
    log.error("event cannot be read, no webhook tells it", event_id=event.id, fault=str(fault))


def attachment_link(services: Services, site_id: int, message_id: int, now: datetime) -> Link:
    """Makes URLs of one message's attachments that open without a login, for ``webhooks.link_days``."""
    expires_at = now + timedelta(days=services.settings.webhooks.link_days)
    base = services.settings.server.public_url.rstrip("/")

    def link(number: int) -> str:
        token = services.tokens.sign(ATTACHMENT_PURPOSE, f"{site_id}/{message_id}/{number}", expires_at=expires_at)
        return f"{base}/a/{token}"

    return link
