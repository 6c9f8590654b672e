"""Which batches are short enough for the event loop, told by how long the last ones of their kind took.

One that was too long keeps its kind away for a while, each time for twice as long: so a kind that is always long, such
as letters by the dozen, holds up the event loop once every few seconds at most, and keeps no other kind from it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

QUICK = 0.02
_REST, LONGEST_REST = 0.05, 5.0


class Pace:
    """``kinds`` are those of a batch's pieces; moments are in seconds of a clock that is never set."""

    def __init__(self) -> None:
        self._resting: dict[Hashable, tuple[float, float]] = {}  # until when, and for how long the next time

    def admits(self, kinds: Iterable[Hashable], now: float) -> bool:
        """Whether none of them has to rest."""
        return not self._resting or all(now >= self._resting.get(kind, (now, 0.0))[0] for kind in kinds)

    def note(self, kinds: Iterable[Hashable], began: float, ended: float) -> None:
        """A batch was run in the event loop."""
        if ended - began <= QUICK:
            if self._resting:
                for kind in kinds:
                    self._resting.pop(kind, None)
            return
        for kind in kinds:
            _, rest = self._resting.get(kind, (0.0, _REST))
            self._resting[kind] = ended + rest, min(2 * rest, LONGEST_REST)
