"""Writes hits down, all that come during one write by the next one, and finds where links lead on the way.

    hit ─▶ open page ─▶ ┌ one piece of a group commit: the page's hits, one statement
                        └ one look-up of the links that were followed ─▶ COMMIT ─▶ each hit's answer

A piece of its own for each hit would cost more than all else a pixel takes: this is ``db.batch`` once more, for work
that is always the same and never in its neighbour's way.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import structlog

from wherefrom.db import Database, Tx
from wherefrom.errors import Unavailable
from wherefrom.tracking.store import LinkKey, StoredHit, append_hits, find_urls

log = structlog.get_logger(__name__)

_MOST_ON_A_PAGE = 256
_MOST_FOLLOWED = 4096  # of 2,000 characters at the most


Told = Callable[[str | None, Exception | None], None]
"""Is told where a click leads (None for an open and for a link that is not there), or why the hit is not written."""

_Line = tuple[StoredHit, Told]


class HitBook:
    """One for a process. ``time_limit`` in seconds is how long a hit's answer is waited for; ``most`` hits wait."""

    def __init__(self, db: Database, time_limit: float, most: int = 4096) -> None:
        self._db = db
        self._time_limit = time_limit
        self._most = most
        self._waiting: list[_Line] = []
        self._writer: asyncio.Task[None] | None = None
        self._followed: OrderedDict[LinkKey, str] = OrderedDict()

    @property
    def is_full(self) -> bool:
        """As many hits wait as may; a further one would be refused."""
        return len(self._waiting) >= self._most

    def find_followed(self, key: LinkKey) -> str | None:
        """Where a link leads that was followed of late, for when the database cannot be asked. Mostly a scanner has
        followed it before the person does."""
        return self._followed.get(key)

    def write(self, hit: StoredHit, told: Told) -> None:
        """``told`` is called once, never before this returns: the hit is durable then, or what the database met is
        said. Unavailable where too many wait."""
        if self.is_full:
            fault = Unavailable("the database does not keep up with the hits", hint="try again in a moment")
            asyncio.get_running_loop().call_soon(told, None, fault)
            return
        self._waiting.append((hit, told))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_pages(), name="hit book")

    async def _write_pages(self) -> None:
        try:
            while self._waiting:
                page = self._waiting[:_MOST_ON_A_PAGE]
                del self._waiting[:_MOST_ON_A_PAGE]
                await self._write_page(page)
        finally:
            self._writer = None

    async def _write_page(self, page: list[_Line]) -> None:
        hits = [hit for hit, _ in page]
        clicks = [(hit.site_id, hit.send_id, hit.number) for hit in hits if hit.number]

        async def work(tx: Tx) -> dict[LinkKey, str]:
            await append_hits(tx, hits)
            return await find_urls(tx, clicks) if clicks else {}

        try:
            async with asyncio.timeout(self._time_limit):
                urls = await self._db.batch(work)
        except Exception as fault:
            for _, told in page:
                _tell(told, None, fault)
            return
        self._note(urls)
        for hit, told in page:
            _tell(told, urls.get((hit.site_id, hit.send_id, hit.number)) if urls else None, None)

    def _note(self, urls: dict[LinkKey, str]) -> None:
        for key, url in urls.items():
            self._followed[key] = url
            self._followed.move_to_end(key)
        while len(self._followed) > _MOST_FOLLOWED:
            self._followed.popitem(last=False)


def _tell(told: Told, url: str | None, fault: Exception | None) -> None:
    """One asker's trouble keeps no other's answer back."""
    try:
        told(url, fault)
    except Exception:
        log.exception("a hit's answer could not be told")
