"""K05: more is asked than the service can do. It answers what it can, turns the rest away at once, and is as it was
when it is over.

By default a few seconds. The long one, with the figures it met:

    WHEREFROM_FLOOD_SECONDS=60 python -m pytest -s tests/flood/test_flood.py
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from tests.acceptance.service import Service
from tests.flood.wire import PATIENCE
from tests.support.clients import BRIEFLY
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.management import invoke
from wherefrom.tokens import Tokens, load_key
from wherefrom.tracking.marks import Mark, open_address
from wherefrom.visits.tables import visit

SECONDS = float(os.environ.get("WHEREFROM_FLOOD_SECONDS", "2"))
CALM, CROWD = 32, 1600
"""Connections: enough to keep the service at work, and many more."""
MOST_MEMORY = 250  # MB
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
VISIT, PIXEL = 0, 1


@dataclass(slots=True)
class Flooded:
    """A service, and what a crowd asks it: a page, and a letter's pixel."""

    service: Service
    requests: list[bytes]
    memory: float = 0.0
    notices: list[str] = field(default_factory=list)
    console: list[float] = field(default_factory=list)

    async def ask(self, connections: int, seconds: float, *awaited: str) -> dict[str, Any]:
        """What a crowd has heard, with some of each answer that is awaited."""
        lines = "".join(json.dumps(request.decode()) + "\n" for request in self.requests)
        arguments = ["-m", "tests.flood.crowd", str(self.service.port), str(connections), str(seconds), *awaited]
        pipe = asyncio.subprocess.PIPE
        crowd = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
        told, _ = await crowd.communicate(lines.encode())
        heard: dict[str, Any] = json.loads(told)
        return heard

    async def watch(self, over: asyncio.Event) -> None:
        """Looks after the service meanwhile, as its people do."""
        async with httpx.AsyncClient(
            trust_env=False, timeout=PATIENCE, limits=BRIEFLY, base_url=self.service.url
        ) as client:
            is_last = False
            while not is_last:
                is_last = over.is_set()
                self.memory = max(self.memory, _resident(self.service))
                self.notices = (await client.get("/readyz")).json().get("notices") or self.notices
                began = time.perf_counter()
                if (await client.get("/login")).status_code == 200:
                    self.console.append(time.perf_counter() - began)
                await asyncio.sleep(0.05)

    async def recover(self) -> float:
        """Seconds until a visitor is answered as ever."""
        began = time.perf_counter()
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE, limits=BRIEFLY) as client:
            body = self.requests[VISIT].partition(b"\r\n\r\n")[2]
            while True:
                answer = await client.post(
                    self.service.url + "/v1/visits",
                    content=body,
                    headers={"user-agent": PERSON, "origin": "https://shop.example"},
                )
                if answer.status_code == 200:
                    return time.perf_counter() - began
                assert answer.status_code == 503
                assert answer.headers["retry-after"]
                assert time.perf_counter() - began < PATIENCE


@pytest_asyncio.fixture
async def flooded(database_url: str, tmp_path: Path) -> AsyncIterator[Flooded]:
    service = Service(tmp_path, database_url)
    async with open_services(service.settings) as services:
        site = await invoke(services, "POST", "/sites", body={"name": "shop", "hosts": ["shop.example"]})
        target = {"address": "sales@company.com", "strategy": "plus"}
        await invoke(services, "POST", "/sites/{site}/targets", site=site.id, body=target)
    tokens = Tokens(load_key(Path(service.settings.data.key_file)))
    pixel = open_address(tokens, "", Mark(int(site.id), 7))
    told = {
        "site": site.key, "page": "https://shop.example/?utm_source=a", "addresses": ["sales@company.com"],
    }  # fmt: skip
    body = json.dumps(told)
    page = (
        f"POST /v1/visits HTTP/1.1\r\nhost: x\r\norigin: https://shop.example\r\nuser-agent: {PERSON}\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    )
    try:
        await service.start()
        yield Flooded(
            service, [page.encode(), f"GET {pixel} HTTP/1.1\r\nhost: x\r\nuser-agent: {PERSON}\r\n\r\n".encode()]
        )
    finally:
        service.kill()


async def test_a_flood_is_turned_away_and_leaves_nothing_behind(
    flooded: Flooded, record_property: pytest.RecordProperty
) -> None:
    calm = await flooded.ask(CALM, min(SECONDS, 5.0), f"{VISIT}:200")
    over = asyncio.Event()
    watching = asyncio.create_task(flooded.watch(over))
    heard = await flooded.ask(CROWD, SECONDS, f"{VISIT}:200", f"{VISIT}:busy", f"{PIXEL}:200")
    over.set()
    await watching
    recovered = await flooded.recover()
    after = await flooded.ask(CALM, 0.5, f"{VISIT}:200")

    answers = heard["answers"]
    visits = answers[f"{VISIT}:200"]
    assert answers[f"{VISIT}:busy"]["count"] > 0
    late = f"{VISIT}:503"  # on a machine with much else to do a page may wait longer than one may, too
    assert set(answers) <= {f"{VISIT}:200", f"{VISIT}:busy", late, f"{PIXEL}:200"}
    assert flooded.memory < MOST_MEMORY
    assert flooded.console
    assert any("visits" in one for one in flooded.notices), (flooded.notices, heard, flooded.service.log()[-2000:])
    assert after["answers"][f"{VISIT}:200"]["count"] > 0
    assert await _count_visits(flooded.service) >= visits["count"] + calm["answers"][f"{VISIT}:200"]["count"]
    record_property("figure", _figures(flooded, calm, heard, recovered))


def _figures(flooded: Flooded, calm: dict[str, Any], heard: dict[str, Any], recovered: float) -> str:
    asked, seconds = heard["answers"], heard["seconds"]
    before, visits, turned_away = calm["answers"][f"{VISIT}:200"], asked[f"{VISIT}:200"], asked[f"{VISIT}:busy"]
    pixels = asked[f"{PIXEL}:200"]
    return (
        f"calm: {before['count'] / calm['seconds']:.0f} visits/s, {_waits(before)}; {CROWD} connections for"
        f" {seconds:.0f} s: {(visits['count'] + turned_away['count']) / seconds:.0f} visits/s asked,"
        f" {visits['count'] / seconds:.0f} answered, {_waits(visits)}, the others 503, {_waits(turned_away)};"
        f" {pixels['count'] / seconds:.0f} pixels/s, {_waits(pixels)}; console at worst"
        f" {max(flooded.console) * 1000:.0f} ms; memory {flooded.memory:.0f} MB; over after {recovered * 1000:.0f} ms"
    )


def _waits(row: dict[str, float]) -> str:
    return f"p50 {row['p50'] * 1000:.0f} ms p99 {row['p99'] * 1000:.0f} ms"


async def _count_visits(service: Service) -> int:
    database = Database(service.database_url)
    try:
        async with database.read() as tx:
            return int((await tx.execute(select(func.count()).select_from(visit))).scalar_one())
    finally:
        await database.close()


def _resident(service: Service) -> float:
    """MB of the process and its children."""
    assert service.process is not None
    number = service.process.pid
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in (number, *map(int, children)))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
