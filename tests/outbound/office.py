"""The API of a site that sends by an account of its own, and whoever carries its letters to the mail server."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import httpx

from tests.outbound.stage import HTML, Stage
from tests.support.submission_sink import SubmissionSink
from wherefrom.audience.contact_api import OPERATIONS as CONTACT_OPERATIONS
from wherefrom.events.store import Event, list_events
from wherefrom.events.types import EventType
from wherefrom.outbound.api import OPERATIONS as SEND_OPERATIONS
from wherefrom.outbound.postman import Postman
from wherefrom.outbound.sender_api import OPERATIONS as SENDER_OPERATIONS
from wherefrom.outbound.suppression_api import OPERATIONS as SUPPRESSION_OPERATIONS
from wherefrom.services import Services
from wherefrom.sites.add import add_site

OPERATIONS = (*SEND_OPERATIONS, *SENDER_OPERATIONS, *SUPPRESSION_OPERATIONS, *CONTACT_OPERATIONS)
ANN = {"email": "ann@mail.example", "name": "Ann"}


def postman(services: Services, linger: float = 0.0) -> Postman:
    """One without dice, whose connections close when nothing is due."""
    return Postman(services, chance=lambda: 0.0, linger=linger)


@dataclass(slots=True)
class Office:
    stage: Stage
    api: httpx.AsyncClient
    sink: SubmissionSink
    name: str = "shop"
    postman: Postman = field(init=False)

    def __post_init__(self) -> None:
        self.postman = postman(self.stage.services)

    def account(self, **more: Any) -> dict[str, Any]:
        """What sets the account."""
        return {
            "host": self.sink.host, "port": self.sink.port, "security": "none",
            "from_address": "news@shop.example", "from_name": "The shop", **more,
        }  # fmt: skip

    async def set(self, **more: Any) -> dict[str, Any]:
        return await self.call("PUT", "/sender", json=self.account(**more))

    async def send(self, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        body = {"contact": ANN, "subject": "News", "html": HTML, "deliver": True, **more}
        return await self.call("POST", "/sends", json=body, headers=headers)

    async def send_many(self, number: int) -> list[dict[str, Any]]:
        return [await self.send(contact={"email": f"p{one}@mail.example"}) for one in range(number)]

    async def look(self, made: dict[str, Any]) -> dict[str, Any]:
        return await self.call("GET", f"/sends/{made['send']['id']}")

    async def state(self, made: dict[str, Any]) -> tuple[str, str, int]:
        """Of the letter, of the send, and how often it was tried."""
        told = await self.look(made)
        return told["delivery"]["state"], told["send"]["status"], told["delivery"]["attempts"]

    async def sender(self) -> dict[str, Any]:
        return await self.call("GET", "/sender")

    async def second_site(self, name: str) -> Office:
        """Another site, which has no account yet; its letters are carried by the same postman."""
        await add_site(self.stage.services, name, [f"{name}.example"])
        other = Office(self.stage, self.api, self.sink, name)
        other.postman = self.postman
        return other

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.api.request(method, f"/sites/{self.name}{path}", **more)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told

    async def refused(self, method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        """The problem an operation is answered with."""
        answer = await self.api.request(method, f"/sites/{self.name}{path}", **more)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def work(self, after: timedelta = timedelta(0)) -> None:
        """Time goes by, and everything that is due is sent."""
        self.stage.clock.advance(after)
        await self.postman.settle()

    async def events(self, type: EventType) -> list[Event]:
        async with self.stage.services.db.read() as tx:
            return await list_events(tx, self.stage.site_id, type=type)

    def read(self, number: int = -1) -> EmailMessage:
        """A letter that arrived, as the standard parser reads it."""
        read = email.message_from_bytes(self.sink.letters[number].raw, policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        return read
