"""How many durable visits a second, against bare Starlette JSON in the same run.

    python -m tests.bench.collect [--engine sqlite|postgresql] [--seconds 1] [--connections 64] [--rounds 9]
        [--json FILE]

Three rows: a Starlette route that reads the body and echoes the JSON, the ceiling; new visitors with one address each;
returning visitors, who show the tokens of their last answer and get the same visit and address. Each visit is committed
(SQLite: synchronous=FULL) before it is answered.

All are served by uvicorn as the service runs it, the whole application, each server in a process of its own; the client
drives them in turn, in short rounds, so that the machine's drift meets all. CPU is what the server's own process used
for a request (not PostgreSQL's): of the figures it is the one that other work on the machine disturbs least, and "at
best" compares each one's calmest round.

Where the time of a new visitor goes besides HTTP (µs of one core, by a profile without sockets): gate, what is told and
the line 28, the decision and the rows' values 21, the answer 12; on SQLite some 12 for the statements, and in the
writer's thread 25 for COMMIT, which writes a page of the log for each code that was lent: codes are random, and so are
their places in the index. On PostgreSQL two round trips a batch.

Tried without gain: lists of values as asyncpg's own arrays, which ask each value what kind it is (15 µs more); a
shorter ``sys.setswitchinterval``: who is slow to go on in a thread waits at each call, not for the interval.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import tempfile
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.bench.figures import Row, add_json_option, hand_in
from tests.support.load import Ask, Figures, Hear, Ratios, drive, serving
from tests.support.postgres import Postgres
from tests.support.stock import serve_stock
from wherefrom.app import build_app, open_services
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.web.serve import bind, prepare_process, serve_http

AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(90, 140)
]
BARE, NEW, AGAIN = "bare Starlette JSON", "new visitors", "returning visitors"
GOALS = {"sqlite": 0.85, "postgresql": 0.95}


async def _bare(request: Request) -> Response:
    return JSONResponse(await request.json())


async def _serve_bare(listening: socket.socket) -> None:
    app = Starlette(routes=[Route("/v1/visits", _bare, methods=["POST"])])
    await serve_stock(app, listening)


async def _serve_collector(listening: socket.socket, settings: Settings) -> None:
    async with open_services(settings) as services:
        await serve_http(build_app(services), listening, asyncio.Event())


def _run(listening: socket.socket, settings: Settings | None, ready: Event) -> None:
    import uvloop  # here, as uvicorn would choose it by itself

    prepare_process()
    ready.set()
    uvloop.run(_serve_collector(listening, settings) if settings else _serve_bare(listening))


class Browser:
    """What one connection says: pages as the script tells them, with what it has heard before."""

    def __init__(self, number: int, key: str, *, returns: bool) -> None:
        self._number = number
        self._key = key
        self._returns = returns
        self._ready = [self._request(turn, {}) for turn in range(1 if returns else len(AGENTS))]
        self._turn = 0

    def ask(self) -> bytes:
        self._turn += 1
        return self._ready[self._turn % len(self._ready)]

    def hear(self, body: bytes) -> None:
        """Who returns shows the tokens of the first answer from then on."""
        if self._returns and self._turn == 1:
            answer = json.loads(body)
            known = {"visit": answer["token"], "visitor": answer["visitor"]}
            self._ready = [self._request(turn, known) for turn in range(len(AGENTS))]

    def _request(self, turn: int, known: dict[str, str]) -> bytes:
        source = self._number if self._returns else turn  # who returns reloads the page that began the visit
        told = {
            "site": self._key,
            "page": f"https://shop.example/?utm_source=s{source % 7}&utm_medium=cpc",
            "referrer": "https://www.google.com/",
            "title": "Shop",
            **known,
            "addresses": ["sales@company.com"],
            "pageview": True,
            "language": "de-DE",
            "timezone": "Europe/Berlin",
        }
        body = json.dumps(told, separators=(",", ":"))
        return (
            "POST /v1/visits HTTP/1.1\r\nhost: x\r\norigin: https://shop.example\r\n"
            f"user-agent: {AGENTS[(self._number + turn) % len(AGENTS)]}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}"
        ).encode()


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
def _server(settings: Settings | None) -> Iterator[tuple[int, int]]:
    """Port and process of a server."""
    listening = bind("127.0.0.1", 0)
    with serving(lambda ready: _run(listening, settings, ready)) as process:
        yield listening.getsockname()[1], process


def _browsers(key: str, connections: int, *, returns: bool) -> tuple[list[Ask], list[Hear]]:
    browsers = [Browser(number, key, returns=returns) for number in range(connections)]
    return [one.ask for one in browsers], [one.hear for one in browsers]


def _measure(settings: Settings, key: str, seconds: float, connections: int, rounds: int) -> dict[str, Figures]:
    measured = {name: Figures() for name in (BARE, NEW, AGAIN)}
    with _server(None) as bare, _server(settings) as ours:
        for turn in range(rounds + 1):
            asyncio.run(_analyze(settings.database.url))
            for name, figures in measured.items():
                port, process = bare if name == BARE else ours
                asks, hears = _browsers(key, connections, returns=name == AGAIN)
                hears = [] if name == BARE else hears
                driven = drive(port, process, asks, seconds if turn else 1, hears=hears)
                if turn:  # the first is for warmth
                    figures.add(*driven)
    return measured


async def _analyze(url: str) -> None:
    """Tells PostgreSQL how large its tables are, as autovacuum would, which the tests' server does without: plans made
    for empty tables are kept else. That server does without fsync, too."""
    database = Database(url)
    if database.dialect == "postgresql":
        async with database.write() as tx:
            await tx.exec_driver_sql("ANALYZE")
    await database.close()


def _report(measured: dict[str, Figures], engine: str) -> list[Row]:
    goal, rows = GOALS[engine], []
    for name, one in measured.items():
        print(one.line(name))
    for name in (NEW, AGAIN):
        one, ratios = measured[name], Ratios.of(measured[name], measured[BARE])
        print(
            f"{name} against bare Starlette: {ratios.rate:.2f} (goal {goal}; by CPU {ratios.cpu:.2f},"
            f" at best {ratios.calm:.2f}),"
            f" p99 {ratios.slowest:.2f} of its"
        )
        what = f"visits of {name}, {engine}"
        rate, slow = statistics.median(one.rates), statistics.median(one.slowest) * 1000
        rows.append(Row(what, rate, "/s", against=BARE, ratio=ratios.rate, least=goal))
        rows.append(Row(f"{what}: CPU", min(one.cpu) * 1e6, "µs", against=BARE, ratio=ratios.calm))
        rows.append(Row(f"{what}: p99", slow, "ms", against=BARE, ratio=ratios.slowest, most=1.0))
    return rows


def main(engine: str, seconds: float, connections: int, rounds: int, json: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder, _database(engine, folder) as url:
        settings = Settings(
            database=DatabaseGroup(url=url),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        key = asyncio.run(_prepare(settings))
        print(f"{engine}, {connections} connections")
        hand_in(_report(_measure(settings, key, seconds, connections, rounds), engine), json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    add_json_option(parser)
    main(**vars(parser.parse_args()))
