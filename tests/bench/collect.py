"""How many durable visits a second, against bare Starlette JSON in the same run.

    python -m tests.bench.collect [--engine sqlite|postgresql] [--seconds 2] [--rounds 6] [--json FILE]

Six rows: new visitors with one address each; returning visitors, who show the tokens of their first answer and get the
same visit and address; and for each of them the same requests, as a browser sends them, to the ceiling, a Starlette
route that reads the body and echoes the JSON under uvicorn as it is installed, and to that trimmed of what ours does
without (see ``tests.support.stock``). Each visit is committed (SQLite: synchronous=FULL) before it is answered.

Ours is the whole application as the service runs it. Each server is in a process of its own; wrk drives them in turn
over 64 connections, in short rounds, so that the machine's drift meets all; not so short that the first request of
each connection, which waits until it is taken in, is one in a hundred. CPU is what the server's own process used for a
request (not PostgreSQL's): of the figures it is the one that other work on the machine disturbs least, and "at
best" compares each one's calmest round.

Where the event loop spends its time with new visitors on SQLite: two fifths from the socket to the batch, two fifths
with the batch, a fifth with telling what came of it; the writer's thread has COMMIT, which writes a page of the log for
each code that was lent: codes are random, and so are their places in the index. On PostgreSQL a batch is one round
trip, also of visitors whose visit goes on, and two batches are under way at once. Counted in instructions (valgrind),
which no other work disturbs: 290,000 for a bare request, 470,000 for a new visitor on SQLite with all threads.

What helped last: a new visit is two rows, not four, and one that goes on is believed (``visits.recent``): 17 % more new
and 24 % more returning visitors on SQLite, on PostgreSQL 13 and 52 %, together with fewer calls, no dictionaries of
names, BLAKE2 for tokens, and nothing left to the garbage collector.

Tried without gain: a batch on SQLite as one statement that the driver runs without Python's lock (a view with triggers,
all rows as one JSON text): the loop does less, the thread more, and a quarter fewer visits come of it; lists of values
as asyncpg's own arrays, which ask each value what kind it is (15 µs more); a shorter ``sys.setswitchinterval``: who is
slow to go on in a thread waits at each call, not for the interval; values bound column by column on SQLite (0.5 µs less
of 2.8); the log moved after four times as many commits; a third of all on each of PostgreSQL's two lanes; everything on
a visit's way compiled by Cython (a tenth fewer visits: without the interpreter's caches each attribute is looked for).
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
from tests.support.browser import AGENTS, page_shown
from tests.support.load import Figures, Ratios, analyze, listening
from tests.support.postgres import Postgres
from tests.support.stock import run_bare, run_trimmed
from tests.support.wrk import CONNECTIONS, ask, drive
from wherefrom.app import build_app, open_services
from wherefrom.db.migrate import upgrade
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.web.serve import prepare_process, serve_http

BARE, TRIMMED = "bare Starlette JSON", "bare Starlette JSON, trimmed"
BARE_AGAIN, TRIMMED_AGAIN = f"{BARE}, again", f"{TRIMMED}, again"
NEW, AGAIN = "new visitors", "returning visitors"
CEILINGS = {NEW: (BARE, TRIMMED), AGAIN: (BARE_AGAIN, TRIMMED_AGAIN)}
GOALS = {"sqlite": 0.85, "postgresql": 0.95}


async def _bare(request: Request) -> Response:
    return JSONResponse(await request.json())


async def _serve_collector(door: socket.socket, settings: Settings) -> None:
    async with open_services(settings) as services:
        await serve_http(build_app(services), door, asyncio.Event())


def _run(door: socket.socket, settings: Settings, ready: Event) -> None:
    import uvloop  # here, as uvicorn would choose it by itself

    prepare_process()
    ready.set()
    uvloop.run(_serve_collector(door, settings))


def new_visitors(key: str) -> list[bytes]:
    """Pages as the script tells them, of browsers that come for the first time."""
    return [_request(key, turn, turn, {}) for turn in range(len(AGENTS) * 7)]


def returning_visitors(key: str, port: int) -> list[bytes]:
    """Pages of visitors who show the tokens of their first answer, and reload the page that began the visit. There are
    twice as many of them as connections, so that hardly one asks twice at once."""
    told = []
    for number in range(2 * CONNECTIONS):
        status, body = ask(port, _request(key, number, number, {}))
        assert status == 200, body
        answer = json.loads(body)
        told.append({"visit": answer["token"], "visitor": answer["visitor"]})
    return [_request(key, number, number, known) for number, known in enumerate(told)]


def _request(key: str, agent: int, source: int, known: dict[str, str]) -> bytes:
    told = {
        "site": key,
        "page": f"https://shop.example/?utm_source=s{source % 7}&utm_medium=cpc",
        "referrer": "https://www.google.com/",
        "title": "Shop",
        **known,
        "addresses": ["sales@company.com"],
        "pageview": True,
        "params": {},
        "language": "de-DE",
        "timezone": "Europe/Berlin",
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    return page_shown("/v1/visits", body, AGENTS[agent % len(AGENTS)])


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


def _measure(settings: Settings, key: str, seconds: int, rounds: int) -> dict[str, Figures]:
    measured: dict[str, Figures] = {}
    app = Starlette(routes=[Route("/v1/visits", _bare, methods=["POST"])])
    with (
        listening(lambda door, ready: run_bare(app, door, ready)) as bare,
        listening(lambda door, ready: run_trimmed(app, door, ready)) as trimmed,
        listening(lambda door, ready: _run(door, settings, ready)) as ours,
    ):
        new, again = new_visitors(key), returning_visitors(key, ours[0])
        plan = {
            BARE: (bare, new),
            TRIMMED: (trimmed, new),
            NEW: (ours, new),
            BARE_AGAIN: (bare, again),
            TRIMMED_AGAIN: (trimmed, again),
            AGAIN: (ours, again),
        }
        for turn in range(rounds + 1):
            analyze(settings.database.url)
            for name, ((port, process), requests) in plan.items():
                driven = drive(port, process, requests, seconds if turn else 1)
                if turn:  # the first is for warmth
                    measured.setdefault(name, Figures()).add(driven)
    return measured


def _report(measured: dict[str, Figures], engine: str) -> list[Row]:
    goal, rows = GOALS[engine], []
    for name, one in measured.items():
        print(one.line(name))
    for name, ceilings in CEILINGS.items():
        one, ratios, trimmed = measured[name], *(Ratios.of(measured[name], measured[one]) for one in ceilings)
        print(
            f"{name} against bare Starlette: {ratios.rate:.2f} (goal {goal}; by CPU {ratios.cpu:.2f},"
            f" at best {ratios.calm:.2f}), p99 {ratios.slowest:.2f} of its; against the trimmed one"
            f" {trimmed.rate:.2f}, p99 {trimmed.slowest:.2f}"
        )
        what = f"visits of {name}, {engine}"
        rate, slow = statistics.median(one.rates), statistics.median(one.slowest) * 1000
        rows.append(Row(what, rate, "/s", against=BARE, ratio=ratios.rate, least=goal))
        rows.append(Row(what, rate, "/s", against=TRIMMED, ratio=trimmed.rate))
        rows.append(Row(f"{what}: CPU", min(one.cpu) * 1e6, "µs", against=BARE, ratio=ratios.calm))
        rows.append(Row(f"{what}: p99", slow, "ms", against=BARE, ratio=ratios.slowest, most=1.0))
    return rows


def main(engine: str, seconds: int, rounds: int, json: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder, _database(engine, folder) as url:
        settings = Settings(
            database=DatabaseGroup(url=url),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        key = asyncio.run(_prepare(settings))
        print(f"{engine}, {CONNECTIONS} connections")
        hand_in(_report(_measure(settings, key, seconds, rounds), engine), json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6)
    add_json_option(parser)
    main(**vars(parser.parse_args()))
