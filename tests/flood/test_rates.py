"""K05: who asks too often hears 429 and how long to wait, and nobody else does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from tests.acceptance.service import Service
from tests.flood.wire import PATIENCE
from tests.support.clients import BRIEFLY
from tests.support.databases import SqliteDatabases
from wherefrom.app import open_services
from wherefrom.management import invoke

LIMITS = """
[limits]
visits_per_address = 60
visits_per_site = 180
requests_per_address = 60
"""
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@dataclass(slots=True)
class Site:
    """A site behind a proxy that says who asks."""

    client: httpx.AsyncClient
    key: str

    async def visit(self, ip: str) -> httpx.Response:
        told = {"site": self.key, "page": "https://shop.example/"}
        head = {"origin": "https://shop.example", "user-agent": PERSON, "x-forwarded-for": ip}
        return await self.client.post("/v1/visits", json=told, headers=head)

    async def get(self, path: str, ip: str) -> httpx.Response:
        return await self.client.get(path, headers={"x-forwarded-for": ip})


@pytest_asyncio.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> AsyncIterator[Site]:
    """On SQLite alone: rates are counted in memory."""
    folder = tmp_path_factory.mktemp("rates")
    service = Service(folder, await sqlite_databases.create(folder), extra_settings=LIMITS)
    async with open_services(service.settings) as services:
        made = await invoke(services, "POST", "/sites", body={"name": "shop", "hosts": ["shop.example"]})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHEREFROM_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")
        service.spawn()
    try:
        await service.wait()
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE, limits=BRIEFLY, base_url=service.url) as client:
            yield Site(client, made.key)
    finally:
        service.kill()


async def refused(ask: Callable[[], object]) -> httpx.Response:
    """The first 429 of those who ask without pause."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = await ask()  # type: ignore[misc]
        if answer.status_code == 429:
            return answer  # type: ignore[no-any-return]
        assert time.monotonic() < deadline


async def test_an_address_that_shows_too_many_pages_hears_429_and_others_are_answered(site: Site) -> None:
    answer = await refused(lambda: site.visit("8.8.8.8"))
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert answer.json()["type"] == "urn:wherefrom:problem:too-many"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await site.visit("8.8.4.4")).status_code == 200


async def test_addresses_of_one_ipv6_network_are_counted_together(site: Site) -> None:
    turns = iter(range(10_000))
    answer = await refused(lambda: site.visit(f"2a00:1450:4001:812::{next(turns):x}"))
    assert answer.json()["detail"].startswith("your network address")
    assert (await site.visit("2a00:1450:4001:813::1")).status_code == 200


async def test_a_site_that_is_visited_too_often_is_told_apart_from_an_address(site: Site) -> None:
    turns = iter(range(100_000))
    answer = await refused(lambda: site.visit(f"9.{(turn := next(turns)) >> 8 & 255}.{turn & 255}.1"))
    assert answer.json()["detail"].startswith("this site")
    assert answer.headers["retry-after"]


async def test_the_console_and_the_api_have_a_limit_of_their_own_and_health_has_none(site: Site) -> None:
    answer = await refused(lambda: site.get("/login", "1.1.1.1"))
    assert answer.headers["retry-after"]
    answer = await refused(lambda: site.get("/api/v1/sites", "1.0.0.1"))
    assert answer.headers["retry-after"]
    assert all([(await site.get("/healthz", "1.1.1.1")).status_code == 200 for _ in range(20)])
    assert (await site.get("/login", "1.2.3.4")).status_code == 200


async def test_pixels_links_and_ways_out_are_never_refused_for_an_address(site: Site) -> None:
    for path, status in (("/o/a..b.gif", 200), ("/c/a..b", 404), ("/u/a..b", 404)):
        assert {(await site.get(path, "1.1.1.1")).status_code for _ in range(30)} == {status}
