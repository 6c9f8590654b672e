"""Two web processes behind the front of `docker/`: what it passes on, whom it believes, and what it goes around."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from tests.acceptance.service import Service
from tests.acceptance.stage import PASSWORD, PERSON
from tests.acceptance.traffic import ORIGIN, Traffic, open_traffic
from tests.acceptance.traffic import PERSON as BROWSER
from tests.console.conftest import csrf_of
from tests.support.components import CADDY, require
from tests.support.dovecot import Dovecot
from tests.support.front import Front
from tests.support.receiver import Receiver
from wherefrom.tracking.tables import hit

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite is for one host
TOKEN = "a token for metrics"
VISITOR, SOMEBODY_ELSE = "127.0.0.7", "203.0.113.9"
PATIENCE = 60.0
_numbers = itertools.count(1)


@dataclass
class Site:
    """``webs`` stand behind ``front``."""

    front: Front
    webs: list[Service]
    traffic: Traffic

    def browser(self) -> httpx.AsyncClient:
        """Of a visitor who claims to be somebody else."""
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(local_address=VISITOR),
            base_url=self.front.url,
            headers={"User-Agent": BROWSER, "X-Forwarded-For": SOMEBODY_ELSE},
            timeout=30,
        )

    async def show(self, client: httpx.AsyncClient) -> httpx.Response:
        """A page of the shop."""
        stage = self.traffic.stage
        page = {"site": stage.key, "page": "https://shop.example/chairs", "addresses": [stage.address]}
        return await client.post("/v1/visits", json=page, headers=ORIGIN)

    async def counts(self) -> list[float]:
        """How many visits each process has answered; nought of one that is down."""
        return [await _answered(one) for one in self.webs]


@pytest_asyncio.fixture
async def site(
    database_url: str, tmp_path: Path, dovecot: Dovecot, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    require(CADDY)
    monkeypatch.setenv("WHEREFROM_SERVER_TRUSTED_PROXIES", "127.0.0.1/32")  # the front; visitors have other addresses
    monkeypatch.setenv("WHEREFROM_METRICS_TOKEN", TOKEN)
    monkeypatch.setenv("WHEREFROM_SERVER_LEAVING_SECONDS", "4")  # as in docker/
    monkeypatch.setenv("WHEREFROM_VISITS_IP", "whole")
    webs = []
    for number in range(2):
        folder = tmp_path / f"web{number}"
        folder.mkdir()
        key = tmp_path / "web0" / "data" / "secret.key"
        webs.append(Service(folder, database_url, extra_settings=f'[data]\nkey_file = "{key}"\n'))
    front = Front([one.port for one in webs])
    domain = f"front{next(_numbers)}.example"
    try:
        async with open_traffic(webs[0], dovecot, receiver, domain, letters=0, seed=1) as traffic:
            for one in webs:
                one.spawn_as("web")
            for one in webs:
                await _until(lambda one=one: _is_up(one), one.log)  # type: ignore[misc]
            front.start()
            yield Site(front, webs, traffic)
    finally:
        front.remove()
        for one in webs:
            one.kill()


async def test_what_visitors_and_people_ask_passes_the_front_with_their_own_address(site: Site) -> None:
    letter, (open_at, click_at) = next(iter(site.traffic.paths))[0], list(site.traffic.paths.values())[:2]
    kept: set[tuple[str, str, str | None]] = set()
    async with site.browser() as client:

        async def is_shown() -> bool:
            answer = await site.show(client)
            return answer.status_code == 200 and site.traffic.stage.address in answer.json()["substitutes"]

        async def both_are_kept() -> bool:
            """A database that is slow for a moment lets one go by."""
            picture, click = await client.get(open_at), await client.get(click_at)
            assert (picture.status_code, picture.headers["content-type"]) == (200, "image/gif")
            assert click.status_code == 307
            assert click.headers["location"].startswith("https://shop.example/chairs")
            async with site.traffic.database.read() as tx:
                rows = await tx.execute(select(hit.c.send_id, hit.c.kind, hit.c.ip))
                kept.update((str(row.send_id), row.kind, row.ip) for row in rows)
            return len(kept) > 1

        await _until(is_shown, site.front.log)
        await _until(both_are_kept, site.front.log)
        assert kept == {(letter, "open", VISITOR), (letter, "click", VISITOR)}
        script = await client.get("/wf.js")
        assert script.status_code == 200, script.text
        form = csrf_of((await client.get("/login")).text)
        entry = {"csrf": form, "email": PERSON, "password": PASSWORD}
        inside = await client.post("/login", data=entry, follow_redirects=True)
        assert (inside.status_code, inside.url.path.rpartition("/")[2]) == (200, "messages"), inside.text


async def test_who_comes_past_the_front_is_not_believed_who_they_are(site: Site) -> None:
    async with site.browser() as client:
        direct = site.webs[0].url + next(iter(site.traffic.paths.values()))
        kept: set[str | None] = set()

        async def is_kept() -> bool:
            assert (await client.get(direct)).status_code == 200
            async with site.traffic.database.read() as tx:
                kept.update(await tx.scalars(select(hit.c.ip)))
            return bool(kept)

        await _until(is_kept, site.webs[0].log)
    assert kept == {VISITOR}


async def test_a_dead_web_process_is_gone_around_and_used_again_when_it_is_back(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    missed: Counter[int] = Counter()
    shown = 0
    dead, other = site.webs
    async with site.browser() as client:

        async def show() -> None:
            """What has no body is of the front itself; a service with too much to do says so in words."""
            nonlocal shown
            answer = await site.show(client)
            shown += 1
            if not answer.content:
                missed[answer.status_code] += 1

        async def both_answer() -> bool:
            await asyncio.gather(show(), show(), show(), show())
            return all(await site.counts())

        async def twenty_in_a_row() -> bool:
            before = missed.total()
            for _ in range(20):
                await show()
            return missed.total() == before

        await _until(both_answer, site.front.log)
        assert not missed, "while all is well"
        dead.kill()
        await _until(twenty_in_a_row, site.front.log)
        assert missed.total() <= 20, (missed, site.front.log())
        lost = missed.total()
        dead.spawn_as("web")
        await _until(both_answer, site.front.log)
        for one in (dead, other):  # an update: one after the other is stopped, politely
            lost_before = missed.total()
            stopping = asyncio.create_task(asyncio.to_thread(one.stop))
            while not stopping.done():
                await show()
            assert await stopping == 0
            await _until(twenty_in_a_row, site.front.log)
            assert missed.total() == lost_before, (missed, site.front.log())
            one.spawn_as("web")
            await _until(both_answer, site.front.log)
    record_property("figure", f"of {shown} pages {lost} were lost when a web process was killed")


async def _until(reached: Callable[[], Awaitable[bool]], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await reached():
        assert time.monotonic() < deadline, log()
        await asyncio.sleep(0.05)


async def _is_up(service: Service) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(service.url + "/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def _answered(service: Service) -> float:
    """Visits that a process has answered since it began, as it tells itself."""
    try:
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            text = (await client.get(service.url + "/metrics")).text
    except httpx.TransportError:
        return 0
    lines = [line for line in text.splitlines() if line.startswith('wherefrom_http_requests_total{area="visits"')]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
