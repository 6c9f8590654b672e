"""Whose delivery goes next: a dead receiver may not hold up the living ones.

An endpoint has at most ``PER_ENDPOINT`` deliveries on the way at once, one that failed last time has one, and all
failing ones together have at most half of the slots: the other half is always there for those that answer. One with a
rate of its own is given one delivery at a time, and the next when its rate allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

PER_ENDPOINT = 4


class Due(Struct, frozen=True):
    """A delivery that may go now. ``failing``: its endpoint has not accepted anything since its last failure.
    ``per_minute``: how many may be started for it a minute; None for no limit."""

    site_id: int
    delivery_id: int
    endpoint_id: int
    failing: bool
    per_minute: int | None = None

    @property
    def takes_turns(self) -> bool:
        """Whether its endpoint is posted to one at a time, so that the start is to be entered there first."""
        return self.failing or self.per_minute is not None

    def quiet_after(self, now: datetime, probe_until: datetime) -> datetime:
        """Until when nothing else is started for an endpoint that takes turns: a probe alone, then by its rate."""
        if self.failing or self.per_minute is None:
            return probe_until
        return now + timedelta(minutes=1) / self.per_minute


def pick(due: Iterable[Due], running: Iterable[Due], slots: int) -> list[Due]:
    """The deliveries to start now, of ``due`` in the order given, beside those already ``running``."""
    busy = list(running)
    by_endpoint = Counter((one.site_id, one.endpoint_id) for one in busy)
    failing = sum(one.failing for one in busy)
    free = slots - len(busy)
    chosen: list[Due] = []
    turns: set[tuple[int, int]] = set()
    for one in due:
        if free <= 0:
            break
        most = 1 if one.failing else PER_ENDPOINT
        endpoint = (one.site_id, one.endpoint_id)
        if by_endpoint[endpoint] >= most or (one.failing and failing >= max(slots // 2, 1)):
            continue
        if one.takes_turns and endpoint in turns:
            continue
        turns.add(endpoint)
        by_endpoint[endpoint] += 1
        failing += one.failing
        free -= 1
        chosen.append(one)
    return chosen
