"""Feeds a target with inputs and holds it to the rules: no exception, no hang, no growth."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutate import make
from tests.fuzz.target import Feed, Target

MOST_FAULTS = 5
"""Of one target; then it is left."""
GROWTH_MB = 48.0
"""More than this between a quarter of the inputs and all of them is a fault: caches are full by then."""
_ENOUGH = 5_000  # inputs to tell growth by
_WAITING = 12  # times as long as it may work an input may wait, for a server or for a core


class Hang(BaseException):
    """An input took too long. Not an Exception: nothing on the way may catch it."""


@dataclass
class Outcome:
    """``faults``: by the input's number, how to make it again and what it met."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_number: str = ""
    memory_before: float = 0.0
    memory_after: float = 0.0
    grown: float = 0.0
    faults: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        return (
            f"{self.target:<18} {self.inputs:>9,} inputs {self.seconds:>7.1f} s  slowest {self.slowest * 1000:>7.1f} ms"
            f" ({self.slowest_number})  memory {self.memory_before:.0f} → {self.memory_after:.0f} MB"
            f"  faults {len(self.faults)}"
        )


def run(target: Target, inputs: int, seed: int, first: int = 0) -> Outcome:
    """Inputs ``first`` to ``first + inputs - 1`` of ``seed``."""
    seeds, outcome = target.seeds(), Outcome(target.name)
    early = 0.0
    with _in_time() as limit, target.open() as feed:
        outcome.memory_before, began = memory(), time.perf_counter()
        for count in range(first, first + inputs):
            number = f"{target.name}:{seed}:{count}"
            data = make(number, seeds, target.words)
            outcome.inputs += 1
            fault, took = _feed(feed, data, target.seconds, limit)
            if took > outcome.slowest:
                outcome.slowest, outcome.slowest_number = took, number
            if fault:
                outcome.faults[number] = f"{fault}\n    {reproduction(number, data)}"
            if len(outcome.faults) >= MOST_FAULTS:
                break
            if count - first == inputs // 4:
                gc.collect()
                early = memory()
        outcome.seconds = time.perf_counter() - began
        gc.collect()
        outcome.memory_after = memory()
        outcome.grown = outcome.memory_after - (early or outcome.memory_before)
        if inputs >= _ENOUGH and outcome.grown > GROWTH_MB:
            outcome.faults["growth"] = f"{outcome.grown:.0f} MB more than after a quarter of the inputs"
    return outcome


def reproduction(number: str, data: bytes) -> str:
    """The command that feeds this input alone, and the input as far as it is short."""
    shown = repr(data) if len(data) <= 600 else f"{data[:600]!r}… ({len(data)} bytes)"
    return f"python -m tests.fuzz --one {number}\n    input: {shown}"


def _feed(feed: Feed, data: bytes, seconds: float, limit: _Limit) -> tuple[str, float]:
    began = time.perf_counter()
    try:
        limit.begin(seconds)
        feed(data)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return traceback.format_exc(limit=-6), time.perf_counter() - began
    finally:
        limit.end()
    return "", time.perf_counter() - began


class _Limit:
    def begin(self, seconds: float) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds * _WAITING)

    def end(self) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def _in_time() -> Iterator[_Limit]:
    def expire(_number: int, _frame: object) -> None:
        raise Hang("it took longer than it may")

    before = {number: signal.signal(number, expire) for number in (signal.SIGALRM, signal.SIGVTALRM)}
    try:
        yield _Limit()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def memory() -> float:
    """MB that this process has; nought where that cannot be asked."""
    if not sys.platform.startswith("linux"):
        return 0.0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
