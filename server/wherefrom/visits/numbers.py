"""Visit numbers: they grow per site, and are taken from the database in blocks.

A block belongs to one process, so two processes hand out different numbers without asking each other. What a process
has not used when it ends is a gap. A busy site takes larger blocks: asking for each hundred would cost it one commit in
four. Numbers begin at 1.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from wherefrom.db import Database
from wherefrom.visits import store

BLOCK = 100
LARGEST_BLOCK = 3200
_BUSY_SECONDS = 1.0
"""A block that is used up sooner is followed by one of twice its size."""


@dataclass(slots=True)
class _Supply:
    """What a process has left for a site. ``taken_at`` of the last block, in seconds of the monotonic clock."""

    block: int
    free: deque[int] = field(default_factory=deque)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    taken_at: float | None = None


class Numbers:
    """One for a process; must be used outside transactions, since an empty block needs a short one of its own."""

    def __init__(self, db: Database, block: int = BLOCK) -> None:
        self._db = db
        self._block = block
        self._supplies: dict[int, _Supply] = {}

    def take_at_once(self, site_id: int) -> int | None:
        """As ``take``; None where a block would have to be waited for."""
        supply = self._supplies.get(site_id)
        return supply.free.popleft() if supply is not None and supply.free else None

    async def take(self, site_id: int) -> int:
        """A number nobody had before."""
        supply = self._supplies.get(site_id)
        if supply is None:
            supply = self._supplies[site_id] = _Supply(self._block)
        while not supply.free:
            await asyncio.shield(self._refill(site_id, supply))
        return supply.free.popleft()

    def give_back(self, site_id: int, number: int) -> None:
        """Returns a number that was not used; the next visit gets it."""
        self._supplies[site_id].free.appendleft(number)

    async def _refill(self, site_id: int, supply: _Supply) -> None:
        async with supply.lock:
            if supply.free:
                return
            now = time.monotonic()
            if supply.taken_at is not None and now - supply.taken_at < _BUSY_SECONDS:
                supply.block = min(supply.block * 2, LARGEST_BLOCK)
            async with self._db.write() as tx:
                first = await store.reserve_numbers(tx, site_id, supply.block)
            supply.taken_at = now
            supply.free.extend(range(first, first + supply.block))
