"""Keeps the index by which a text is found in letters (``grams``), part by part, after the letters are sorted.

    fresh ─512 of them─▶ small part ─8 of them─▶ large part of up to 4,096        (4,096 fresh ones: at once)
      ▲                                              │ a letter is erased
      └── those that are left ──────────────── stale ┘

    making ─▶ ready ─▶ dropped (its letters are in a larger one) ─▶ gone
      │         └────▶ stale ─▶ dropped ─▶ gone
      └──────────────▶ dropped: its maker died, or a letter of it was erased meanwhile

Sorting writes one short row a letter and no more. Fresh letters are looked through as they are, so that nothing waits
for this; those of before there was an index are fresh ones, too, and the newest are taken first. Work is done in short
pieces: others' turn comes between two of them, and no write holds more than some thousand rows.

Safe to run in several processes: a site's part is made under a claim that ends by itself.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from datetime import timedelta

import structlog

from wherefrom.db import Tx
from wherefrom.inbox.grams import list_grams, pack
from wherefrom.inbox.store import parts
from wherefrom.inbox.store.parts import Part
from wherefrom.inbox.store.traits import Place
from wherefrom.services import Services
from wherefrom.sites.store import list_sites

log = structlog.get_logger(__name__)

SMALL, LARGE = 512, 4_096
_CLAIM = timedelta(seconds=60)
_READ_AT_ONCE = 64
_TURN = 8
"""Letters between two turns of others: some milliseconds."""
_WRITTEN_AT_ONCE = 2_000
_REMOVED_AT_ONCE = 5_000


class _Undone(Exception):
    """What the part was made of has changed: it is made another time."""


class Indexing:
    """``step`` is a worker's. ``small``, ``large``: letters of a part."""

    def __init__(self, services: Services, small: int = SMALL, large: int = LARGE) -> None:
        self._services = services
        self._small = small
        self._large = large
        self._behind: set[int] = set()

    async def step(self) -> bool:
        """Does one piece of work for each site; whether there was any."""
        async with self._services.db.read() as tx:
            sites = await list_sites(tx)
        return any([await self._step(site.id) for site in sites])

    async def _step(self, site_id: int) -> bool:
        now = self._services.clock.now()
        async with self._services.db.read() as tx:
            known = await parts.list_parts(tx, site_id)
            fresh = await parts.count_fresh(tx, site_id, self._large)
        makers = [one for one in known if one.status == "making"]
        # A claim that ends later than any may is of before the clock was set back.
        held = [one for one in makers if now < one.claimed_until <= now + _CLAIM]
        for one in known:
            if one.status == "dropped" or (one in makers and one not in held):
                return await self._remove(site_id, one)
        for one in known:
            if one.status == "stale":
                return await self._dissolve(site_id, one)
        if held:
            return False
        self._tell(site_id, fresh)
        if fresh >= self._small:
            return await self._make(site_id)
        small = [one for one in known if one.letters * 8 <= self._large]
        return len(small) >= 8 and await self._make(site_id, small)

    async def _remove(self, site_id: int, part: Part) -> bool:
        async with self._services.db.write() as tx:
            await tx.lock("search", site_id)
            await parts.remove_some(tx, site_id, part.id, _REMOVED_AT_ONCE)
        return True

    async def _dissolve(self, site_id: int, part: Part) -> bool:
        async with self._services.db.write() as tx:
            await tx.lock("search", site_id)
            await parts.dissolve_part(tx, site_id, part.id)
        return True

    def _tell(self, site_id: int, fresh: int) -> None:
        """Once when there is much to do, once when it is done."""
        if fresh >= self._large and site_id not in self._behind:
            self._behind.add(site_id)
            log.info("letters are being indexed; those that are not yet are searched one by one", site=site_id)
        elif fresh < self._small and site_id in self._behind:
            self._behind.discard(site_id)
            log.info("all letters are indexed", site=site_id)

    async def _make(self, site_id: int, small: Sequence[Part] = ()) -> bool:
        """A part of the newest fresh letters, or of those of small parts; False when somebody else makes one, or what
        it was made of has changed meanwhile."""
        ids, clock = self._services.ids, self._services.clock
        part_id = ids.next()
        async with self._services.db.write() as tx:
            await tx.lock("search", site_id)
            if any(one.status == "making" for one in await parts.list_parts(tx, site_id)):
                return False
            places = await self._list_places(tx, site_id, small)
            if not places:
                return False
            await parts.add_part(tx, site_id, part_id, places, clock.now() + _CLAIM)
        found = await self._count(site_id, part_id, places)
        if found is None:
            return True
        rows = sorted((gram, pack(numbers, len(places))) for gram, numbers in found.items())
        for at in range(0, len(rows), _WRITTEN_AT_ONCE):
            some = rows[at : at + _WRITTEN_AT_ONCE]
            async with self._services.db.write() as tx:
                if not await parts.add_grams(tx, site_id, part_id, some, clock.now() + _CLAIM):
                    return True
        return await self._publish(site_id, part_id, places, [one.id for one in small])

    async def _list_places(self, tx: Tx, site_id: int, small: Sequence[Part]) -> list[Place]:
        """Of the letters to take, the newest first."""
        if not small:
            return await parts.list_fresh(tx, site_id, None, self._large)
        known = await parts.read_places(tx, site_id, {one.id: None for one in small})
        return sorted({place for places in known.values() for place in places}, reverse=True)

    async def _count(self, site_id: int, part_id: int, places: Sequence[Place]) -> dict[int, array[int]] | None:
        """By gram the numbers of the letters that have it. Long ones take long: the claim is kept meanwhile. None when
        the part was dropped."""
        found: dict[int, array[int]] = {}
        clock = self._services.clock
        claimed = clock.now()
        for at in range(0, len(places), _READ_AT_ONCE):
            if clock.now() - claimed >= _CLAIM / 3:
                claimed = clock.now()
                async with self._services.db.write() as tx:
                    if not await parts.add_grams(tx, site_id, part_id, (), claimed + _CLAIM):
                        return None
            ids = [message_id for _, message_id in places[at : at + _READ_AT_ONCE]]
            async with self._services.db.read() as tx:
                texts = await parts.read_texts(tx, site_id, ids)
            for number, message_id in enumerate(ids, start=at):
                for gram in list_grams(texts.get(message_id, ())):
                    numbers = found.get(gram)
                    if numbers is None:
                        numbers = found[gram] = array("H")
                    numbers.append(number)
                if number % _TURN == 0:
                    await asyncio.sleep(0)
        return found

    async def _publish(self, site_id: int, part_id: int, places: Sequence[Place], instead_of: Sequence[int]) -> bool:
        try:
            async with self._services.db.write() as tx:
                await tx.lock("search", site_id)
                if not await parts.publish_part(tx, site_id, part_id, places, instead_of):
                    raise _Undone
        except _Undone:
            async with self._services.db.write() as tx:
                await parts.drop_made(tx, site_id, part_id)
        return True
