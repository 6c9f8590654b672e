"""Time: one source of now, one stored form (UTC integer milliseconds)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
LEAST_STEP = timedelta(seconds=30)
"""Clocks that are kept right are set back by less."""


class Clock(Protocol):
    """Answers what time it is."""

    def now(self) -> datetime:
        """The present moment: aware, UTC, whole milliseconds."""
        ...


@lru_cache(maxsize=256)  # a visit's rows have the same moment six times
def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware ``moment``; parts below a millisecond are cut off."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of ``milliseconds`` since 1970."""
    return _EPOCH + _MILLISECOND * milliseconds  # a quarter of what it takes to make a timedelta


class SystemClock:
    """The machine's clock. Who asks twice within a millisecond gets one object: several pages do."""

    def __init__(self) -> None:
        self._last = 0, _EPOCH  # together, for threads ask, too

    def now(self) -> datetime:
        milliseconds = time.time_ns() // 1_000_000
        last, moment = self._last
        if milliseconds != last:
            self._last = milliseconds, moment = milliseconds, from_ms(milliseconds)
        return moment


class BackwardSteps:
    """Notices when a clock is set back, by one that cannot be."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._seen = clock.now(), monotonic()

    def look(self) -> timedelta:
        """How far it was set back since the last look; nothing for the little by which clocks are kept right."""
        wall, monotonic = self._seen
        self._seen = now, since = self._clock.now(), self._monotonic()
        back = wall + timedelta(seconds=since - monotonic) - now
        return back if back > LEAST_STEP else timedelta(0)


class FixedClock:
    """A clock that stands still until it is moved: time in tests is an input like any other."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = from_ms(to_ms(start or datetime(2026, 11, 2, 9, 0, tzinfo=UTC)))

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Moves the clock by ``by``; a negative span moves it back."""
        self._now += by
