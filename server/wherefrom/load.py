"""How much a process is asked beyond what it can do, and what it turned away because of that.

One ``Load`` a process, in ``Services``: who turns something away notes it here, ``/metrics`` and ``/readyz`` tell it.
Refuses to know why anything is too much: ``db.batch`` knows of writes, ``web.bounds`` of connections, ``web.front`` of
requests, ``web.rate`` of who asks too often.
"""

from __future__ import annotations

import time
from collections import Counter
from enum import StrEnum

RETRY_SECONDS = 2
"""What who is turned away is asked to wait."""

_GOES_ON = 10.0  # seconds after the last one turned away until it counts as over


class Shed(StrEnum):
    """Closed list; the values are labels of a metric."""

    VISITS = "visits"  # pages and signs, answered 503: too many writes wait
    HITS = "hits"  # pixels and clicks, answered as ever, not recorded: too many writes wait
    LATE = "late"  # pages, signs, pixels and clicks: given up, for their write took longer than they may wait
    REQUESTS = "requests"  # all else, answered 503: too many under way
    CONNECTIONS = "connections"  # closed on opening: too many are open, and none of them waits
    EVICTED = "evicted"  # closed while nothing was under way, for a new one
    SLOW_HEAD = "slow_head"  # closed: no whole request in time
    SLOW_BODY = "slow_body"  # closed: no whole body in time
    SLOW_READER = "slow_reader"  # closed: the answer was not taken in time
    LARGE_HEAD = "large_head"  # answered 431
    PIPELINED = "pipelined"  # closed: too many requests sent ahead
    ADDRESS = "address"  # answered 429: one address asks too often
    SITE = "site"  # answered 429: one site asks too often


_OURS = frozenset({Shed.VISITS, Shed.HITS, Shed.REQUESTS, Shed.CONNECTIONS})
"""What says that the service has too much to do; the others say that somebody behaves badly."""


class Load:
    """What one process turned away since its start."""

    def __init__(self) -> None:
        self.counts: Counter[Shed] = Counter()
        self._last: dict[Shed, float] = {}

    def note(self, what: Shed) -> None:
        self.counts[what] += 1
        self._last[what] = time.monotonic()

    def notices(self) -> list[str]:
        """What goes on now, in words; nothing while all that is asked is answered."""
        now = time.monotonic()
        going_on = sorted(what for what, last in self._last.items() if now - last < _GOES_ON)
        turned_away = ", ".join(self._count(what) for what in going_on if what in _OURS)
        told = [f"more is asked than this process can do; it turns away: {turned_away}"] if turned_away else []
        if Shed.LATE in going_on:
            told.append(f"the database writes more slowly than visitors can wait; given up: {self._count(Shed.LATE)}")
        return told

    def _count(self, what: Shed) -> str:
        return f"{what} ({self.counts[what]} since the start)"
