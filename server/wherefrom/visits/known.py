"""Sites by their public key, remembered for some seconds: a page shown must not cost a read of its own.

A change in the console is therefore seen after five seconds at the latest. Keys that nobody has are remembered too (a
page with a mistyped key asks at every view), and the memory is bounded. All who ask while a site is being read wait for
that one reading: on a busy site each five seconds would begin with hundreds at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta

from wherefrom.clock import Clock
from wherefrom.db import Database
from wherefrom.sites.site import Site
from wherefrom.sites.store import find_site_by_key

FRESH = timedelta(seconds=5)
_NOTHING = timedelta(0)
_MOST = 4096
_LONGEST_KEY = 40


class KnownSites:
    """One for a process."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: OrderedDict[str, tuple[datetime, Site | None]] = OrderedDict()
        self._reading: dict[str, asyncio.Task[Site | None]] = {}

    def find_at_once(self, key: str, now: datetime) -> Site | None:
        """The site, if there is one with this key that was read just before ``now``."""
        read_at, site = self._known.get(key, (None, None))
        return site if read_at is not None and _NOTHING <= now - read_at < FRESH else None

    async def find(self, key: str) -> Site | None:
        if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
            return None
        now = self._clock.now()
        read_at, site = self._known.get(key, (None, None))
        if read_at is not None and _NOTHING <= now - read_at < FRESH:
            return site
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(key, now))
            reading.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(reading)

    def recall(self, key: str) -> Site | None:
        """As it was read last, however long ago: for when the database cannot be asked."""
        return self._known.get(key, (None, None))[1]

    def _forget(self, key: str, done: asyncio.Task[Site | None]) -> None:
        del self._reading[key]
        if not done.cancelled():
            done.exception()  # heard by those who wait for it; there may be none left

    async def _read(self, key: str, now: datetime) -> Site | None:
        async with self._db.read() as tx:
            site = await find_site_by_key(tx, key)
        self._known[key] = (now, site)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return site
