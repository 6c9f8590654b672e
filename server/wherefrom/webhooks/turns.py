"""Whose delivery goes next: a dead receiver may not hold up the living ones.

An endpoint has at most ``PER_ENDPOINT`` deliveries on the way at once, one that failed last time has one, and all
failing ones together have at most half of the slots: the other half is always there for those that answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

PER_ENDPOINT = 4


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that may go now. ``failing``: its endpoint has not accepted anything since its last failure."""

    site_id: int
    delivery_id: int
    endpoint_id: int
    failing: bool


def pick(due: Iterable[Due], running: Iterable[Due], slots: int) -> list[Due]:
    """The deliveries to start now, of ``due`` in the order given, beside those already ``running``."""
    busy = list(running)
    by_endpoint = Counter((one.site_id, one.endpoint_id) for one in busy)
    failing = sum(one.failing for one in busy)
    free = slots - len(busy)
    chosen: list[Due] = []
    for one in due:
        if free <= 0:
            break
        most = 1 if one.failing else PER_ENDPOINT
        endpoint = (one.site_id, one.endpoint_id)
        if by_endpoint[endpoint] >= most or (one.failing and failing >= max(slots // 2, 1)):
            continue
        by_endpoint[endpoint] += 1
        failing += one.failing
        free -= 1
        chosen.append(one)
    return chosen
