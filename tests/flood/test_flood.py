"""K05: more is asked than the service can do. It answers what it can, turns the rest away at once, and is as it was
when it is over.

By default a few seconds. A crowd on the same machine cannot ask ten times as much as a service that has the machine's
processor. The long ones, with the figures they met, give the service (not its database) a tenth of a core, by a control
group that takes root; and then strangers come, too, ten times as many as are answered when there are no others:

    WHEREFROM_FLOOD_SECONDS=60 WHEREFROM_FLOOD_CORE=0.1 python -m pytest -s tests/flood/test_flood.py
"""

from __future__ import annotations

import asyncio
import contextlib
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
from tests.support.ports import free_port
from tests.support.share import share_of_core
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.management import invoke
from wherefrom.tokens import Tokens, load_key
from wherefrom.tracking.marks import Mark, open_address
from wherefrom.visits.tables import visit

CORE = float(os.environ.get("WHEREFROM_FLOOD_CORE", "0"))
"""What the service has of one; 0: all there is."""
SECONDS = float(os.environ.get("WHEREFROM_FLOOD_SECONDS", "2"))
CALM, CROWD = 32, 1600
"""Connections: enough to keep the service at work, and many more."""
MOST_MEMORY = 250  # MB
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
VISIT, PIXEL = 0, 1
TIMES = 10.5
"""What strangers ask, by what is answered in calm."""


@dataclass(slots=True)
class Flooded:
    """A service, and what a crowd asks it: a page, and a letter's pixel."""

    service: Service
    requests: list[bytes]
    memory: float = 0.0
    notices: list[str] = field(default_factory=list)
    console: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    door: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    in_vain: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """To ``CORE``, once the service has loaded what its first page needs."""
        if not CORE:
            yield
            return
        await self.ask(CALM, 1.0, f"{VISIT}:200")
        assert self.service.process is not None
        with share_of_core(self.service.process.pid, CORE):
            await self.ask(CALM, 1.0, f"{VISIT}:200")
            yield

    async def ask(self, connections: int, seconds: float, *awaited: str) -> dict[str, Any]:
        """What a crowd has heard, with some of each answer that is awaited."""
        return await self._hear("crowd", str(connections), str(seconds), *awaited)

    async def meet(self, seconds: float, visits: float, pixels: float) -> dict[str, Any]:
        """What strangers have heard, so many of whom come in a second."""
        return await self._hear("strangers", str(seconds), str(visits), str(pixels))

    async def _hear(self, who: str, *arguments: str) -> dict[str, Any]:
        lines = "".join(json.dumps(request.decode()) + "\n" for request in self.requests)
        command = [sys.executable, "-m", f"tests.flood.{who}", str(self.service.port), *arguments]
        pipe = asyncio.subprocess.PIPE
        crowd = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
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

    async def watch_as_stranger(self, over: asyncio.Event) -> None:
        """As ``watch``, each question over a connection of its own, which may be among those that nobody takes in; and
        at the port where nobody else asks."""
        door = f"http://127.0.0.1:{self.service.settings.server.health_port}"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look(over, self.service.url + "/healthz", self.health))
            tasks.create_task(self._look(over, self.service.url + "/login", self.console))
            tasks.create_task(self._look(over, door + "/healthz", self.door))
            tasks.create_task(self._look(over, door + "/readyz", self.ready, 200, 503))

    async def _look(self, over: asyncio.Event, address: str, seconds: list[float], *good: int) -> None:
        while not over.is_set():
            self.memory = max(self.memory, _resident(self.service))
            began = time.perf_counter()
            if await self._ask_as_stranger(address) in (good or (200,)):
                seconds.append(time.perf_counter() - began)
            else:
                self.in_vain.append(address)
            await asyncio.sleep(0.2)

    async def _ask_as_stranger(self, address: str) -> int:
        """The status; 0 where there is no answer."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
                answer = await client.get(address)
        except httpx.TransportError:
            return 0
        if address.endswith("/readyz"):
            self.notices = answer.json().get("notices") or self.notices
        return answer.status_code

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
    service = Service(tmp_path, database_url, server_settings=f"health_port = {free_port()}")
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
    async with flooded.held():
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


@pytest.mark.skipif(not CORE, reason="strangers can be ten times as many only where the service has a part of a core")
async def test_ten_times_as_many_strangers_as_can_be_answered_are_turned_away_and_leave_nothing_behind(
    flooded: Flooded, record_property: pytest.RecordProperty
) -> None:
    async with flooded.held():
        calm = await flooded.ask(CALM, min(SECONDS, 5.0), f"{VISIT}:200", f"{PIXEL}:200")
        before = {kind: calm["answers"][f"{kind}:200"]["count"] / calm["seconds"] for kind in (VISIT, PIXEL)}
        over = asyncio.Event()
        watching = asyncio.create_task(flooded.watch_as_stranger(over))
        heard = await flooded.meet(SECONDS, TIMES * before[VISIT], TIMES * before[PIXEL])
        over.set()
        recovered = await flooded.recover()
        await watching
        after = await flooded.ask(CALM, min(SECONDS, 5.0), f"{VISIT}:200")

    answers = heard["answers"]
    in_vain = {"no connection", "no answer", "closed", "not offered"}
    assert {name.partition(":")[2] for name in answers} <= {"200", "busy", "full", "503"} | in_vain
    for kind in (VISIT, PIXEL):
        assert _count(answers, kind, but="not offered") >= 10 * before[kind] * SECONDS, (
            "the crowd may open too few files"
        )
        assert answers[f"{kind}:200"]["count"] > 0
    assert answers[f"{VISIT}:busy"]["count"] > 0
    assert f"{PIXEL}:busy" not in answers
    assert flooded.memory < MOST_MEMORY
    assert flooded.health
    assert flooded.door
    assert not [one for one in flooded.in_vain if f":{flooded.service.port}/" not in one], "at its own port all is told"
    assert flooded.console
    assert any("visits" in one for one in flooded.notices), (flooded.notices, heard, flooded.service.log()[-2000:])
    assert await _count_visits(flooded.service) >= answers[f"{VISIT}:200"]["count"]
    record_property("figure", _strangers(flooded, calm, heard, after, recovered))


def _count(answers: dict[str, Any], kind: int, but: str = "") -> int:
    named = {name.partition(":")[2]: row for name, row in answers.items() if name.startswith(f"{kind}:")}
    return sum(row["count"] for answer, row in named.items() if answer != but)


def _strangers(
    flooded: Flooded, calm: dict[str, Any], heard: dict[str, Any], after: dict[str, Any], recovered: float
) -> str:
    told = [f"strangers, {CORE} of a core, {heard['seconds']:.0f} s"]
    for kind, what in ((VISIT, "visits"), (PIXEL, "pixels")):
        before = calm["answers"][f"{kind}:200"]
        rate, count = before["count"] / calm["seconds"], _count(heard["answers"], kind)
        told.append(
            f"{what}: calm {rate:.0f}/s, {_waits(before)}; {count / heard['seconds']:.0f}/s offered,"
            f" {count / heard['seconds'] / rate:.1f} times that"
        )
        for name, row in sorted(heard["answers"].items()):
            if name.startswith(f"{kind}:"):
                told.append(
                    f"  {name[2:]}: {row['count'] / heard['seconds']:.1f}/s, {row['count'] / count:.1%}, {_waits(row)}"
                )
    back = after["answers"][f"{VISIT}:200"]
    told.append(
        f"health at its own port {_looks(flooded.door)}, at the visitors' {_looks(flooded.health)}; readiness"
        f" {_looks(flooded.ready)}; console {_looks(flooded.console)}; in vain {len(flooded.in_vain)}"
    )
    told.append(
        f"memory {flooded.memory:.0f} MB; a visitor is answered {recovered * 1000:.0f} ms after the last stranger left;"
        f" then {back['count'] / after['seconds']:.0f} visits/s, {_waits(back)}"
    )
    return "\n".join(told)


def _looks(seconds: list[float]) -> str:
    if not seconds:
        return "never"
    return f"{len(seconds)} times, middle {sorted(seconds)[len(seconds) // 2]:.1f} s, at worst {max(seconds):.1f} s"


def _figures(flooded: Flooded, calm: dict[str, Any], heard: dict[str, Any], recovered: float) -> str:
    asked, seconds = heard["answers"], heard["seconds"]
    before, visits, turned_away = calm["answers"][f"{VISIT}:200"], asked[f"{VISIT}:200"], asked[f"{VISIT}:busy"]
    pixels = asked[f"{PIXEL}:200"]
    calm_rate = before["count"] / calm["seconds"]
    rate = (visits["count"] + turned_away["count"]) / seconds
    share, times = (f"{CORE} of a core, ", f" ({rate / calm_rate:.1f} times that)") if CORE else ("", "")
    return (
        f"{share}calm: {calm_rate:.0f} visits/s, {_waits(before)}; {CROWD} connections for"
        f" {seconds:.0f} s: {rate:.0f} visits/s asked{times},"
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
