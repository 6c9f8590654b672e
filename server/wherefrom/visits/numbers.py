"""Visit numbers: they grow per site, and are taken from the database in blocks.

A block belongs to one process, so two processes hand out different numbers without asking each other. What a process
has not used when it ends is a gap. Numbers begin at 1.
"""

from __future__ import annotations

import asyncio
from collections import deque

from wherefrom.db import Database
from wherefrom.visits import store

BLOCK = 100


class Numbers:
    """One for a process; must be used outside transactions, since an empty block needs a short one of its own."""

    def __init__(self, db: Database, block: int = BLOCK) -> None:
        self._db = db
        self._block = block
        self._free: dict[int, deque[int]] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def take(self, site_id: int) -> int:
        """A number nobody had before."""
        free = self._free.setdefault(site_id, deque())
        while not free:
            await asyncio.shield(self._refill(site_id, free))
        return free.popleft()

    def give_back(self, site_id: int, number: int) -> None:
        """Returns a number that was not used; the next visit gets it."""
        self._free[site_id].appendleft(number)

    async def _refill(self, site_id: int, free: deque[int]) -> None:
        async with self._locks.setdefault(site_id, asyncio.Lock()):
            if free:
                return
            async with self._db.write() as tx:
                first = await store.reserve_numbers(tx, site_id, self._block)
            free.extend(range(first, first + self._block))
