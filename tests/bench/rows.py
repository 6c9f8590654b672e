"""Whether a site with 10 or 100 million visits is as fast as one with a million.

    python -m tests.bench.rows [--engine sqlite|postgresql] [--visits 1000000 10000000] [--rounds 5] [--json FILE]

One database a size, each made by ``_site``, all measured in turn in the same rounds, through the application itself:
pages and the management API by HTTP without a socket, visits by the collector, 64 at once. The table has the quickest
round of each, in milliseconds, and how it compares to the smallest site's: of all figures the one that other work on
the machine disturbs least. Where one is beyond its goal, the plans of the slowest statements are printed. Needs 0.6 GB
of disk for each million visits; ``--folder`` keeps the databases (SQLite) for another run, ``--url`` names some that
are there, one a size. ``--fill`` makes them and ends: so they are made at leisure, and measured on a quiet machine.
Sites of more than 20 million visits have addresses and signs of the last 60 days alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

import asyncpg  # type: ignore[import-untyped]
import httpx
from sqlalchemy import event

from tests.bench._site import COMMON, PHRASE, RARE, SOME, Plan, fill_postgresql, fill_sqlite
from tests.bench.figures import Row, add_json_option, hand_in
from tests.console.scene import make_user, open_session
from tests.support.postgres import Postgres
from wherefrom.accounts.key import add_key
from wherefrom.app import build_app, open_services
from wherefrom.clock import SystemClock
from wherefrom.db import Database
from wherefrom.db.migrate import upgrade
from wherefrom.events.late_store import SETTLED
from wherefrom.inbox.indexing import Indexing
from wherefrom.reports.intents import IntentHours
from wherefrom.reports.rollup import Rollup
from wherefrom.reports.sources import find_cover
from wherefrom.services import Services
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.sites.days import floor
from wherefrom.sites.store import list_sites
from wherefrom.substitution.add import add_target
from wherefrom.substitution.hours import PoolHours
from wherefrom.substitution.store.targets import list_targets
from wherefrom.substitution.target import Options
from wherefrom.visits.agents import Agents
from wherefrom.visits.collect import Collector
from wherefrom.visits.gate import Caller

HISTORY, REPORTS = 1.3, 3.0
AT_ONCE = 64
_REPORTED = timedelta(days=366)
POOL = "\n".join(f"help-{n}@shop.example" for n in range(2000))
CALLER = Caller("203.0.113.7", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", None)

Measured = Callable[["Bench"], Awaitable[object]]


@dataclass
class Bench:
    """One site of one size; ``times`` in milliseconds by what was measured."""

    visits: int
    services: Services
    http: httpx.AsyncClient
    collector: Collector
    key: str
    site_id: int
    targets: dict[str, int]
    times: dict[str, list[float]] = field(default_factory=dict)

    async def get(self, path: str) -> httpx.Response:
        answer = await self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return answer

    async def page(self, query: str = "") -> httpx.Response:
        return await self.get(f"/sites/{self.site_id}/messages{query}")

    async def api(self, path: str) -> httpx.Response:
        return await self.get(f"/api/v1/sites/{self.site_id}{path}")

    async def ingest(self) -> None:
        """64 new visitors at once, three times; each with an address to lend."""
        for turn in range(3):
            await asyncio.gather(*(self._visit(turn * AT_ONCE + n) for n in range(AT_ONCE)))

    async def _visit(self, n: int) -> None:
        page = f"https://shop.example/?utm_source=s{n % 7}&utm_medium=cpc"
        told = {"site": self.key, "page": page, "referrer": "https://www.google.com/", "pageview": True}
        body = json.dumps({**told, "addresses": ["sales@shop.example"]}).encode()
        reply = await self.collector.collect(body, CALLER)
        assert getattr(reply.value, "substitutes", None), reply

    async def days(self) -> httpx.Response:
        """A week of a year ago."""
        end = (self.services.clock.now() - timedelta(days=365)).date()
        return await self.page(f"?from={end - timedelta(days=6)}&to={end}")


MEASURED: dict[str, tuple[float, Measured]] = {
    "192 visits of new visitors": (HISTORY, Bench.ingest),
    "history, first screen": (HISTORY, Bench.page),
    "history, a usual source": (HISTORY, lambda one: one.page("?source=google")),
    "history, a campaign few came by": (HISTORY, lambda one: one.page("?utm_campaign=campaign-399")),
    "history, a week of a year ago": (HISTORY, Bench.days),
    "history, letters of one address": (HISTORY, lambda one: one.api("/messages?sender=lead3@customer.example")),
    "history, text many wrote": (HISTORY, lambda one: one.page(f"?q={COMMON}")),
    "history, text some wrote": (HISTORY, lambda one: one.page(f"?q={SOME}")),
    "history, text few wrote": (HISTORY, lambda one: one.page(f"?q={RARE}")),
    "history, a phrase few wrote": (HISTORY, lambda one: one.page(f"?q={quote_plus(PHRASE)}")),
    "history, of a country": (HISTORY, lambda one: one.page("?country=NP")),
    "history, text nobody wrote": (HISTORY, lambda one: one.page("?q=xylograph")),
    "how large a pool to have": (REPORTS, lambda one: one.api(f"/targets/{one.targets['pool']}/pool")),
    "report: by source, 30 days": (REPORTS, lambda one: one.api("/reports/sources")),
    "report: by campaign, 30 days": (REPORTS, lambda one: one.api("/reports/sources?by=utm_campaign")),
    "report: lost mail, 30 days": (REPORTS, lambda one: one.api("/reports/lost-mail")),
    "report: totals of letters, 30 days": (REPORTS, lambda one: one.api("/reports/totals")),
    "report: totals of letters, a year": (REPORTS, lambda one: one.api("/reports/totals?step=month")),
}


async def _sum_up(services: Services) -> None:
    """What the workers do in the background: sums, the newest first, as far as reports of a year need them; and the
    index of texts."""
    rollup, began = Rollup(services), time.perf_counter()
    while not await _is_summed_up(services) and await rollup.step():
        pass
    print(f"summed up in {time.perf_counter() - began:.0f} s", flush=True)
    pools = PoolHours(services, rest=timedelta())
    while await pools.step():
        pass
    intents, began = IntentHours(services, rest=timedelta()), time.perf_counter()
    while await intents.step():
        pass
    print(f"intents counted in {time.perf_counter() - began:.1f} s", flush=True)
    indexing, began = Indexing(services), time.perf_counter()
    while await indexing.step():
        pass
    print(f"texts indexed in {time.perf_counter() - began:.1f} s", flush=True)


async def _is_summed_up(services: Services) -> bool:
    closed = floor(services.clock.now() - SETTLED, "hour", ZoneInfo("UTC"))
    begin = floor(closed - _REPORTED, "day", ZoneInfo("UTC"))
    async with services.db.read() as tx:
        (site,) = await list_sites(tx)
        _, gaps = await find_cover(tx, site.id, begin, closed)
    return not gaps


async def _prepare(url: str, visits: int, settings: Settings) -> None:
    await upgrade(url)
    async with open_services(settings) as services:
        async with services.db.read() as tx:
            if await list_sites(tx):
                return
        site = await add_site(services, "shop", ["shop.example"])
        coded = await add_target(services, site.id, "sales@shop.example", Options(strategy="plus"))
        pooled = await add_target(services, site.id, "help@shop.example", Options(strategy="pool"), POOL)
        await make_user(services)
        plan = Plan(site.id, coded.id, pooled.id, visits, services.clock.now())
    began = time.perf_counter()
    if url.startswith("sqlite"):
        await asyncio.to_thread(fill_sqlite, url, plan, print)
    else:
        await fill_postgresql(url, plan, print)
    print(f"made {visits:,} visits in {time.perf_counter() - began:.0f} s", flush=True)


def _settings(url: str, folder: Path) -> Settings:
    return Settings(database=DatabaseGroup(url=url), data=Data(folder=str(folder), key_file=str(folder / "secret.key")))


@contextlib.asynccontextmanager
async def _open(visits: int, url: str, folder: Path, agents: Agents) -> AsyncIterator[Bench]:
    async with open_services(_settings(url, folder), SystemClock()) as services:
        async with services.db.read() as tx:
            (site,) = await list_sites(tx)
            targets = {one.strategy: one.id for one in await list_targets(tx, site.id)}
        _, secret = await add_key(services, None, "bench")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(build_app(services)),
            base_url=services.settings.server.public_url,
            headers={"authorization": f"Bearer {secret}"},
            cookies=await open_session(services),
            timeout=600,
        ) as http:
            await _sum_up(services)
            yield Bench(visits, services, http, Collector(services, agents=agents), site.key, site.id, targets)


@contextlib.contextmanager
def _databases(engine: str, folder: Path, *, are_given: bool) -> Iterator[Callable[[int], Awaitable[str]]]:
    if engine == "sqlite" or are_given:

        async def file(visits: int) -> str:
            return f"sqlite:///{folder}/rows-{visits}.db"

        yield file
        return
    server = Postgres(on_disk=True)
    try:
        server.start()

        async def database(visits: int) -> str:
            return server.url(await server.create_database())

        yield database
    finally:
        server.remove()


async def _measure(benches: list[Bench], rounds: int, only: str) -> None:
    for turn in range(rounds + 1):
        for name, (_, measured) in MEASURED.items():
            for bench in benches:
                if only not in name:
                    continue
                began = time.perf_counter()
                await measured(bench)
                if turn:  # the first is for warmth
                    bench.times.setdefault(name, []).append((time.perf_counter() - began) * 1000)


def _report(benches: list[Bench]) -> list[dict[str, Any]]:
    """The table, printed; a line for each measure."""
    least, lines = benches[0], []
    print(f"{'ms at best (ratio)':<36}" + "".join(f"{f'{one.visits / 1e6:g} million':>22}" for one in benches))
    for name, times in least.times.items():
        first, goal = min(times), MEASURED[name][0]
        found = [min(one.times[name]) for one in benches]
        cells = "".join(f"{one:>12.1f} ({one / first:5.2f})  " for one in found)
        print(f"{name:<36}{cells}  goal {goal}{'' if max(found) <= goal * first else '  <- beyond'}", flush=True)
        lines.append(
            {
                "measure": name, "goal": goal,
                "milliseconds": {str(bench.visits): round(one, 2) for bench, one in zip(benches, found, strict=True)},
                "ratio": round(max(found) / first, 2),
            }
        )  # fmt: skip
    return lines


async def _explain(bench: Bench, measured: Measured) -> None:
    """Prints the plans of the statements that took longest."""
    seen: dict[str, tuple[float, Any]] = {}
    engine = bench.services.db._engine.sync_engine  # of the connections that read
    begun: dict[int, float] = {}

    def before(_connection: Any, cursor: Any, *_: Any) -> None:
        begun[id(cursor)] = time.perf_counter()

    def after(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            seen[statement] = (time.perf_counter() - begun.pop(id(cursor), 0.0), parameters)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    await measured(bench)
    event.remove(engine, "before_cursor_execute", before)
    event.remove(engine, "after_cursor_execute", after)
    slowest = sorted(seen.items(), key=lambda one: -one[1][0])[:2]
    how = "EXPLAIN QUERY PLAN" if bench.services.db.dialect == "sqlite" else "EXPLAIN (ANALYZE, BUFFERS)"
    async with bench.services.db.read() as tx:
        for statement, (seconds, parameters) in slowest:
            print(f"  {seconds * 1000:.1f} ms: {' '.join(statement.split())[:600]}")
            for row in await tx.exec_driver_sql(f"{how} {statement}", parameters):
                print("    ", row[-1])


async def _analyze(url: str) -> None:
    """As the service's own upkeep, or autovacuum, would."""
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
        return
    database = Database(url)
    async with database.write() as tx:
        await tx.exec_driver_sql("ANALYZE")
    await database.close()


async def run(options: argparse.Namespace, folder: Path) -> None:
    agents = Agents()
    with _databases(options.engine, folder, are_given=bool(options.url)) as database:
        urls = {}
        given = dict(zip(sorted(options.visits), options.url, strict=True)) if options.url else {}
        for visits in sorted(options.visits):
            urls[visits] = given.get(visits) or await database(visits)
            home = folder / f"home-{visits}"
            home.mkdir(exist_ok=True)
            await _prepare(urls[visits], visits, _settings(urls[visits], home))
        async with contextlib.AsyncExitStack() as stack:
            benches = [
                await stack.enter_async_context(_open(visits, url, folder / f"home-{visits}", agents))
                for visits, url in urls.items()
            ]
            if options.fill:
                for url in urls.values():
                    await _analyze(url)
                return
            await _measure(benches, options.rounds, options.only)
            print(f"{options.engine}, load average {os.getloadavg()[0]:.1f}")
            lines = _report(benches)
            for line in lines:
                if line["ratio"] > line["goal"] and options.explain:
                    print(f"{line['measure']}, {benches[-1].visits:,} visits")
                    await _explain(benches[-1], MEASURED[line["measure"]][1])
    hand_in([_row(options.engine, benches, line) for line in lines], options.json)


def _row(engine: str, benches: list[Bench], line: dict[str, Any]) -> Row:
    """Of the larger sites the one that is slowest."""
    sizes, times = [f"{one.visits / 1e6:g}" for one in benches], list(line["milliseconds"].values())
    at = max(range(1, len(times)), key=times.__getitem__, default=0)
    what = f"{line['measure']}, {sizes[at]} million visits, {engine}"
    beside = f"{sizes[0]} million, {times[0]:.3g} ms"
    return Row(what, times[at], "ms", against=beside, ratio=times[at] / times[0], most=line["goal"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--visits", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="measures whose name has this in it")
    parser.add_argument("--folder", help="where SQLite's files are kept; those that are there are measured as they are")
    parser.add_argument("--url", nargs="+", help="databases, one a size, measured as they are, filled where empty")
    parser.add_argument("--fill", action="store_true", help="make what is to be measured, and end")
    add_json_option(parser)
    parser.add_argument("--no-explain", dest="explain", action="store_false")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(options.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(run(options, folder))


if __name__ == "__main__":
    main()
