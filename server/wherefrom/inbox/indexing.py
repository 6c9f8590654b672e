"""Keeps the index by which a text is found in letters (``grams``), part by part, after the letters are sorted.

    fresh ─512 of them─▶ small part ─8─▶ middle part of up to 4,096 ─8─▶ large part of up to 32,768
       └──── 4,096 at once, while there are so many ──▲

    making ─▶ ready ─▶ dropped (its letters are in a larger one) ─▶ gone
      │         └────▶ stale (a letter of it was erased) ─▶ dropped, for one of those that are left ─▶ gone
      └──────────────▶ dropped: its maker died, or a letter of it was erased meanwhile

Texts are read once, when a letter is fresh. A part that is made of others, or of what is left of one, is made of their
grams, some hundred at a time (``renumbering``). So few parts are asked however many letters a site has: of half a
million some thirty.

Sorting writes one short row a letter and no more. Fresh letters are looked through as they are, so that nothing waits
for this; those of before there was an index are fresh ones, too, and the newest are taken first. Work is done in short
pieces: others' turn comes between two of them, and no write holds more than some thousand rows.

Safe to run in several processes: a site's part is made under a claim that ends by itself.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import accumulate, chain

import structlog

from wherefrom.db import Tx
from wherefrom.inbox.grams import list_grams, pack
from wherefrom.inbox.renumbering import Renumbering
from wherefrom.inbox.store import parts
from wherefrom.inbox.store.parts import Part
from wherefrom.inbox.store.traits import Place
from wherefrom.services import Services
from wherefrom.sites.each import for_each_site
from wherefrom.sites.site import Site

log = structlog.get_logger(__name__)

SMALL, MIDDLE, LARGE = 512, 4_096, 32_768
_JOINED = 8
"""Parts of about one size, from which on they are joined."""
_CLAIM = timedelta(seconds=60)
_FIRST_READ, _READ_AT_ONCE = 8, 128
_LONG = 200_000
"""Characters that are looked through beside others' turns; and that are read at once, if there is a choice."""
_MOST_GRAMS, _MOST_HELD = 250_000, 8_000_000
"""Of a part that is made of texts: some 80 MB. Letters of half a kilobyte have some hundred grams each."""
_TURN = 8
"""Letters between two turns of others: some milliseconds."""
_JOINED_IN_A_TURN = 32
_WRITTEN_AT_ONCE = 2_000
_REMOVED_AT_ONCE = 5_000


class _Undone(Exception):
    """What the part was made of has changed: it is made another time."""


class _Counted:
    """By gram the numbers of the letters that have it, of a part's first ``letters``. Full when more would take too
    much memory: letters may be of a megabyte each."""

    def __init__(self) -> None:
        self.letters = 0
        self._found: dict[int, array[int]] = {}
        self._held = 0

    def add(self, grams: Collection[int]) -> None:
        for gram in grams:
            numbers = self._found.get(gram)
            if numbers is None:
                numbers = self._found[gram] = array("H")
            numbers.append(self.letters)
        self.letters += 1
        self._held += len(grams)

    @property
    def is_full(self) -> bool:
        return len(self._found) >= _MOST_GRAMS or self._held >= _MOST_HELD

    def list_rows(self) -> list[tuple[int, bytes]]:
        return sorted((gram, pack(numbers, self.letters)) for gram, numbers in self._found.items())


def _choose_count(last: int, texts: Iterable[Sequence[str]]) -> int:
    """How many letters to read next, after so many with these texts."""
    read = sum(len(one) for some in texts for one in some)
    return max(1, last // 2) if read > _LONG else min(_READ_AT_ONCE, last * 2)


class Indexing:
    """``step`` is a worker's. ``small``, ``middle``, ``large``: letters of a part."""

    def __init__(self, services: Services, small: int = SMALL, middle: int = MIDDLE, large: int = LARGE) -> None:
        self._services = services
        self._small, self._middle, self._large = small, middle, large
        # So the last of many leave no few of the oldest, to be in one part with the newest one day.
        self._at_once = middle + small
        self._behind: set[int] = set()

    async def step(self) -> bool:
        """Does one piece of work for each site; whether there was any."""
        return await for_each_site(self._services, self._step)

    async def _step(self, site: Site) -> bool:
        site_id, now = site.id, self._services.clock.now()
        async with self._services.db.read() as tx:
            known = await parts.list_parts(tx, site_id)
            fresh = await parts.count_fresh(tx, site_id, self._at_once)
        makers = [one for one in known if one.status == "making"]
        # A claim that ends later than any may is of before the clock was set back.
        held = [one for one in makers if now < one.claimed_until <= now + _CLAIM]
        for one in known:
            if one.status == "dropped" or (one in makers and one not in held):
                return await self._remove(site_id, one)
        for one in known:
            if one.status == "stale":
                return await self._join(site_id, [one])
        if held:
            return False
        self._tell(site_id, fresh)
        if fresh >= self._small:
            return await self._make(site_id)
        some = self._choose(known)
        return bool(some) and await self._join(site_id, some)

    def _choose(self, known: Sequence[Part]) -> list[Part]:
        """Parts of about one size to make one of, if there are enough: the oldest, as many as fit. So parts are of
        letters that arrived one after the other, and the newest of a history are found in few of them."""
        small = [one for one in known if one.letters * _JOINED <= self._middle]
        middle = [one for one in known if one not in small and one.letters * 2 <= self._large]
        for some, left in ((small, self._middle), (middle, self._large)):
            if len(some) >= _JOINED:
                sums = accumulate(one.letters for one in reversed(some))
                return [one for one, letters in zip(reversed(some), sums, strict=True) if letters <= left]
        return []

    async def _remove(self, site_id: int, part: Part) -> bool:
        async with self._services.db.write() as tx:
            await tx.lock("search", site_id)
            await parts.remove_some(tx, site_id, part.id, _REMOVED_AT_ONCE)
        return True

    def _tell(self, site_id: int, fresh: int) -> None:
        """Once when there is much to do, once when it is done."""
        if fresh >= self._middle and site_id not in self._behind:
            self._behind.add(site_id)
            log.info("letters are being indexed; those that are not yet are searched one by one", site=site_id)
        elif fresh < self._small and site_id in self._behind:
            self._behind.discard(site_id)
            log.info("all letters are indexed", site=site_id)

    async def _make(self, site_id: int) -> bool:
        """A part of the newest fresh letters; False when somebody else makes one."""
        part_id = self._services.ids.next()
        async with self._services.db.write() as tx:
            await tx.lock("search", site_id)
            places = await parts.list_fresh(tx, site_id, None, self._at_once)
            if len(places) == self._at_once:
                del places[self._middle :]
            if not places or not await self._begin(tx, site_id, part_id, places):
                return False
        counted = await self._count(site_id, part_id, places)
        if counted is None:
            return True
        if counted.letters < len(places):
            places = places[: counted.letters]
            async with self._services.db.write() as tx:
                await parts.shorten_part(tx, site_id, part_id, places)
        rows = await asyncio.to_thread(counted.list_rows)
        for at in range(0, len(rows), _WRITTEN_AT_ONCE):
            if not await self._add(site_id, part_id, rows[at : at + _WRITTEN_AT_ONCE]):
                return True
        return await self._publish(site_id, part_id, places, ())

    async def _join(self, site_id: int, some: Sequence[Part]) -> bool:
        """A part of the letters of others that are still there, in their place; False when somebody else makes one."""
        part_id, old_ids = self._services.ids.next(), [one.id for one in some]
        async with self._services.db.read() as tx:
            known = [(await parts.read_places(tx, site_id, {one: None})).get(one, []) for one in old_ids]
            places = await parts.list_there(tx, site_id, chain.from_iterable(known))
        async with self._services.db.write() as tx:
            await tx.lock("search", site_id)
            if not places:
                await parts.drop_parts(tx, site_id, old_ids)
                return True
            if not await self._begin(tx, site_id, part_id, places):
                return False
        async with self._services.db.read() as tx:  # from now on it is dropped when one is erased; and before?
            are_there = await parts.list_there(tx, site_id, places) == places
        if not are_there:
            return await self._drop(site_id, part_id)
        renumbering = await asyncio.to_thread(Renumbering, known, places)
        after: int | None = -1
        while after is not None:
            async with self._services.db.read() as tx:
                had, after = await parts.read_on(tx, site_id, old_ids, after)
            if not await self._add(site_id, part_id, await self._renumber(renumbering, had)):
                return True
        return await self._publish(site_id, part_id, places, old_ids)

    async def _renumber(
        self, renumbering: Renumbering, had: Mapping[int, Sequence[tuple[int, bytes]]]
    ) -> list[tuple[int, bytes]]:
        rows = []
        for n, gram in enumerate(sorted(had)):
            if letters := renumbering.join(had[gram]):
                rows.append((gram, letters))
            if n % _JOINED_IN_A_TURN == 0:
                await asyncio.sleep(0)
        return rows

    async def _begin(self, tx: Tx, site_id: int, part_id: int, places: Sequence[Place]) -> bool:
        if any(one.status == "making" for one in await parts.list_parts(tx, site_id)):
            return False
        await parts.add_part(tx, site_id, part_id, places, self._services.clock.now() + _CLAIM)
        return True

    async def _add(self, site_id: int, part_id: int, rows: Sequence[tuple[int, bytes]]) -> bool:
        """Keeps the claim, too; False when the part was dropped."""
        async with self._services.db.write() as tx:
            return await parts.add_grams(tx, site_id, part_id, rows, self._services.clock.now() + _CLAIM)

    async def _count(self, site_id: int, part_id: int, places: Sequence[Place]) -> _Counted | None:
        """Of the first letters, as many as may be held. Long ones take long: the claim is kept meanwhile. None when the
        part was dropped."""
        counted, at_once, clock = _Counted(), _FIRST_READ, self._services.clock
        claimed = clock.now()
        while counted.letters < len(places) and not counted.is_full:
            if clock.now() - claimed >= _CLAIM / 3:
                claimed = clock.now()
                if not await self._add(site_id, part_id, ()):
                    return None
            ids = [message_id for _, message_id in places[counted.letters : counted.letters + at_once]]
            async with self._services.db.read() as tx:
                texts = await parts.read_texts(tx, site_id, ids)
            at_once = _choose_count(at_once, texts.values())
            for message_id in ids:
                await self._count_one(counted, texts.get(message_id, ()))
                if counted.is_full:
                    break
        return counted

    async def _count_one(self, counted: _Counted, texts: Sequence[str]) -> None:
        """A long one beside others' turns, of the others some between two turns."""
        if sum(map(len, texts)) >= _LONG:
            counted.add(await asyncio.to_thread(list_grams, texts))
            return
        counted.add(list_grams(texts))
        if counted.letters % _TURN == 0:
            await asyncio.sleep(0)

    async def _publish(self, site_id: int, part_id: int, places: Sequence[Place], instead_of: Sequence[int]) -> bool:
        try:
            async with self._services.db.write() as tx:
                await tx.lock("search", site_id)
                if not await parts.publish_part(tx, site_id, part_id, places, instead_of):
                    raise _Undone
        except _Undone:
            await self._drop(site_id, part_id)
        return True

    async def _drop(self, site_id: int, part_id: int) -> bool:
        async with self._services.db.write() as tx:
            await parts.drop_made(tx, site_id, part_id)
        return True
