"""Letters that are sent from here: through the API, the queue and a real mail server, on both engines."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.outbound.stage import HTML, Stage
from tests.support.management import OPERATOR, management_api
from tests.support.submission_sink import SubmissionSink
from wherefrom.contacts.api import OPERATIONS as CONTACT_OPERATIONS
from wherefrom.outbound.api import OPERATIONS
from wherefrom.outbound.postman import Postman
from wherefrom.outbound.sender_api import OPERATIONS as SENDER_OPERATIONS
from wherefrom.outbound.suppression_api import OPERATIONS as SUPPRESSION_OPERATIONS

ANN = {"email": "ann@mail.example", "name": "Ann"}


@pytest.fixture
def sink() -> Iterator[SubmissionSink]:
    server = SubmissionSink()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(slots=True)
class Office:
    """The API of a site that sends by `sink`, and whoever carries its letters there."""

    stage: Stage
    api: httpx.AsyncClient
    sink: SubmissionSink
    postman: Postman = field(init=False)

    def __post_init__(self) -> None:
        self.postman = Postman(self.stage.services, chance=lambda: 0.0, linger=0.0)

    async def set(self, **more: Any) -> dict[str, Any]:
        body = {
            "host": self.sink.host, "port": self.sink.port, "security": "none",
            "from_address": "news@shop.example", "from_name": "The shop", **more,
        }  # fmt: skip
        return await self.call("PUT", "/sender", json=body)

    async def send(self, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        body = {"contact": ANN, "subject": "News", "html": HTML, "deliver": True, **more}
        return await self.call("POST", "/sends", json=body, headers=headers)

    async def look(self, made: dict[str, Any]) -> dict[str, Any]:
        return await self.call("GET", f"/sends/{made['send']['id']}")

    async def sender(self) -> dict[str, Any]:
        return await self.call("GET", "/sender")

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.api.request(method, f"/sites/shop{path}", **more)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told

    async def work(self, after: timedelta = timedelta(0)) -> None:
        """Time goes by, and everything that is due is sent."""
        self.stage.clock.advance(after)
        await self.postman.settle()

    def read(self, number: int = -1) -> EmailMessage:
        raw = self.sink.letters[number].raw
        read = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        return read


ALL_OPERATIONS = (*OPERATIONS, *SENDER_OPERATIONS, *SUPPRESSION_OPERATIONS, *CONTACT_OPERATIONS)


@pytest_asyncio.fixture
async def office(stage: Stage, sink: SubmissionSink) -> AsyncIterator[Office]:
    async with management_api(stage.services, ALL_OPERATIONS, OPERATOR) as client:
        made = Office(stage, client, sink)
        await made.set()
        yield made
        await made.postman.close()


async def test_a_letter_goes_by_the_sites_own_account(office: Office) -> None:
    made = await office.send(text="See https://shop.example/1?a=1&b=2")
    assert (made["delivery"]["state"], made["html"], made["send"]["tracks_clicks"]) == ("queued", "", True)
    await office.work()
    [letter] = office.sink.letters
    assert (letter.sender, letter.recipients) == ("news@shop.example", ("ann@mail.example",))
    read = office.read()
    assert (read["From"], read["To"], read["Subject"]) == (
        "The shop <news@shop.example>", "Ann <ann@mail.example>", "News",
    )  # fmt: skip
    assert read["Message-ID"] == made["delivery"]["message_id"]
    assert read["List-Unsubscribe"].startswith("<http://127.0.0.1:8025/u/")
    html = read.get_body(("html",))
    text = read.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert (html.get_content().count("/c/"), html.get_content().count("/o/")) == (3, 1)
    assert "/c/" in text.get_content()
    told = await office.look(made)
    assert (told["send"]["status"], told["delivery"]["state"], told["delivery"]["attempts"]) == ("accepted", "sent", 1)
    assert told["delivery"]["answer"] == "250 2.0.0 queued as 1"
    assert [(one["status"], one["detail"]) for one in told["notices"]] == [("accepted", "250 2.0.0 queued as 1")]
    assert ((await office.sender())["status"], (await office.sender())["waiting"]) == ("working", 0)


async def test_one_connection_carries_many_letters(office: Office) -> None:
    await office.set(connections=1)
    for number in range(5):
        await office.send(contact={"email": f"p{number}@mail.example"})
    await office.work()
    assert [line.letters for line in office.sink.lines] == [5]


async def test_a_letter_that_is_put_off_is_tried_again_by_the_schedule_with_the_servers_words(office: Office) -> None:
    office.sink.answer("RCPT", *["451 4.7.1 greylisted, come back"] * 3)
    made = await office.send()
    waits = []
    for _ in range(3):
        await office.work()
        told = (await office.look(made))["delivery"]
        assert (told["state"], told["answer"]) == ("queued", "451 4.7.1 greylisted, come back")
        now = office.stage.clock.now()
        wait = timedelta(seconds=[60, 300, 900][told["attempts"] - 1])
        waits.append(told["next_at"] == (now + wait).isoformat().replace("+00:00", "Z"))
        await office.work(wait - timedelta(milliseconds=1))  # a moment too early: nothing may happen
        assert (await office.look(made))["delivery"]["attempts"] == told["attempts"]
        office.stage.clock.advance(timedelta(milliseconds=1))
    assert waits == [True] * 3
    await office.work()
    assert (await office.look(made))["delivery"]["state"] == "sent"
    assert len(office.sink.letters) == 1
