"""How many may be under way at a time: no more than end soon.

When one took longer than ``seconds``, fewer are let in, for those who wait wait for each other; where the room is half
full and they are quick, more are, ``most`` at best. So what is let in is answered in time, however slow the machine is
just now, and the others hear at once that they are not. It begins small: a flood that comes all at once shall not be
let in before anybody knows how quick the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST = 16
"""Fewer would hardly end sooner. A quarter of those who share a commit: where a process has a tenth of a core and must
turn away the tenfold, 64 took longer than a page may wait, and half of the work was done for nobody."""

_FIRST = 128
_SHRINK, _GROW = 0.99, 1.0


class Room:
    """``now`` in seconds, of a clock that does not jump."""

    def __init__(self, most: int, seconds: float = 1.5, now: Callable[[], float] = time.monotonic) -> None:
        self._most = float(most)
        self.size = min(self._most, float(_FIRST))
        self._seconds = seconds
        self._now = now
        self._inside = 0

    @property
    def is_full(self) -> bool:
        return self._inside >= self.size

    def enter(self) -> float:
        """One more is under way; the moment it began."""
        self._inside += 1
        return self._now()

    def leave(self, began: float) -> None:
        """One that began then has ended."""
        if self._now() - began > self._seconds:
            self.size = max(min(LEAST, self._most), self.size * _SHRINK)
        elif self.size < self._most and self._inside > self.size / 2:
            self.size = min(self._most, self.size + _GROW)
        self._inside -= 1
