"""Letters of several parts of the index, numbered anew as those of one part. Pure.

    parts    0 1 2 3 │ 0 1 2       each part's letters, the newest first
    joined   0 1 . 2 │ 3 4 5       the same in the order of all; one that is gone has no number

So a part is made of others by what is known of their letters, and no text is read again. Parts follow each other in
time nearly always: then bits are shifted as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from wherefrom.inbox.grams import list_numbers, pack_bits, set_bits, unpack


class Renumbering:
    """``parts``: of each its letters, by their number; ``joined``: those of the new part. One that several have is one,
    one that is not among ``joined`` is gone."""

    def __init__(self, parts: Sequence[Sequence[Hashable]], joined: Sequence[Hashable]) -> None:
        number = {one: n for n, one in enumerate(joined)}
        self._letters = len(joined)
        self._parts = [_Moved([number.get(one, -1) for one in of_part]) for of_part in parts]

    def join(self, had: Iterable[tuple[int, bytes]]) -> bytes:
        """Which letters of the new part have a gram, packed, of those that parts (by their place) say have it. Empty:
        none of them."""
        found = 0
        for place, packed in had:
            found |= self._parts[place].move(packed, self._letters)
        return pack_bits(found, self._letters) if found else b""


class _Moved:
    """``numbers``: of each letter of a part its new number, -1 for none."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers
        first = numbers[0] if numbers else 0
        self._shift = first if first >= 0 and numbers == list(range(first, first + len(numbers))) else None

    def move(self, packed: bytes, letters: int) -> int:
        had = unpack(packed, len(self._numbers))
        if self._shift is not None:
            return had << self._shift
        moved = (self._numbers[one] for one in list_numbers(had))
        return set_bits((one for one in moved if one >= 0), letters)
