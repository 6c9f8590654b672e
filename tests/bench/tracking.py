"""How many opens and clicks a second, against a bare Starlette route that answers a GIF, in the same run.

    python -m tests.bench.tracking [--engine sqlite|postgresql] [--seconds 1] [--rounds 12]

Five rows: a Starlette route that answers a GIF, the ceiling, under uvicorn as it is installed; the same trimmed of what
ours does without (see ``tests.support.stock``); the pixel; links each followed for the first time; links
that were followed a moment ago, as by a person after a scanner. Each hit is committed (SQLite: synchronous=FULL) before
it is answered, and is kept with its agent, network and verdict. All links lead to the site's own page, so that the
contact is handed on to it.

Ours is the whole application as the service runs it. Each server is in a process of its own; wrk drives them in turn
over 64 connections, in short rounds, so that the machine's drift meets all. CPU is what the
server's own process used for a request (not PostgreSQL's): of the figures it is the one that other work on the machine
disturbs least, and "at best" compares each one's calmest round.

Where the time of a pixel goes on SQLite (µs of 40, calm): the kernel and uvloop 20, the parser 2, the token 3, the hit
and its row 2, what leads from connection to book and back 5, the rest is a page's share of the hand-over to the
writer's thread, of SQLite and of the disk. A click takes 2 more for its longer token, 4 for the one that tells the
site's page who comes, 1 for its answer, and 3 for the look-up where it is not remembered where its link leads. By
``perf`` the event loop's 37 µs of a pixel are 18 of Python and 12 of the kernel, the 50 of a click once more 27 and 14:
what a click costs more is Python, and none of it stands out.

What helped: past ASGI (``web.protocol``) a pixel costs a fifth less; since the next page of hits is sent off before
those of the last are answered there are half as many again a second; a tenth more since SQLite's statements are run in
the event loop: in the writer's thread each comes back to a busy interpreter half a millisecond late; 8 to 14 % more
since COMMIT is handed to its thread with Python's turn, and on PostgreSQL up to 12 % since two pages are under way.

Tried without gain: a shorter switch interval of the interpreter (more hand-overs, 40 % fewer pixels); to let the event
loop turn once or more before a page of hits is written (as many hits on it, later); checkpoints of the write-ahead log
by a thread of their own, or fewer of them (commits of 99 % are as slow); to read a request's head by a regular
expression (no faster than llhttp, and one more parser to trust); HMAC by OpenSSL's one call (slower than two copied
states); to write answers by sixes, or all of a page at the end of a turn; a page as one INSERT that commits itself in
the thread, beside the event loop (a fifth more clicks than BEGIN, INSERT, COMMIT there, none more than now); links
looked up before the transaction, or told as one JSON text (1.9 µs a link instead of 2.0; a list of VALUES would take
1.0); reading marks and headers by fewer calls. The garbage collector runs once in 17,000 requests: nothing here makes
cycles.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import re
import socket
import statistics
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench.figures import Row, add_json_option, hand_in
from tests.support.browser import AGENTS, link_followed, picture_asked
from tests.support.load import Figures, Ratios, analyze, listening
from tests.support.postgres import Postgres
from tests.support.stock import run_bare, run_trimmed
from tests.support.wrk import CONNECTIONS, ask, drive
from wherefrom.app import build_app, open_services
from wherefrom.db.migrate import upgrade
from wherefrom.outbound.send import Draft, make_send
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.tracking.marks import Mark, click_address
from wherefrom.tracking.store import append_links
from wherefrom.web.serve import prepare_process, serve_http

GIF, TRIMMED = "bare Starlette GIF", "bare Starlette GIF, trimmed"
PIXEL, CLICK, AGAIN = "pixel", "click", "click once more"
GOALS = {PIXEL: 0.9, CLICK: 0.8, AGAIN: 0.8}
STATUS = {GIF: 200, TRIMMED: 200, PIXEL: 200, CLICK: 307, AGAIN: 307}
SENDS, LINKS = 200, 10
SENDS_CLICKED = 2_000
"""With more links than are remembered: of those that are followed one after the other each is a new one."""
_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


async def _gif(_request: Request) -> Response:
    return Response(_PICTURE, media_type="image/gif", headers={"cache-control": "no-store"})


async def _serve_hits(door: socket.socket, settings: Settings) -> None:
    async with open_services(settings) as services:
        await serve_http(build_app(services), door, asyncio.Event())


def _run(door: socket.socket, settings: Settings, ready: Event) -> None:
    prepare_process()
    ready.set()
    uvloop.run(_serve_hits(door, settings))


async def _prepare(settings: Settings) -> dict[str, list[str]]:
    """Paths to ask for."""
    await upgrade(settings.database.url)
    urls = [f"https://shop.example/offer/{n}?utm_source=news" for n in range(LINKS)]
    page = "".join(f'<a href="{url}">x</a>' for url in urls)
    found: list[str] = []
    async with open_services(settings) as services:
        site = await add_site(services, "bench", ["shop.example"])
        for n in range(SENDS):
            *_, letter = await make_send(services, site.id, Draft(email=f"p{n}@mail.example", html=page))
            found += re.findall(r"\"https?://[^/]*(/[oc]/[^\"]*)", letter.html)
        sends = [services.ids.next() for _ in range(SENDS_CLICKED)]
        async with services.db.write() as tx:
            for send in sends:
                await append_links(tx, site.id, send, urls)
        marks = [Mark(site.id, send, n, contact_id=send) for n in range(1, LINKS + 1) for send in sends]
        clicks = [click_address(services.tokens, "", mark) for mark in marks]
    opens = [path for path in found if path.startswith("/o/")]
    again = [path for path in found if path.startswith("/c/")]
    return {GIF: opens, TRIMMED: opens, PIXEL: opens, CLICK: clicks, AGAIN: again}


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


def _measure(settings: Settings, paths: dict[str, list[str]], seconds: int, rounds: int) -> dict[str, Figures]:
    measured = {name: Figures() for name in paths}
    requests = {name: _requests(mine) for name, mine in paths.items()}
    app = Starlette(routes=[Route("/o/{token}", _gif)])
    with (
        listening(lambda door, ready: run_bare(app, door, ready)) as bare,
        listening(lambda door, ready: run_trimmed(app, door, ready)) as trimmed,
        listening(lambda door, ready: _run(door, settings, ready)) as ours,
    ):
        servers = {GIF: bare, TRIMMED: trimmed}
        for turn in range(rounds + 1):
            analyze(settings.database.url)
            for name, figures in measured.items():
                port, process = servers.get(name, ours)
                status, body = ask(port, requests[name][0])
                assert status == STATUS[name], body
                driven = drive(port, process, requests[name], seconds if turn else 1)
                if turn:  # the first is for warmth
                    figures.add(driven)
    return measured


def _requests(paths: list[str]) -> list[bytes]:
    asked = picture_asked if paths[0].startswith("/o/") else link_followed
    return [asked(path, agent) for path, agent in zip(paths, itertools.cycle(AGENTS), strict=False)]


def _report(measured: dict[str, Figures], engine: str) -> list[Row]:
    rows: list[Row] = []
    for name, one in measured.items():
        print(one.line(name))
    for name, goal in GOALS.items():
        one, ratios, trimmed = measured[name], *(Ratios.of(measured[name], measured[one]) for one in (GIF, TRIMMED))
        print(
            f"{name} against the GIF route: {ratios.rate:.2f} (goal {goal}; by CPU {ratios.cpu:.2f},"
            f" at best {ratios.calm:.2f}), p99 {ratios.slowest:.2f} of its; against the trimmed one {trimmed.rate:.2f}"
        )
        rate = statistics.median(one.rates)
        rows.append(Row(f"{name}, {engine}", rate, "/s", against=GIF, ratio=ratios.rate, least=goal))
        rows.append(Row(f"{name}, {engine}", rate, "/s", against=TRIMMED, ratio=trimmed.rate))
        rows.append(Row(f"{name}, {engine}: CPU", min(one.cpu) * 1e6, "µs", against=GIF, ratio=ratios.calm))
    return rows


def main(engine: str, seconds: int, rounds: int, json: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder, _database(engine, folder) as url:
        settings = Settings(
            database=DatabaseGroup(url=url),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        paths = asyncio.run(_prepare(settings))
        print(f"{engine}, {CONNECTIONS} connections")
        hand_in(_report(_measure(settings, paths, seconds, rounds), engine), json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    add_json_option(parser)
    main(**vars(parser.parse_args()))
