"""Visit numbers: they grow per site, and are taken from the database in blocks.

A block belongs to one process, so two processes hand out different numbers without asking each other. What a process
has not used when it ends is a gap. A busy site takes larger blocks, and the next one before the last is used up: a page
that has to wait for one waits for two commits. Numbers begin at 1.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from wherefrom.db import Database, Tx
from wherefrom.visits import store

BLOCK = 100
LARGEST_BLOCK = 3200
_BUSY_SECONDS = 1.0
"""A block that is used up sooner is followed by one of twice its size."""


@dataclass(slots=True)
class _Supply:
    """What a process has left for a site. ``taken_at`` of the last block, in seconds of the monotonic clock; ``coming``
    is the next one, if it is under way."""

    block: int
    free: deque[int] = field(default_factory=deque)
    taken_at: float | None = None
    coming: asyncio.Task[None] | None = None


class Numbers:
    """One for a process; must be used outside transactions, since a block is taken by one."""

    def __init__(self, db: Database, block: int = BLOCK) -> None:
        self._db = db
        self._block = block
        self._supplies: dict[int, _Supply] = {}

    def take_at_once(self, site_id: int) -> int | None:
        """As ``take``; None where a block would have to be waited for."""
        supply = self._supplies.get(site_id)
        if supply is None or not supply.free:
            return None
        if 2 * len(supply.free) <= supply.block and supply.coming is None:
            self._refill(site_id, supply)
        return supply.free.popleft()

    async def take(self, site_id: int) -> int:
        """A number nobody had before."""
        supply = self._supplies.get(site_id)
        if supply is None:
            supply = self._supplies[site_id] = _Supply(self._block)
        while not supply.free:
            await asyncio.shield(supply.coming or self._refill(site_id, supply))
        return supply.free.popleft()

    def give_back(self, site_id: int, number: int) -> None:
        """Returns a number that was not used; the next visit gets it."""
        self._supplies[site_id].free.appendleft(number)

    def _refill(self, site_id: int, supply: _Supply) -> asyncio.Task[None]:
        task = supply.coming = asyncio.create_task(self._fetch(site_id, supply), name="visit numbers")
        task.add_done_callback(lambda done: _end(supply, done))
        return task

    async def _fetch(self, site_id: int, supply: _Supply) -> None:
        now = time.monotonic()
        if supply.taken_at is not None and now - supply.taken_at < _BUSY_SECONDS:
            supply.block = min(supply.block * 2, LARGEST_BLOCK)
        first = await self._db.batch_together(_reserve, (site_id, supply.block))
        supply.taken_at = now
        supply.free.extend(range(first, first + supply.block))


async def _reserve(tx: Tx, asked: Sequence[tuple[int, int]]) -> list[int]:
    """With the visits of the moment: a transaction of its own would hold them up."""
    return [await store.reserve_numbers(tx, site_id, count) for site_id, count in asked]


def _end(supply: _Supply, done: asyncio.Task[None]) -> None:
    supply.coming = None
    if not done.cancelled():
        done.exception()  # who waits for it hears it; where nobody does, the next one who needs a number tries again
