"""When a letter may go, and when it is tried again: rules only, no clock and no dice of their own.

    letter: 4xx, or lost on the way ─▶ wait delays[n], the last one for ever ─▶ … ─▶ given up when it expires
    account: no host, no login, quota ─▶ all its letters wait: 1 min, doubled each time, an hour at most
    account with per_hour ─▶ a tenth of it may go at once, then evenly: no hour has more than per_hour

The account's limit is one moment in its row (``paced_until``: when what was used up is free again), moved on by each
letter under the row's lock, so that it holds over all processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
JITTER = 0.2
_HOUR = timedelta(hours=1)


def next_try_at(failures: int, now: datetime, delays: Sequence[float], chance: float) -> datetime:
    """When to try again after ``failures`` (≥ 1) attempts in vain. ``delays`` are seconds, the last one for all further
    tries; ``chance`` in [0, 1) adds up to 20 %, so that what failed together does not come back together."""
    wait = delays[min(failures, len(delays)) - 1]
    return now + timedelta(seconds=wait * (1 + JITTER * chance))


def pause_after(failures: int) -> timedelta:
    """How long an account is left alone after ``failures`` (≥ 1) in a row."""
    return min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)


def take_turn(paced_until: datetime | None, now: datetime, per_hour: int | None) -> datetime | None:
    """The new ``paced_until`` when a letter goes now; None when it may not yet. Without a limit: ``now``."""
    if per_hour is None:
        return now
    burst, interval = _terms(per_hour)
    used_until = max(paced_until or now, now)
    return used_until + interval if used_until - now <= interval * (burst - 1) else None


def next_turn_at(paced_until: datetime | None, now: datetime, per_hour: int | None) -> datetime:
    """From when on ``take_turn`` says yes."""
    if per_hour is None or paced_until is None:
        return now
    burst, interval = _terms(per_hour)
    return max(now, paced_until - interval * (burst - 1))


def _terms(per_hour: int) -> tuple[int, timedelta]:
    """How many may go at once, and one after which time for each. Those at once are part of the hour's number."""
    burst = max(1, per_hour // 10)
    return burst, _HOUR / max(per_hour - burst, 1) if per_hour > 1 else _HOUR
