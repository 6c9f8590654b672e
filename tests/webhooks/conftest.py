"""What the webhook tests share: letters as events, and rounds of the room's own background work."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from wherefrom.clock import FixedClock
from wherefrom.events.snapshots import Attachment, Match, Message, MessageReceived, Utm, Visit
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.webhooks.change import Added, AddEndpoint, add_endpoint
from wherefrom.webhooks.deliver import Courier
from wherefrom.webhooks.fanout import fan_out
from wherefrom.webhooks.guard import client

SITE = 1


@pytest.fixture
def clock() -> FixedClock:
    """Stands still at the present: the receivers' library refuses timestamps of another day."""
    return FixedClock(datetime.now(UTC))


def message(**changed: Any) -> Message:
    fields: dict[str, Any] = {
        "id": "111",
        "email_id": "222",
        "subject": "Re: Test",
        "text": "Test message",
        "from_address": "email_1@mail.com",
        "from_name": "Anna",
        "to_address": "email+123456@mail.com",
        "recipients": ["email+123456@mail.com"],
        "received_at": datetime(2026, 11, 2, 9, 0, 1, tzinfo=UTC),
        "written_at": datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
        "message_id": "<a@mail.com>",
        "folder_kind": "inbox",
        "automatic": "",
        "first_of_thread": True,
        "attachments": [],
    }
    return Message(**fields | changed)


def visit(**changed: Any) -> Visit:
    fields: dict[str, Any] = {
        "id": "123456",
        "first_visit": "1001",
        "started_at": datetime(2026, 11, 2, 8, 50, tzinfo=UTC),
        "landing_page": "test.com/new",
        "referrer": "fb.com",
        "domain": "test.com",
        "marker": "fb_new",
        "channel": "paid social",
        "source_levels": ["fb", "new"],
        "utm": Utm(),
        "country": "USA",
        "country_code": "US",
        "region": "New York",
        "city": "New York",
        "ip": "161.185.160.93",
        "device": "desktop",
        "os": "Windows",
        "browser": "Firefox",
        "language": "en",
        "timezone": "America/New_York",
        "google_client_id": None,
        "ym_uid": None,
        "params": {},
    }
    return Visit(**fields | changed)


MATCH = Match(rule="code", confidence=1.0, reason="the code was given to this visit alone")
ATTACHMENT = Attachment(n=1, name="plan.pdf", size=2048, content_type="application/pdf")


def letter(*, matched: bool = True, **changed: Any) -> MessageReceived:
    if not matched:
        return MessageReceived(message=message(**changed), match=None, visit=None)
    return MessageReceived(message=message(**changed), match=MATCH, visit=visit())


async def tell(services: Services, subject_id: int, told: MessageReceived | None = None, site_id: int = SITE) -> int:
    """A letter has come: its event, as the inbox room appends it. The event's id."""
    event_id = services.ids.next()
    async with services.db.write() as tx:
        await append_event(
            tx,
            id=event_id,
            site_id=site_id,
            type=EventType.MESSAGE_RECEIVED,
            subject_id=subject_id,
            data=told or letter(id=str(subject_id)),
            now=services.clock.now(),
        )
    return event_id


async def listen(services: Services, url: str, site_id: int = SITE, **wish: Any) -> Added:
    """Adds an endpoint."""
    return await add_endpoint(services, site_id, AddEndpoint(url=url, **wish))


async def work(services: Services, courier: Courier | None = None) -> None:
    """The room's background work until there is nothing more to do at this moment of the clock."""
    while await fan_out(services):
        pass
    courier = courier or Courier(services, chance=lambda: 0.0)
    while await courier.step():
        await courier.settle()


Changing = Callable[..., AbstractAsyncContextManager[Services]]


@pytest.fixture
def changing(services: Services) -> Changing:
    """The services with other webhook settings (and a client made from them): `async with changing(timeout_seconds=1)`.
    `resolve` is given to the client."""

    @asynccontextmanager
    async def change(resolve: Any = None, **webhooks: Any) -> AsyncIterator[Services]:
        group = msgspec.structs.replace(services.settings.webhooks, **webhooks)
        settings = msgspec.structs.replace(services.settings, webhooks=group)
        async with client(settings, resolve=resolve) as http:
            yield replace(services, settings=settings, http=lambda: http)

    return change
