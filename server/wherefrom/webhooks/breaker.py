"""The breaker of an endpoint: when a receiver that only fails is left alone, and for how long.

    closed ──(BREAK_AFTER failures in a row)──▶ open: nothing is posted for ``pause``
       ▲                                          │ the pause is over
       └──(accepted)── half open: one delivery ◀──┘
                           └─(failed)──▶ open, for twice as long, LONGEST_PAUSE at most

What waits meanwhile uses up none of its schedule. Pure: no clock, no database; the state is two columns of the
endpoint, ``failures`` and ``quiet_until``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

Breaker = Literal["closed", "open", "half_open"]

BREAK_AFTER = 5
LONGEST_PAUSE = timedelta(minutes=5)
"""How much later than possible a receiver that is up again gets its letters: short beside the outage that led here."""


def pause_after(failures: int, delays: Sequence[float]) -> timedelta:
    """How long nothing is posted after ``failures`` in a row; zero while the breaker stays closed.

    ``delays``: the retry schedule in seconds. The first pause is as long as its first delay, each further one twice as
    long, and none longer than its longest delay.
    """
    if failures < BREAK_AFTER:
        return timedelta(0)
    longest = min(max(delays), LONGEST_PAUSE.total_seconds())
    times = 1 << min(failures - BREAK_AFTER, 9)  # 512 times the shortest first pause is more than the longest
    return timedelta(seconds=min(delays[0] * times, longest))


def breaker_state(failures: int, quiet_until: datetime | None, now: datetime) -> Breaker:
    """What the breaker of an endpoint with these values does at ``now``."""
    if failures < BREAK_AFTER:
        return "closed"
    return "open" if quiet_until is not None and quiet_until > now else "half_open"
