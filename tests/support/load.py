"""Servers in processes of their own, and the figures of the rounds in which ``wrk`` drove them. For benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import socket
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event

from tests.support.wrk import Driven
from wherefrom.db import Database
from wherefrom.web.serve import bind


@dataclass(slots=True)
class Figures:
    """One figure a round: requests a second, seconds to the answer at the median and for 99 %, CPU seconds each."""

    rates: list[float] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, driven: Driven) -> None:
        self.rates.append(driven.answers / driven.seconds)
        self.middles.append(driven.middle)
        self.slowest.append(driven.slowest)
        self.cpu.append(driven.cpu / driven.answers)

    def line(self, name: str) -> str:
        """Medians over the rounds, as a line of a table."""
        rate, middle, slow, cpu = map(statistics.median, (self.rates, self.middles, self.slowest, self.cpu))
        return (
            f"{name:<22} {rate:7.0f} req/s  p50 {middle * 1000:6.1f} ms  p99 {slow * 1000:6.1f} ms"
            f"  CPU {cpu * 1e6:4.0f} µs, at best {min(self.cpu) * 1e6:4.0f}"
        )


@dataclass(frozen=True, slots=True)
class Ratios:
    """Of one row to another, as medians of the rounds' own ratios: neighbours in time had the same machine. ``rate``
    of requests a second; ``cpu`` of requests a CPU second, which other work on the machine disturbs least, ``calm`` the
    same of each one's calmest round; ``slowest`` of the 99th percentiles."""

    rate: float
    cpu: float
    calm: float
    slowest: float

    @classmethod
    def of(cls, one: Figures, bare: Figures) -> Ratios:
        def over(mine: list[float], theirs: list[float]) -> float:
            return statistics.median(a / b if b else math.nan for a, b in zip(mine, theirs, strict=True))

        calm = min(bare.cpu) / (min(one.cpu) or math.nan)
        return cls(over(one.rates, bare.rates), over(bare.cpu, one.cpu), calm, over(one.slowest, bare.slowest))


@contextlib.contextmanager
def serving(run: Callable[[Event], None]) -> Iterator[int]:
    """The process of a server: ``run`` in a fork, which sets the event when it is ready."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    server = context.Process(target=run, args=(ready,), daemon=True)
    server.start()
    try:
        assert ready.wait(60), "the server has not started"
        yield server.pid or 0
    finally:
        server.terminate()
        server.join()


@contextlib.contextmanager
def listening(run: Callable[[socket.socket, Event], None]) -> Iterator[tuple[int, int]]:
    """Port and process of a server that ``run`` serves at a socket."""
    door = bind("127.0.0.1", 0)
    with serving(lambda ready: run(door, ready)) as process:
        yield door.getsockname()[1], process


def analyze(url: str) -> None:
    """Tells PostgreSQL how large its tables are, as autovacuum would, which the tests' server does without: plans made
    for empty tables are kept else. That server does without fsync, too."""
    asyncio.run(_analyze(url))


async def _analyze(url: str) -> None:
    database = Database(url)
    if database.dialect == "postgresql":
        async with database.write() as tx:
            await tx.exec_driver_sql("ANALYZE")
    await database.close()
