"""The management API against its own description: whatever is sent, no fault inside, and answers as described.

Schemathesis makes the requests from the OpenAPI document, those that fit it and those that do not, for the rooms of
outgoing mail: contacts, sends and their notices, suppressions, webhooks, events. The suite sends a few of each
operation, always the same, on PostgreSQL alone, which refuses more; ``WHEREFROM_CONFORMANCE=500`` sends so many, other
ones each time, on both engines.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks

from tests.support.ports import free_port
from wherefrom.app import build_app
from wherefrom.events.store import list_events
from wherefrom.events.types import EventType
from wherefrom.management import OPERATIONS, invoke
from wherefrom.services import Services
from wherefrom.supervise import Supervisor, Worker
from wherefrom.web.api import PREFIX
from wherefrom.web.health_paths import HEALTH_PATHS
from wherefrom.web.openapi import describe
from wherefrom.web.serve import bind, serve_http
from wherefrom.webhooks.fanout import fan_out

ROOMS = ("contacts", "sends", "suppressions", "endpoints", "deliveries", "events")
ASKED = int(os.environ.get("WHEREFROM_CONFORMANCE", "0"))
EXAMPLES = ASKED or 4
HELD = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
HTML = '<p><a href="https://shop.example/sofa?a=1">a sofa</a></p>'


@dataclass(slots=True)
class Api:
    """The service on a port, with a site that has one of everything; ``ids`` are theirs by the names in paths."""

    services: Services
    base_url: str
    session: requests.Session = field(default_factory=requests.Session)
    ids: dict[str, str] = field(default_factory=dict)
    nobody: int = field(default_factory=free_port)
    seeds: int = 0

    async def seed(self) -> None:
        """A contact, a letter to it that a webhook was told of, an address that is not to be mailed."""

        async def made(method: str, path: str, body: dict[str, Any]) -> Any:
            return await invoke(self.services, method, path, site="shop", body=body)

        self.seeds += 1
        contact = {"email": f"ann{self.seeds}@mail.example", "name": "Ann"}
        send = (await made("POST", "/sites/{site}/sends", {"contact": contact, "html": HTML})).send
        url = f"http://127.0.0.1:{self.nobody}/{self.seeds}"
        endpoint = await made("POST", "/sites/{site}/endpoints", {"url": url, "events": ["send.delivered"]})
        path = "/sites/{site}/sends/{send}/notices"
        await invoke(self.services, "POST", path, site="shop", send=send.id, body={"status": "delivered"})
        await fan_out(self.services)
        address = {"email": f"bob{self.seeds}@mail.example"}
        suppression = await made("POST", "/sites/{site}/suppressions", address)
        page = await invoke(self.services, "GET", "/sites/{site}/deliveries", site="shop")
        self.ids |= {
            "site": "shop", "send": send.id, "contact": send.contact_id, "endpoint": endpoint.id,
            "delivery": page.data[0].id, "suppression": suppression.id,
        }  # fmt: skip


@asynccontextmanager
async def served(services: Services, supervisor: Supervisor | None = None) -> AsyncIterator[str]:
    """The service on a port; its address."""
    stop, port = asyncio.Event(), free_port()
    serving = asyncio.create_task(serve_http(build_app(services, supervisor), bind("127.0.0.1", port), stop))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await serving


@pytest_asyncio.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    key = await invoke(services, "POST", "/keys", body={"name": "test"})
    await invoke(services, "POST", "/sites", body={"name": "shop", "hosts": ["shop.example"]})
    async with served(services) as base_url:
        made = Api(services, base_url)
        made.session.trust_env = False
        made.session.headers["authorization"] = f"Bearer {key.secret}"
        with made.session:
            yield made


DESCRIBED = schemathesis.openapi.from_dict(describe(OPERATIONS, "http://127.0.0.1", HEALTH_PATHS))


def listed(room: str) -> list[tuple[str, str]]:
    """The room's operations; without those that connect to the mail server they are told."""
    mine = [one for one in OPERATIONS if one.tag == room and "/sender" not in one.path]
    return [(PREFIX + one.path, one.method) for one in mine]


ENGINES = ["sqlite", "postgresql"] if ASKED else ["postgresql"]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize("room", ROOMS)
async def test_whatever_is_sent_no_fault_is_inside_and_the_answer_is_as_described(api: Api, room: str) -> None:
    operations = listed(room)
    assert operations
    for path, method in operations:
        await api.seed()
        await asyncio.to_thread(hold, api, DESCRIBED[path][method])


def hold(api: Api, operation: Any) -> None:
    """Sends requests of one operation, half of them as described, and looks at every answer."""

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=not ASKED, database=None,
        phases=[Phase.generate, Phase.shrink] if ASKED else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def sent(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case: Case = data.draw(operation.as_strategy(generation_mode=mode))
        known = data.draw(st.sampled_from([True, True, True, False]))
        if known:
            case.path_parameters = {name: api.ids.get(name, value) for name, value in case.path_parameters.items()}
        answer = case.call(base_url=api.base_url, session=api.session)
        case.validate_response(answer, checks=HELD)

    sent()


async def test_requests_that_fit_reach_what_they_name(api: Api) -> None:
    """Without it all of the above could be told by a wall of "not found"."""
    await api.seed()
    for path, method in [one for room in ROOMS for one in listed(room)]:
        if method != "GET" or not set(re.findall(r"{(\w+)}", path)) <= set(api.ids):
            continue
        url = api.base_url + path.format(**api.ids)
        answer = await asyncio.to_thread(api.session.get, url)
        assert answer.status_code == 200, (url, answer.text)
    async with api.services.db.read() as tx:
        events = await list_events(tx, int(await find_site(api)), type=EventType.SEND_DELIVERED)
    assert len(events) == 1


async def _step() -> bool:
    return False


async def test_health_is_told_as_described_without_a_key_well_and_ill(services: Services) -> None:
    supervisor = Supervisor([Worker("sort", _step, 1, "messages")], services.bell, services.clock)
    state = supervisor.states["sort"]
    async with served(services, supervisor) as base_url:

        def ask(path: str) -> int:
            case = DESCRIBED[path]["GET"].Case()
            answer = case.call(base_url=base_url)
            case.validate_response(answer, checks=[one for one in HELD if one is not checks.not_a_server_error])
            described = DESCRIBED.raw_schema["paths"][path]["get"]["responses"][str(answer.status_code)]
            shape = described["content"]["application/json"]["schema"]
            assert answer.json().keys() == shape["properties"].keys()  # and nothing besides
            return answer.status_code

        async def both() -> tuple[int, int]:
            return await asyncio.to_thread(ask, "/healthz"), await asyncio.to_thread(ask, "/readyz")

        assert await both() == (200, 200)
        state.status, state.beat_at = "failed", services.clock.now()
        assert await both() == (200, 503)
        supervisor.leaving.set()
        assert await both() == (503, 503)


async def find_site(api: Api) -> str:
    return str((await invoke(api.services, "GET", "/sites/{site}", site="shop")).id)


NUL = ("contacts?email=%00", "sends?reference=a%00", "suppressions?email=%00b", "messages?text=%00", "endpoints/%00")


async def test_a_nul_that_no_database_keeps_is_refused_in_words(api: Api) -> None:
    for path in NUL:
        answer = await asyncio.to_thread(api.session.get, f"{api.base_url}{PREFIX}/sites/shop/{path}")
        assert answer.status_code == 400, path
        assert "NUL" in answer.json()["detail"]


async def test_a_notice_of_a_time_that_cannot_be_is_refused_and_the_send_can_still_be_read(api: Api) -> None:
    await api.seed()
    url = f"{api.base_url}{PREFIX}/sites/shop/sends/{api.ids['send']}"
    for at in ("0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"):
        answer = await asyncio.to_thread(api.session.post, url + "/notices", json={"status": "failed", "at": at})
        assert (answer.status_code, answer.json()["field"]) == (400, "at")
    assert (await asyncio.to_thread(api.session.get, url)).json()["send"]["status"] == "delivered"
