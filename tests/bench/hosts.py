"""How many durable visits a second one, two and three web processes answer, which share a PostgreSQL.

    python -m tests.bench.hosts [--seconds 2] [--connections 64] [--rounds 5] [--core 0.2] [--json FILE]

All processes run all the time, and the client drives the first one, two or three of them in turn, in short rounds, each
over so many connections. New visitors, each with an address of their own, as in ``collect``. The database's server and
the client run on the same machine: when the cores are full, more processes cannot answer more. So what is shown beside
the rate is what one visit costs each part in processor time, and how much of the cores was used. Processes that were in
each other's way would show as a growing cost. Flat, the rate grows with the cores.

Then the same with ``--core`` of one for each web process, as if it had a small machine of its own (which takes root):
while that leaves PostgreSQL and the client what they need, the rate itself has to grow as the processes do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

from sqlalchemy import func, select, text

from tests.bench.collect import new_visitors
from tests.bench.figures.row import Row, add_json_option, hand_in
from tests.support.load import analyze, serving
from tests.support.postgres import Postgres
from tests.support.share import share_of_core
from tests.support.wrk import ask, cpu_seconds, drive
from wherefrom.app import build_app, open_services
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.visits.tables import visit
from wherefrom.web.serve import bind, prepare_process, serve_http

MOST = 3
FLAT = 1.3
"""What a visit may cost the web processes when there are three of them, against one: a quiet machine shows 1.0."""
GROWS = 2.5
"""How many times as many visits three processes answer as one, each with its share of a core: 3 would be all."""


@dataclass
class Figures:
    """Of one number of processes; each list has one figure a round, times in processor seconds a visit."""

    rates: list[float] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        rate, cores = statistics.median(self.rates), statistics.median(self.cores)
        web, database, client = (1e6 * statistics.median(one) for one in (self.web, self.database, self.client))
        return (
            f"{name:<10} {rate:7.0f} visits/s   CPU a visit: web {web:4.0f} µs, PostgreSQL {database:4.0f}, "
            f"client {client:4.0f}   {cores:.2f} of {os.cpu_count()} cores used"
        )


@dataclass(frozen=True)
class Machine:
    """``web``: port and process of each; ``postmaster``: PostgreSQL's first process."""

    web: list[tuple[int, int]]
    postmaster: int

    def cpu(self) -> tuple[float, float]:
        """Processor seconds so far of web processes and PostgreSQL."""
        return sum(cpu_seconds(one) for _, one in self.web), _cpu_of_family(self.postmaster)


async def _serve(listening: socket.socket, settings: Settings) -> None:
    async with open_services(settings) as services:
        await serve_http(build_app(services), listening, asyncio.Event())


def _run(listening: socket.socket, settings: Settings, ready: Event) -> None:
    import uvloop  # here, as uvicorn would choose it by itself

    prepare_process()
    ready.set()
    uvloop.run(_serve(listening, settings))


async def _prepare(settings: Settings) -> str:
    await upgrade(settings.database.url)
    async with open_services(settings) as services:
        site = await add_site(services, "bench", ["shop.example"])
        await add_target(services, site.id, "sales@company.com", Options(strategy="plus"))
    return site.key


@contextlib.contextmanager
def _machine(folder: str) -> Iterator[tuple[Machine, str, str]]:
    """Everything that runs, a site's key, and the database's URL."""
    server = Postgres()
    try:
        server.start()
        url = server.url(asyncio.run(server.create_database()))
        key_file = str(Path(folder) / "secret.key")
        settings = Settings(database=DatabaseGroup(url=url), data=Data(folder=folder, key_file=key_file))
        key = asyncio.run(_prepare(settings))
        with contextlib.ExitStack() as stack:
            web = []
            for _ in range(MOST):
                listening = bind("127.0.0.1", 0)
                process = stack.enter_context(
                    serving(lambda ready, listening=listening: _run(listening, settings, ready))  # type: ignore[misc]
                )
                web.append((listening.getsockname()[1], process))
            yield Machine(web, _postmaster(server)), key, url
    finally:
        server.remove()


def _postmaster(server: Postgres) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().split()[0])


def _cpu_of_family(parent: int) -> float:
    """Of a process and its children, those that have ended included."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            values = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(folder.name) == parent:
                ticks += sum(map(int, values[11:15]))
            elif int(values[1]) == parent:
                ticks += sum(map(int, values[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _drive(machine: Machine, processes: int, key: str, seconds: int, connections: int, figures: Figures) -> None:
    ports = [port for port, _ in machine.web[:processes]]
    before = machine.cpu()
    driven = drive(ports, machine.web[0][1], new_visitors(key), seconds, connections)
    spent = [*(now - then for now, then in zip(machine.cpu(), before, strict=True)), driven.client]
    figures.rates.append(driven.answers / driven.seconds)
    for name, one in zip((figures.web, figures.database, figures.client), spent, strict=True):
        name.append(one / driven.answers)
    figures.cores.append(sum(spent) / driven.seconds)


async def _bytes_of_a_visit(url: str) -> float:
    """What a visit with its pages and lease takes in the database, indices included."""
    database = Database(url)
    async with database.read() as tx:
        size = await tx.scalar(
            text(
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
                " AND relname IN ('visit', 'pageview', 'lease')"
            )
        )
        count = await tx.scalar(select(func.count()).select_from(visit))
    await database.close()
    return float(size) / float(count)


@dataclass
class Measured:
    """``free``: the processes get what they can; ``shared``: each has its share of a core, none where that cannot be
    had. By the number of processes. ``size``: bytes of a visit."""

    free: dict[int, Figures]
    shared: dict[int, Figures]
    size: float


def measure(seconds: int, connections: int, rounds: int, core: float) -> Measured:
    def drive_all() -> dict[int, Figures]:
        measured = {number: Figures() for number in range(1, MOST + 1)}
        for _ in range(rounds):
            analyze(url)
            for number, figures in measured.items():
                _drive(machine, number, key, seconds, connections, figures)
        return measured

    with tempfile.TemporaryDirectory() as folder, _machine(folder) as (machine, key, url):
        for port, _ in machine.web:
            ask(port, new_visitors(key)[0])  # a process's first page waits for what later ones find there
        for number in range(1, MOST + 1):
            _drive(machine, number, key, 1, connections, Figures())  # for warmth
        free, shared = drive_all(), {}
        if core:
            try:
                with contextlib.ExitStack() as shares:
                    for _, process in machine.web:
                        shares.enter_context(share_of_core(process, core))
                    shared = drive_all()
            except PermissionError as fault:
                print(f"shares of a core take root and control groups, so they are left out: {fault}")
        return Measured(free, shared, asyncio.run(_bytes_of_a_visit(url)))


def rows(measured: Measured, core: float) -> list[Row]:
    """What is handed in."""
    one, most = measured.free[1], measured.free[MOST]

    def over(mine: list[float], theirs: list[float]) -> float:
        return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))

    against, rate = "one web process", statistics.median(most.rates)
    cost = 1e6 * statistics.median(most.web)
    told = [
        Row(f"visits a second, {MOST} web processes, PostgreSQL", rate, "/s", against, over(most.rates, one.rates)),
        Row(f"CPU a visit, {MOST} web processes", cost, "µs", against, over(most.web, one.web), most=FLAT),
        Row(f"cores used, {MOST} web processes", statistics.median(most.cores), f"of {os.cpu_count()}"),
        Row("bytes of a visit in PostgreSQL", measured.size, "B"),
    ]
    if measured.shared:
        least, all_ = measured.shared[1].rates, measured.shared[MOST].rates
        what = f"visits a second, {MOST} web processes with {core} of a core each"
        told.insert(1, Row(what, statistics.median(all_), "/s", "one of them", over(all_, least), least=GROWS))
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=float, default=0.2, help="share of a core for each web process; 0: leave it out")
    add_json_option(parser)
    options = parser.parse_args()
    measured = measure(options.seconds, options.connections, options.rounds, options.core)
    for number, figures in measured.free.items():
        print(figures.line(f"{number} web"))
    for number, figures in measured.shared.items():
        print(figures.line(f"{number} × {options.core}"))
    told = rows(measured, options.core)
    for row in told:
        print(
            f"{row.what}: "
            + (f"{row.value:.2f} {row.unit}" if row.ratio is None else f"{row.ratio:.2f} of {row.against}")
        )
    hand_in(told, options.json)


if __name__ == "__main__":
    main()
