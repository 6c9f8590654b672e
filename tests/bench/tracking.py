"""How many opens and clicks a second, against a bare Starlette route that answers a GIF, in the same run.

    python -m tests.bench.tracking [--engine sqlite|postgresql] [--seconds 1] [--connections 64] [--rounds 9]

Four rows: Starlette routes that answer a GIF (the ceiling) and JSON; the pixel; a link, of which each is another. Each
hit is committed (SQLite: synchronous=FULL) before it is answered, and is kept with its agent, network and verdict.

All are served by uvicorn as the service runs it, the whole application, each server in a process of its own; the client
drives them in turn, in short rounds, so that the machine's drift meets all. CPU is what the server's own process used
for a request (not PostgreSQL's): of the figures it is the one that other work on the machine disturbs least, and "at
best" compares each one's calmest round.

Where the time of a pixel goes on SQLite (µs of 46, calm): uvicorn 25, token, hit and row 6, the rest is a page's share
of the hand-over to the writer's thread, of SQLite and of the disk. A click adds the look-up of its link and, where it
leads to the site's own page, another token.

Tried without gain: a shorter switch interval of the interpreter (more hand-overs, 40 % fewer pixels); to let the event
loop turn once or more before a page of hits is written (as many hits on it, later).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import itertools
import re
import socket
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.load import Figures, Ratios, drive, serving
from tests.support.postgres import Postgres
from tests.support.stock import serve_stock
from wherefrom.app import build_app, open_services
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
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


async def _gif(_request: Request) -> Response:
    return Response(_PICTURE, media_type="image/gif", headers={"cache-control": "no-store"})


async def _json(_request: Request) -> Response:
    return JSONResponse({"pixel": True})


async def _serve(listening: socket.socket, settings: Settings | None) -> None:
    if settings is None:
        bare = [Route("/o/{token}", _gif), Route("/j/{token}", _json)]
        await serve_stock(Starlette(routes=bare), listening)
        return
    async with open_services(settings) as services:
        await serve_http(build_app(services), listening, asyncio.Event())


def _run(listening: socket.socket, settings: Settings | None, ready: Event) -> None:
    prepare_process()
    ready.set()
    uvloop.run(_serve(listening, settings))


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
def _server(settings: Settings | None) -> Iterator[tuple[int, int]]:
    """Port and process of a server."""
    listening = bind("127.0.0.1", 0)
    with serving(lambda ready: _run(listening, settings, ready)) as process:
        yield listening.getsockname()[1], process


def _measure(
    settings: Settings, paths: dict[str, list[str]], seconds: float, connections: int, rounds: int
) -> dict[str, Figures]:
    measured = {name: Figures() for name in paths}
    requests = {name: _requests(mine) for name, mine in paths.items()}
    with _server(None) as bare, _server(settings) as ours:
        for turn in range(rounds + 1):
            asyncio.run(_analyze(settings.database.url))
            for name, figures in measured.items():
                port, process = bare if name in (GIF, JSON) else ours
                status = b"307" if name == CLICK else b"200"
                asks = [functools.partial(next, requests[name])] * connections
                driven = drive(port, process, asks, seconds if turn else 1, status)
                if turn:  # the first is for warmth
                    figures.add(*driven)
    return measured


def _requests(paths: list[str]) -> Iterator[bytes]:
    """Made before they are needed: ready requests, over and over."""
    agents = itertools.cycle(AGENTS)
    ready = [
        f"GET {path} HTTP/1.1\r\nhost: t.example\r\nuser-agent: {agent}\r\naccept: */*\r\n\r\n".encode()
        for path, agent in zip(paths * 3, agents, strict=False)
    ]
    return itertools.cycle(ready)


async def _analyze(url: str) -> None:
    """Tells PostgreSQL how large its tables are, as autovacuum would, which the tests' server does without."""
    database = Database(url)
    if database.dialect == "postgresql":
        async with database.write() as tx:
            await tx.exec_driver_sql("ANALYZE")
    await database.close()


def _report(measured: dict[str, Figures]) -> None:
    for name, one in measured.items():
        print(one.line(name))
    for name, goal in GOALS.items():
        ratios = Ratios.of(measured[name], measured[GIF])
        print(
            f"{name} against the GIF route: {ratios.rate:.2f} (goal {goal}; by CPU {ratios.cpu:.2f},"
            f" at best {ratios.calm:.2f}),"
            f" p99 {ratios.slowest:.2f} of its"
        )


def main(engine: str, seconds: float, connections: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _database(engine, folder) as url:
        settings = Settings(
            database=DatabaseGroup(url=url),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        paths = asyncio.run(_prepare(settings))
        print(f"{engine}, {connections} connections")
        _report(_measure(settings, paths, seconds, connections, rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    main(**vars(parser.parse_args()))
