"""What is fuzzed: something that reads what strangers write, and the rule it has to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

Feed = Callable[[bytes], object]
"""Reads one input. What it raises is a fault; what a reader is documented to raise is caught in it."""


@dataclass(frozen=True)
class Target:
    """``share``: of the inputs, beside the others'. ``seconds``: of processor time one input may take."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    open: Callable[[], AbstractContextManager[Feed]]
    words: Sequence[bytes] = ()
    share: int = 10
    seconds: float = 5.0


def reading(read: Feed) -> Callable[[], AbstractContextManager[Feed]]:
    """For what needs nothing opened."""
    return lambda: nullcontext(read)
