"""A letter goes from the API of one process through the queue to the mail server by another, which is stopped in the
middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.acceptance.service import Service
from tests.support.submission_sink import SubmissionSink
from wherefrom.app import open_services
from wherefrom.management import invoke
from wherefrom.services import Services
from wherefrom.sites.add import add_site

LOGIN = ("news@shop.example", "the secret word")
LETTER = {"contact": {"email": "ann@mail.example"}, "subject": "News", "html": "<p>Hello</p>", "deliver": True}


@pytest.fixture
def sink() -> Iterator[SubmissionSink]:
    with SubmissionSink(login=LOGIN) as server:
        yield server


@pytest_asyncio.fixture
async def clerk(service: Service, sink: SubmissionSink) -> AsyncIterator[Services]:
    """Another process of the same service, as far as the database can tell: it takes letters, and sends none."""
    async with open_services(service.settings) as services:
        await add_site(services, "shop", ["shop.example"])
        account = {
            "host": sink.host, "port": sink.port, "security": "none", "username": LOGIN[0], "password": LOGIN[1],
            "from_address": LOGIN[0], "connections": 1,
        }  # fmt: skip
        await invoke(services, "PUT", "/sites/{site}/sender", site="shop", body=account)
        yield services


async def state(clerk: Services, send: str) -> str:
    told = await invoke(clerk, "GET", "/sites/{site}/sends/{send}", site="shop", send=send)
    return str(told.delivery.state)


async def deaf(service: Service) -> None:
    """Until the process takes no requests any more: it has heard that it is to stop."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client, asyncio.timeout(60):
        with pytest.raises(httpx.TransportError):
            while True:
                await client.get(f"{service.url}/healthz")
                await asyncio.sleep(0.02)


async def test_a_letter_on_its_way_arrives_when_its_process_is_asked_to_stop(
    service: Service, sink: SubmissionSink, clerk: Services
) -> None:
    await service.start()
    sink.hold()
    made = await invoke(clerk, "POST", "/sites/{site}/sends", site="shop", body=LETTER)
    await sink.wait_held(1)
    stopping = asyncio.create_task(asyncio.to_thread(service.stop))
    late = await invoke(clerk, "POST", "/sites/{site}/sends", site="shop", body=LETTER)
    await deaf(service)
    assert not stopping.done()
    sink.release()
    assert await stopping == 0, service.log()
    assert [await state(clerk, one.send.id) for one in (made, late)] == ["sent", "queued"]
    assert len(sink.letters) == 1
    await service.start()
    await sink.arrived.next()
    await sink.arrived.next()
    assert [line.letters for line in sink.lines] == [1, 1]
    assert {line.login for line in sink.lines} == {LOGIN[0]}
