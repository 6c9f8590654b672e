"""Turns events into deliveries: one for each endpoint that wants it, with its body rendered once and for all.

Reads events that are not fanned out yet, in any order; marks them in the same transaction that makes the deliveries,
so that a process that dies leaves either both or neither. An event that cannot be read is marked and logged: one must
not hold up the others.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import structlog

from wherefrom.events.snapshots import MessageReceived, TestPing
from wherefrom.events.store import Event, claim_unfanned, mark_fanned
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.webhooks.endpoint import Endpoint, wants
from wherefrom.webhooks.payload import Link, render_ping, render_roistat, render_standard
from wherefrom.webhooks.store import deliveries, endpoints
from wherefrom.webhooks.store.deliveries import NewDelivery

log = structlog.get_logger(__name__)

ATTACHMENT_PURPOSE = "attachment"
"""What the tokens of attachment links are signed for: ``/a/<token>`` of ``site/message/number``."""

_BATCH = 100


async def fan_out(services: Services) -> bool:
    """One step: up to a hundred events; False when there were none."""
    now = services.clock.now()
    async with services.db.write() as tx:
        events = await claim_unfanned(tx, _BATCH)
        if not events:
            return False
        of_site = await endpoints.list_endpoints_of(tx, {event.site_id for event in events})
        new = [one for event in events for one in _deliveries_of(services, event, of_site[event.site_id], now)]
        await deliveries.add_deliveries(tx, new, now)
        await mark_fanned(tx, events, now)
    if new:
        services.bell.ring("deliveries")
    return True


def _deliveries_of(services: Services, event: Event, of_site: list[Endpoint], now: datetime) -> list[NewDelivery]:
    """The deliveries this event gives rise to; none for what is told in the console alone."""
    try:
        bodies = _bodies(services, event, of_site, now)
    except (msgspec.MsgspecError, UnicodeError) as fault:
        log.error("event cannot be read, no webhook tells it", event_id=event.id, fault=str(fault))
        return []
    return [
        NewDelivery(
            site_id=event.site_id,
            id=services.ids.next(),
            endpoint_id=endpoint_id,
            event_id=event.id,
            event_type=event.type.value,
            subject_id=event.subject_id,
            body=body.decode(),
        )
        for endpoint_id, body in bodies.items()
    ]


def _bodies(services: Services, event: Event, of_site: list[Endpoint], now: datetime) -> dict[int, bytes]:
    """The body for each endpoint that wants the event, by endpoint."""
    if event.type is EventType.TEST_PING:
        ping = event.read_as(TestPing)
        asked = [one for one in of_site if one.id == event.subject_id]
        return {one.id: render_ping(one.format, event.created_at, ping) for one in asked}
    if event.type is not EventType.MESSAGE_RECEIVED:
        return {}
    letter = event.read_as(MessageReceived)
    link = attachment_link(services, event.site_id, event.subject_id, now)
    return {one.id: _letter_body(one, event, letter, link) for one in of_site if wants(one, letter)}


def _letter_body(endpoint: Endpoint, event: Event, letter: MessageReceived, link: Link) -> bytes:
    if endpoint.format == "roistat":
        return render_roistat(letter, link, endpoint.attachments)
    return render_standard(event.type.value, event.created_at, letter, link)


def attachment_link(services: Services, site_id: int, message_id: int, now: datetime) -> Link:
    """Makes URLs of one message's attachments that open without a login, for ``webhooks.link_days``."""
    expires_at = now + timedelta(days=services.settings.webhooks.link_days)
    base = services.settings.server.public_url.rstrip("/")

    def link(number: int) -> str:
        token = services.tokens.sign(ATTACHMENT_PURPOSE, f"{site_id}/{message_id}/{number}", expires_at=expires_at)
        return f"{base}/a/{token}"

    return link
