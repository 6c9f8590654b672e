"""Letters in which a text may stand, newest first: those of the index that have all of its grams, and those that are
in no part of it yet.

    parts    ──newest── part ── part ── … read some at a time, only as far back as somebody asks
    fresh    ──newest── page ── page ── …
    known    what both gave so far; handed out down to where the next of either may begin

The parts must be the same after the last question as before the first (``list_askable``): a letter may have moved from
one to another meanwhile, and have been missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate

from wherefrom.db import Tx
from wherefrom.inbox.grams import list_numbers, meet
from wherefrom.inbox.store.parts import Part, list_arriving, list_fresh, read_grams, read_places
from wherefrom.inbox.store.traits import Place

_FRESH_AT_ONCE = 500
_FIRST_LETTERS = 40_000  # of the parts that are asked first: a large one and what is newer
_MORE_LETTERS = 16
_END = datetime.max.replace(tzinfo=UTC)

Needles = Sequence[Sequence[int]]
Span = tuple[datetime | None, datetime | None]


class Candidates:
    """``needles``: the grams of each way in which the text may be written. Below a place, and in a span of time (its
    end does not count in)."""

    def __init__(
        self, tx: Tx, site_id: int, parts: Sequence[Part], needles: Needles, below: Place | None, span: Span
    ) -> None:
        self._tx, self._site_id = tx, site_id
        self._needles = needles
        self._grams = sorted({gram for needle in needles for gram in needle})
        self._below, self._span = below, span
        self._parts = [one for one in parts if self._may_hold(one)]  # unread ones, the newest first
        self._at_once = _FIRST_LETTERS
        self._fresh_below = below
        self._fresh_at: datetime | None = _END if below is None else below[0]  # none that is unread is newer
        self._asked_arriving = False
        self._known: list[Place] = []  # the newest first
        self._given: set[int] = set()

    async def next(self, enough: int, most: int) -> list[Place]:
        """The next ones: as many as are known once there are ``enough``, at most ``most``; none at the end."""
        while True:
            edge = self._find_edge()
            count = next((n for n, one in enumerate(self._known) if edge is not None and one[0] <= edge), None)
            sure = self._known[: most if count is None else min(most, count)]
            if len(sure) >= min(enough, most) or edge is None:
                del self._known[: len(sure)]
                self._given.update(message_id for _, message_id in sure)
                return sure
            await self._read(edge)

    def _find_edge(self) -> datetime | None:
        """When the newest letter may have arrived that is still to be read; None: all are."""
        edges = [self._fresh_at] if self._fresh_at is not None else []
        edges += [self._parts[0].newest_at] if self._parts else []
        return max(edges, default=None)

    async def _read(self, edge: datetime) -> None:
        if not self._asked_arriving:
            self._asked_arriving = True
            self._keep(await list_arriving(self._tx, self._site_id))
        if self._parts and self._parts[0].newest_at >= edge:
            await self._read_parts()
        else:
            await self._read_fresh()

    async def _read_fresh(self) -> None:
        page = await list_fresh(self._tx, self._site_id, self._fresh_below, _FRESH_AT_ONCE)
        if page:
            self._fresh_below = page[-1]
        begin = self._span[0]
        is_last = len(page) < _FRESH_AT_ONCE or (begin is not None and page[-1][0] < begin)
        self._fresh_at = None if is_last else page[-1][0]
        self._keep(page)

    async def _read_parts(self) -> None:
        sums = accumulate(one.letters for one in self._parts)
        count = max(1, sum(letters <= self._at_once for letters in sums))
        some, self._parts = self._parts[:count], self._parts[count:]
        self._at_once *= _MORE_LETTERS
        had = await read_grams(self._tx, self._site_id, [one.id for one in some], self._grams)
        bits = {one.id: self._find_bits(one, had[one.id]) for one in some if one.id in had}
        asked = {part_id: list_numbers(found) for part_id, found in bits.items() if found}
        if asked:
            places = await read_places(self._tx, self._site_id, asked)
            self._keep([place for of_part in places.values() for place in of_part])

    def _find_bits(self, part: Part, had: dict[int, bytes]) -> int:
        """The part's letters that have all grams of some needle."""
        found = 0
        for needle in self._needles:
            if all(gram in had for gram in needle):
                found |= meet([had[gram] for gram in needle], part.letters)
        return found

    def _keep(self, places: Sequence[Place]) -> None:
        new = {one for one in places if self._is_wanted(one)}
        if new:
            self._known = sorted(new.union(self._known), reverse=True)

    def _is_wanted(self, place: Place) -> bool:
        begin, end = self._span
        return (
            place[1] not in self._given
            and (self._below is None or place < self._below)
            and (begin is None or place[0] >= begin)
            and (end is None or place[0] < end)
        )

    def _may_hold(self, part: Part) -> bool:
        begin, end = self._span
        return (
            (self._below is None or part.oldest_at <= self._below[0])
            and (begin is None or part.newest_at >= begin)
            and (end is None or part.oldest_at < end)
        )
