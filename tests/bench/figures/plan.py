"""Which benchmarks `make bench` runs, and with what: the short form, some twelve minutes in all on two quiet cores.

Each file of ``tests/bench`` stands here (a test holds it); ``LONG`` is what its own documentation calls the whole.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a benchmark: ``python -m tests.bench.BENCH ARGUMENTS``, ended after ``limit`` seconds. ``long`` are
    the arguments of the long form; None: the same as the short one."""

    bench: str
    arguments: tuple[str, ...] = ()
    long: tuple[str, ...] | None = None
    limit: int = 300

    def __str__(self) -> str:
        return " ".join((self.bench, *self.arguments))


def _run(bench: str, short: str = "", long: str | None = None, limit: int = 300) -> Run:
    return Run(bench, tuple(short.split()), None if long is None else tuple(long.split()), limit)


PLAN: tuple[Run, ...] = (
    _run("serve", "--rounds 5 --seconds 10"),
    _run("collect", "--engine sqlite --seconds 2 --rounds 5", "--engine sqlite"),
    _run("collect", "--engine postgresql --seconds 2 --rounds 5", "--engine postgresql"),
    _run("tracking", "--engine sqlite --seconds 1 --rounds 7", "--engine sqlite"),
    _run("tracking", "--engine postgresql --seconds 1 --rounds 7", "--engine postgresql"),
    _run("hosts", "--seconds 2 --rounds 3", ""),
    _run("rows", "--visits 1000000 3000000 --rounds 3 --no-explain", "", limit=600),
    _run("sync", "--letters 3000 --news 20", "--letters 20000 --news 40"),
    _run("sort", "--letters 400 --rounds 3", ""),
    _run("parse", "--letters 300 --checked 500 --rounds 3", ""),
    _run("latency", "--letters 30", ""),
    _run("sending", "--letters 200"),
    _run("script", "--rounds 20", ""),
    _run("attribution", "--seeds 2 --sizes 40 160 --traffic issue", "", limit=400),
)
"""In this order: what the performance issue asks for first, so that a run that is stopped early has it."""
LONG_LIMIT = 3600
"""Seconds for one run of the long form."""
