"""How many durable visits a second, against bare Starlette JSON in the same run.

    python -m tests.bench.collect [--engine sqlite|postgresql] [--seconds 4] [--connections 64] [--rounds 3]

Three rows: a Starlette route that reads the body and answers JSON, the ceiling; new visitors with one address each;
returning visitors, who show the tokens of their last answer and get the same visit and address. Each visit is committed
(SQLite: synchronous=FULL) before it is answered.

All are served by uvicorn as the service runs it, each server in a process of its own; the client drives them in turn,
so that the machine's drift meets all. CPU is what the server's own process used for a request (not PostgreSQL's): of
the figures it is the one that other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.postgres import Postgres
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.visits.routes import routes
from wherefrom.web.serve import bind, prepare_process, serve_http

AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(90, 140)
]
BARE, NEW, AGAIN = "bare Starlette JSON", "new visitors", "returning visitors"


@dataclass(slots=True)
class Figures:
    """One figure a round: requests a second, seconds to the answer at the median and for 99 %, CPU seconds each."""

    rates: list[float] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def _bare(request: Request) -> Response:
    told = json.loads(await request.body())
    return JSONResponse({"page": told["page"]})


async def _serve_bare(listening: socket.socket) -> None:
    app = Starlette(routes=[Route("/v1/visits", _bare, methods=["POST"])])
    await serve_http(app, listening, asyncio.Event())


async def _serve_collector(listening: socket.socket, settings: Settings) -> None:
    async with open_services(settings) as services:
        await serve_http(Starlette(routes=routes(services)), listening, asyncio.Event())


def _run(listening: socket.socket, settings: Settings | None, ready: Event) -> None:
    import uvloop  # here, as uvicorn would choose it by itself

    prepare_process()
    ready.set()
    uvloop.run(_serve_collector(listening, settings) if settings else _serve_bare(listening))


class Browser:
    """One connection that waits for each answer."""

    def __init__(self, number: int, key: str, *, returns: bool) -> None:
        self._number = number
        self._told = {"site": key, "addresses": ["sales@company.com"], "title": "Shop"}
        self._returns = returns
        self.waits: list[float] = []

    async def browse(self, port: int, deadline: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (asked := time.perf_counter()) < deadline:
            writer.write(self._request())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length.split(b":")[1]))
            self.waits.append(time.perf_counter() - asked)
            if self._returns and "visit" not in self._told:
                answer = json.loads(body)
                self._told |= {"visit": answer["token"], "visitor": answer["visitor"]}
        writer.close()

    def _request(self) -> bytes:
        done = len(self.waits)
        source = self._number if self._returns else done  # who returns reloads the page that began the visit
        body = json.dumps({**self._told, "page": f"https://shop.example/?utm_source=s{source % 7}&utm_medium=cpc"})
        return (
            "POST /v1/visits HTTP/1.1\r\nhost: x\r\norigin: https://shop.example\r\n"
            f"user-agent: {AGENTS[(self._number + done) % len(AGENTS)]}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}"
        ).encode()


async def _drive(port: int, server: int, browsers: list[Browser], seconds: float, figures: Figures) -> None:
    began, cpu = time.perf_counter(), _cpu_seconds(server)
    await asyncio.gather(*(one.browse(port, began + seconds) for one in browsers))
    waits = sorted(wait for one in browsers for wait in one.waits)
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


async def _prepare(settings: Settings) -> str:
    await upgrade(settings.database.url)
    async with open_services(settings) as services:
        site = await add_site(services, "bench", ["shop.example"])
        await add_target(services, site.id, "sales@company.com", Options(strategy="plus"))
    return site.key


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


async def _measure(settings: Settings, key: str, seconds: float, connections: int, rounds: int) -> dict[str, Figures]:
    measured = {name: Figures() for name in (BARE, NEW, AGAIN)}
    with _serving(None) as bare, _serving(settings) as ours:
        for turn in range(rounds + 1):
            await _analyze(settings.database.url)
            for name, figures in measured.items():
                port, server = bare if name == BARE else ours
                browsers = [Browser(number, key, returns=name == AGAIN) for number in range(connections)]
                warm = turn == 0
                await _drive(port, server, browsers, 1 if warm else seconds, Figures() if warm else figures)
    return measured


async def _analyze(url: str) -> None:
    """Tells PostgreSQL how large its tables are, as autovacuum would, which the tests' server does without: plans made
    for empty tables are kept else. That server does without fsync, too."""
    database = Database(url)
    if database.dialect == "postgresql":
        async with database.write() as tx:
            await tx.exec_driver_sql("ANALYZE")
    await database.close()


def _report(measured: dict[str, Figures]) -> None:
    bare = measured[BARE]
    for name, one in measured.items():
        rate, middle, slow, cpu = map(statistics.median, (one.rates, one.middles, one.slowest, one.cpu))
        print(
            f"{name:<20} {rate:7.0f} req/s  p50 {middle * 1000:6.1f} ms  p99 {slow * 1000:6.1f} ms"
            f"  CPU {cpu * 1e6:4.0f} µs  {[round(each) for each in one.rates]}"
        )
    for name in (NEW, AGAIN):
        ratio = statistics.median(measured[name].rates) / statistics.median(bare.rates)
        cpu = statistics.median(bare.cpu) / (statistics.median(measured[name].cpu) or 1)
        print(f"ratio of {name}: {ratio:.2f} (by CPU {cpu:.2f})")


def main(engine: str, seconds: float, connections: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _database(engine, folder) as url:
        settings = Settings(
            database=DatabaseGroup(url=url),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        key = asyncio.run(_prepare(settings))
        print(f"{engine}, {connections} connections")
        _report(asyncio.run(_measure(settings, key, seconds, connections, rounds)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    main(**vars(parser.parse_args()))
