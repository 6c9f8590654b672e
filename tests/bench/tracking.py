"""How many opens and clicks a second, against a bare Starlette route that answers a GIF, in the same run.

    python -m tests.bench.tracking [--engine sqlite|postgresql] [--seconds 3] [--connections 64] [--rounds 3]

Four rows: Starlette routes that answer a GIF (the ceiling) and JSON; the pixel; a link, of which each is another. Each
hit is committed (SQLite: synchronous=FULL) before it is answered, and is kept with its agent, network and verdict.

All are served by uvicorn as the service runs it, each server in a process of its own; the client drives them in turn,
so that the machine's drift meets all. CPU is what the server's own process used for a request (not PostgreSQL's): of
the figures it is the one that other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import re
import socket
import statistics
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.postgres import Postgres
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
from wherefrom.outbound.routes import routes
from wherefrom.outbound.send import Draft, make_send
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.web.serve import bind, prepare_process, serve_http

GIF, JSON, PIXEL, CLICK = "bare Starlette GIF", "bare Starlette JSON", "pixel", "click"
GOALS = {PIXEL: 0.9, CLICK: 0.8}
SENDS, LINKS = 200, 10
AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(90, 140)
]
_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Figures:
    """One figure a round: requests a second, seconds to the answer at the median and for 99 %, CPU seconds each."""

    rates: list[float] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def _gif(_request: Request) -> Response:
    return Response(_PICTURE, media_type="image/gif", headers={"cache-control": "no-store"})


async def _json(_request: Request) -> Response:
    return JSONResponse({"pixel": True})


async def _serve(listening: socket.socket, settings: Settings | None) -> None:
    if settings is None:
        bare = [Route("/o/{token}", _gif), Route("/j/{token}", _json)]
        await serve_http(Starlette(routes=bare), listening, asyncio.Event())
        return
    async with open_services(settings) as services:
        await serve_http(Starlette(routes=routes(services)), listening, asyncio.Event())


def _run(listening: socket.socket, settings: Settings | None, ready: Event) -> None:
    prepare_process()
    ready.set()
    uvloop.run(_serve(listening, settings))


class Reader(asyncio.Protocol):
    """One connection that asks again when it has its answer. A Protocol, because streams would cost the client more
    than the server spends."""

    def __init__(self, requests: Iterator[bytes], status: bytes, deadline: float, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._status = b"HTTP/1.1 " + status
        self._deadline = deadline
        self._done = done
        self._got = b""
        self.waits: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(next(self._requests))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, ends, body = self._got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not ends or length is None or len(body) < int(length[1]):
            return
        if not head.startswith(self._status):
            self._done.set_exception(AssertionError(head))
            return
        now = time.perf_counter()
        self.waits.append(now - self._asked)
        self._got = b""
        if now < self._deadline:
            self._ask()
        else:
            self._transport.close()
            self._done.set_result(None)


async def _drive(
    place: tuple[int, int], paths: list[str], status: bytes, connections: int, seconds: float, figures: Figures
) -> None:
    port, server = place
    loop = asyncio.get_running_loop()
    began, cpu = time.perf_counter(), _cpu_seconds(server)
    agents, turns = itertools.cycle(AGENTS), itertools.cycle(paths)
    requests = (
        f"GET {path} HTTP/1.1\r\nhost: t.example\r\nuser-agent: {agent}\r\naccept: */*\r\n\r\n".encode()
        for path, agent in zip(turns, agents, strict=False)
    )
    readers = [Reader(requests, status, began + seconds, loop.create_future()) for _ in range(connections)]
    for one in readers:
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(one._done for one in readers))
    waits = sorted(wait for one in readers for wait in one.waits)
    figures.rates.append(len(waits) / (time.perf_counter() - began))
    figures.middles.append(waits[len(waits) // 2])
    figures.slowest.append(waits[len(waits) * 99 // 100])
    figures.cpu.append((_cpu_seconds(server) - cpu) / len(waits))


def _cpu_seconds(process: int) -> float:
    """What the process has used so far; nought where there is no /proc."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _prepare(settings: Settings) -> dict[str, list[str]]:
    """Paths to ask for."""
    await upgrade(settings.database.url)
    page = "".join(f'<a href="https://shop.example/offer/{n}?utm_source=news">x</a>' for n in range(LINKS))
    found: list[str] = []
    async with open_services(settings) as services:
        site = await add_site(services, "bench", ["shop.example"])
        for n in range(SENDS):
            *_, letter = await make_send(services, site.id, Draft(email=f"p{n}@mail.example", html=page))
            found += re.findall(r"\"https?://[^/]*(/[oc]/[^\"]*)", letter.html)
    opens = [path for path in found if path.startswith("/o/")]
    clicks = [path for path in found if path.startswith("/c/")]
    return {GIF: opens, JSON: [path.replace("/o/", "/j/") for path in opens], PIXEL: opens, CLICK: clicks}


@contextlib.contextmanager
def _database(engine: str, folder: str) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite:///{folder}/bench.db"
        return
    server = Postgres()
    try:
        server.start()
        yield server.url(asyncio.run(server.create_database()))
    finally:
        server.remove()


@contextlib.contextmanager
def _serving(settings: Settings | None) -> Iterator[tuple[int, int]]:
    """Port and process of a server."""
    context = multiprocessing.get_context("fork")
    listening, ready = bind("127.0.0.1", 0), context.Event()
    server = context.Process(target=_run, args=(listening, settings, ready), daemon=True)
    server.start()
    try:
        yield listening.getsockname()[1], server.pid or 0
    finally:
        server.terminate()
        server.join()


async def _measure(
    settings: Settings, paths: dict[str, list[str]], seconds: float, connections: int, rounds: int
) -> dict[str, Figures]:
    measured = {name: Figures() for name in paths}
    with _serving(None) as bare, _serving(settings) as ours:
        for turn in range(rounds + 1):
            await _analyze(settings.database.url)
            for name, figures in measured.items():
                place = bare if name in (GIF, JSON) else ours
                status = b"307" if name == CLICK else b"200"
                warm = turn == 0
                into = Figures() if warm else figures
                await _drive(place, paths[name], status, connections, 1 if warm else seconds, into)
    return measured


async def _analyze(url: str) -> None:
    """Tells PostgreSQL how large its tables are, as autovacuum would, which the tests' server does without."""
    database = Database(url)
    if database.dialect == "postgresql":
        async with database.write() as tx:
            await tx.exec_driver_sql("ANALYZE")
    await database.close()


def _report(measured: dict[str, Figures]) -> None:
    bare = measured[GIF]
    for name, one in measured.items():
        rate, middle, slow, cpu = map(statistics.median, (one.rates, one.middles, one.slowest, one.cpu))
        print(
            f"{name:<20} {rate:7.0f} req/s  p50 {middle * 1000:6.1f} ms  p99 {slow * 1000:6.1f} ms"
            f"  CPU {cpu * 1e6:4.0f} µs  {[round(each) for each in one.rates]}"
        )
    for name, goal in GOALS.items():
        ratio = statistics.median(measured[name].rates) / statistics.median(bare.rates)
        cpu = statistics.median(bare.cpu) / (statistics.median(measured[name].cpu) or 1)
        print(f"{name} against the GIF route: {ratio:.2f} (by CPU {cpu:.2f}; goal {goal})")


def main(engine: str, seconds: float, connections: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _database(engine, folder) as url:
        settings = Settings(
            database=DatabaseGroup(url=url),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        paths = asyncio.run(_prepare(settings))
        print(f"{engine}, {connections} connections")
        _report(uvloop.run(_measure(settings, paths, seconds, connections, rounds)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    main(**vars(parser.parse_args()))
