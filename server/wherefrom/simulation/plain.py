"""The plain rule, to compare with: every visit gets an address as it lands, and a letter is of whoever had it last.

An address goes to the next visit when all others have gone out since: the one given out longest ago, whether its holder
is still there or not. So the pool never runs out; a busy one just turns faster.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from wherefrom.simulation.visit import SimulatedVisit


def count_plain_right(visits: Sequence[SimulatedVisit], size: int) -> int:
    """How many letters of exposed visitors the plain rule gives to their writers. ``visits`` by their start."""
    landed = [one.started_at for one in visits]
    right = 0
    for number, one in enumerate(visits):
        if one.wrote_at is None or one.asked_at is None:
            continue
        turn = number + size  # the next visit to get this address
        right += turn >= bisect_right(landed, one.wrote_at)
    return right
