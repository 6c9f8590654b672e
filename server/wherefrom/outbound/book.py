"""Writes hits down, all that come during one write by the next one, and finds where links lead on the way.

    hit ─▶ open page ─▶ ┌ one piece of a group commit: the page's hits, one statement
                        └ one look-up of the links that are not remembered ─▶ COMMIT ─▶ each hit's answer

A piece of its own for each hit would cost more than all else a pixel takes: this is ``db.batch`` once more, for work
that is always the same and never in its neighbour's way.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from wherefrom.db import Database, Tx
from wherefrom.errors import Unavailable
from wherefrom.supervise import Bell
from wherefrom.tracking.store import LinkKey, StoredHit, append_hits, find_urls

log = structlog.get_logger(__name__)

_MOST_ON_A_PAGE = 256
_MOST_FOLLOWED = 4096  # of 2,000 characters at the most
_TURNS = 2  # of the event loop until the next page has got to the database
FRESH = 60.0
"""Seconds for which it is believed where a link leads. It changes only when a person who stands in its address is
erased: in this process the bell "links" says so at once."""


Told = Callable[[str | None, Exception | None], None]
"""Is told where a click leads (None for an open and for a link that is not there), or why the hit is not written."""

_Line = tuple[StoredHit, Told]
_Page = tuple[list[StoredHit], list[LinkKey]]


class HitBook:
    """One for a process. ``time_limit`` in seconds is how long a hit's answer is waited for; ``most`` hits wait; for
    ``fresh`` seconds, or until the ``bell`` rings, it is believed where a link leads."""

    def __init__(self, db: Database, bell: Bell, time_limit: float, most: int = 4096, fresh: float = FRESH) -> None:
        self._db = db
        self._bell = bell
        self._rung = bell.count("links")
        self._time_limit = time_limit
        self._most = most
        self._fresh = fresh
        self._waiting: list[_Line] = []
        self._writers: set[asyncio.Task[None]] = set()
        self._pages = 0  # under way
        self._is_starting = False
        self._under_way = 0  # hits on them
        self._followed: OrderedDict[LinkKey, tuple[str, float]] = OrderedDict()

    @property
    def is_full(self) -> bool:
        """As many hits wait as may; a further one would be refused."""
        return len(self._waiting) >= self._most

    def find_followed(self, key: LinkKey) -> str | None:
        """Where a link leads that was followed of late, for when the database cannot be asked. Mostly a scanner has
        followed it before the person does."""
        self._forget_changed()
        url, _ = self._followed.get(key, (None, 0.0))
        return url

    def write(self, hit: StoredHit, told: Told) -> None:
        """``told`` is called once, never before this returns: the hit is durable then, or what the database met is
        said. Unavailable where too many wait."""
        if self.is_full:
            fault = Unavailable("the database does not keep up with the hits", hint="try again in a moment")
            asyncio.get_running_loop().call_soon(told, None, fault)
            return
        self._waiting.append((hit, told))
        if self._is_worth_it(0):
            self._begin()

    def _is_worth_it(self, before: int) -> bool:
        """Whether a page may be sent off: beside another one only where it is half of all hits that wait, are under
        way, or are the ``before`` that have just been written, whose askers may soon be back."""
        if self._is_starting or not self._waiting:
            return False
        if not self._pages:
            return True
        return self._pages < self._db.ways and len(self._waiting) >= self._under_way + before

    def _begin(self) -> None:
        self._pages += 1
        self._is_starting = True  # in the next turn of the event loop, so that whoever comes in this one is on it
        writer = asyncio.create_task(self._write_page(), name="hit book")
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)

    async def _write_page(self) -> None:
        """The hits that wait. When they are written, the next page is on its way before they are told so: telling takes
        as long as writing, and is done while the disk is waited for."""
        page = self._waiting[:_MOST_ON_A_PAGE]
        del self._waiting[:_MOST_ON_A_PAGE]
        self._under_way += len(page)
        self._is_starting = False
        hits = [hit for hit, _ in page]
        urls, fault = self._recall(hits), None
        try:
            async with asyncio.timeout(self._time_limit):
                urls.update(await self._write(hits, [key for key, url in urls.items() if url is None]))
        except Exception as raised:
            fault = raised
            log.warning("hits could not be recorded", hits=len(hits), fault=f"{type(fault).__name__}: {fault}")
        self._pages -= 1
        self._under_way -= len(page)
        if self._is_worth_it(len(page)):
            self._begin()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for hit, told in page:
            _tell(told, None if fault else urls.get((hit.site_id, hit.send_id, hit.number)), fault)

    async def _write(self, hits: list[StoredHit], unknown: list[LinkKey]) -> dict[LinkKey, str]:
        rung = self._rung
        found = await self._db.batch_together(_write_pages, (hits, unknown), beside=True)
        if rung == self._bell.count("links"):  # else it may be of the moment before
            self._note(found)
        return found

    def _forget_changed(self) -> None:
        if self._rung != self._bell.count("links"):
            self._rung = self._bell.count("links")
            self._followed.clear()

    def _recall(self, hits: list[StoredHit]) -> dict[LinkKey, str | None]:
        """The links of these hits, and where they lead as far as that is known."""
        self._forget_changed()
        urls: dict[LinkKey, str | None] = {}
        oldest = time.monotonic() - self._fresh
        for hit in hits:
            if hit.number:
                key = hit.site_id, hit.send_id, hit.number
                url, since = self._followed.get(key, (None, 0.0))
                urls[key] = url if since > oldest else None
        return urls

    def _note(self, found: dict[LinkKey, str]) -> None:
        now, followed = time.monotonic(), self._followed
        for key, url in found.items():
            followed[key] = url, now
            followed.move_to_end(key)
        while len(followed) > _MOST_FOLLOWED:
            followed.popitem(last=False)


async def _write_pages(tx: Tx, pages: Sequence[_Page]) -> list[dict[LinkKey, str]]:
    """Of each page its hits are written, and its links looked up. Work for many, as visits are: a batch of both goes
    the quick way of such work on SQLite."""
    found = []
    for hits, unknown in pages:
        await append_hits(tx, hits)
        found.append(await find_urls(tx, unknown) if unknown else {})
    return found


def _tell(told: Told, url: str | None, fault: Exception | None) -> None:
    """One asker's trouble keeps no other's answer back."""
    try:
        told(url, fault)
    except Exception:
        log.exception("a hit's answer could not be told")
