"""Counts what the gate drops, by site, day and reason.

Counts gather while one write is under way, and the next write takes them all: a flood of bots costs one small
transaction after the other, not one for each. Rows are bounded by sites × days × reasons, whatever is sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

from wherefrom.clock import Clock
from wherefrom.db import Database
from wherefrom.visits import store
from wherefrom.visits.gate import DropReason

log = structlog.get_logger(__name__)

UNKNOWN_SITE = 0


class Drops:
    """One for a process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._pending: Counter[tuple[int, str, str]] = Counter()
        self._lock = asyncio.Lock()

    def add(self, site_id: int, reason: DropReason) -> None:
        """Counts without waiting for the database: the next ``record`` writes it."""
        self._pending[(site_id, self._clock.now().date().isoformat(), reason.value)] += 1

    async def record(self, site_id: int, reason: DropReason) -> None:
        """Counts one; it is written when this returns. A database that is down loses no count: it waits here."""
        self.add(site_id, reason)
        await asyncio.shield(self._write())

    async def _write(self) -> None:
        async with self._lock:
            gathered, self._pending = self._pending, Counter()
            if not gathered:
                return
            try:
                async with self._db.write() as tx:
                    await store.record_drops(tx, gathered)
            except Exception:
                self._pending.update(gathered)
                log.exception("drops could not be counted yet")
