"""One visit of a traffic file: what happened, in seconds, whether or not anybody could see it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Intent = Literal["", "mailto", "copy", "select"]


class SimulatedVisit(Struct, frozen=True):
    """``exposed_at``: the address came into view; ``intent``: what was *noticed* of what the visitor did with it;
    ``wrote_at``: a letter was written. None: never."""

    started_at: float
    left_at: float
    exposed_at: float | None = None
    intent: Intent = ""
    intent_at: float | None = None
    wrote_at: float | None = None

    @property
    def asked_at(self) -> float | None:
        """When the page asked for an address: as it came into view, or was used, whatever came first."""
        stamps = [one for one in (self.exposed_at, self.intent_at) if one is not None]
        return min(stamps) if stamps else None

    @property
    def last_seen_at(self) -> float:
        """The last sign of life, which a use of the address is too."""
        return max(one for one in (self.left_at, self.asked_at, self.intent_at) if one is not None)
