"""By what a letter's text is looked for: grams, three neighbouring characters of a word as one number. Pure.

    "Приве́т, 50 chairs"   in lower case, at white space ─▶ words ─▶ grams  при рив … cha hai air irs
    where a word is not written apart (Chinese, Japanese, Korean), two neighbours are a gram, too

What is looked for is in a text, in any case, only if all of its grams are: so the letters that have them all are the
only ones to look at. Words of one or two letters have none, and what consists of such alone is not looked for so.

A part of the index numbers its letters; which of them have a gram is kept as a list of their numbers, or as one bit a
letter where that is shorter (``pack``), and met with others as an integer of bits (``unpack``).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

MOST_PART = 65_535
"""Letters of a part: a number is two bytes."""

_MOST_ASKED = 5
"""Grams that are asked for: each further one leaves hardly any letter out."""
_LONGEST_KEPT = 24
_WIDE_FROM = "\u2e80"
_FREQUENT = "etaonisrhldcumpfgwybvkxjqz"


def list_grams(texts: Iterable[str]) -> set[int]:
    """The grams of a letter's texts."""
    found: set[int] = set()
    for word in {word for text in texts for word in _fold(text).split()}:
        found.update(_of_word(word) if len(word) <= _LONGEST_KEPT else _count(word))
    return found


def list_needles(forms: Iterable[str]) -> list[list[int]] | None:
    """Of each way in which something may be written, the grams to ask for. None: one has too few letters to ask so."""
    found: list[list[int]] = []
    for folded in dict.fromkeys(_fold(form) for form in forms):
        grams = {gram for word in folded.split() for gram in _asked(word)}
        if not grams:
            return None
        found.append(sorted(grams, key=_frequency)[:_MOST_ASKED])
    return found or None


def pack(numbers: Sequence[int], letters: int) -> bytes:
    """Which of a part's ``letters`` letters: their numbers in a list, or a bit for each letter."""
    if 2 * len(numbers) < _width(letters):
        return struct.pack(f"<{len(numbers)}H", *numbers)
    return set_bits(numbers, letters).to_bytes(_width(letters), "little")


def pack_bits(bits: int, letters: int) -> bytes:
    """The same, of an integer with a bit for each letter."""
    if 2 * bits.bit_count() < _width(letters):
        return struct.pack(f"<{bits.bit_count()}H", *list_numbers(bits))
    return bits.to_bytes(_width(letters), "little")


def unpack(packed: bytes, letters: int) -> int:
    """What was packed, as an integer with a bit for each letter."""
    if len(packed) == _width(letters):
        return int.from_bytes(packed, "little")
    return set_bits(struct.unpack(f"<{len(packed) // 2}H", packed), letters)


def set_bits(numbers: Iterable[int], letters: int) -> int:
    """An integer with these bits set, of ``letters``."""
    bits = bytearray(_width(letters))
    for one in numbers:
        bits[one >> 3] |= 1 << (one & 7)
    return int.from_bytes(bits, "little")


def list_numbers(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first."""
    digits = bin(bits)[:1:-1]  # found among digits in no time, where each step on the number itself would copy it
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def meet(packed: Collection[bytes], letters: int) -> int:
    """The letters that are in all of these."""
    found = (1 << letters) - 1
    for one in packed:
        found &= unpack(one, letters)
    return found


def _fold(text: str) -> str:
    """Texts that are equal in any case, by whichever engine's rule, are equal folded. (Engines disagree on İ alone.)"""
    return text.replace("İ", "i").casefold()


@lru_cache(maxsize=20_000)
def _of_word(word: str) -> frozenset[int]:
    return frozenset(_count(word))


def _count(word: str) -> set[int]:
    codes = list(map(ord, word))
    found = {a << 42 | b << 21 | c for a, b, c in zip(codes, codes[1:], codes[2:], strict=False)}
    if not word.isascii():
        found.update(ord(a) << 21 | ord(b) for a, b in pairwise(word) if _are_wide(a, b))
    return found


def _asked(word: str) -> Iterable[int]:
    if len(word) == 2 and _are_wide(*word):
        return [ord(word[0]) << 21 | ord(word[1])]
    return _count(word) if len(word) > 2 else ()


def _are_wide(one: str, other: str) -> bool:
    return one >= _WIDE_FROM and other >= _WIDE_FROM


def _frequency(gram: int) -> tuple[int, int]:
    """How usual it may be; of equal ones always the same comes first."""
    letters = (chr(gram >> shift & 0x1FFFFF) for shift in (42, 21, 0))
    return -sum(_FREQUENT.find(one) if one in _FREQUENT else len(_FREQUENT) // 2 for one in letters), gram


def _width(letters: int) -> int:
    return (letters + 7) // 8
