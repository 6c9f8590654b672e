"""Bytes that are nearly right: a seed, changed in a few places. The same number always makes the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 60_000

_NUMBERS = (b"0", b"-1", b"1", b"00000000000000000001", b"4294967296", b"9223372036854775808", b"1e999", b"9" * 5000)
_BYTES = (0x00, 0x09, 0x0A, 0x0D, 0x20, 0x22, 0x25, 0x28, 0x2F, 0x3C, 0x3D, 0x5C, 0x7B, 0x7F, 0x80, 0xC0, 0xFF)
_WORDS = (
    b"\r\n", b"\n\n", b"\r\n\r\n", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"%00", b"%ff",
    b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xc4\xb0", b"\xc3\x9f", b"\xf0\x9f\x98\x80", b"\xd9\xa1",
    b"=?utf-8?B?//79?=", b"{", b"[", b"(", b"<", b"<!--", b"]]>", b"&#x110000;", b"&#0;", b"@", b"..", b"//", b"\\",
    b'"', b"''",
)  # fmt: skip

Change = Callable[[random.Random, bytearray, Sequence[bytes], Sequence[bytes]], None]


def make(number: str, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """The input of ``number``; ``words`` are what the format is made of."""
    chance = random.Random(number)
    data = bytearray(chance.choice(seeds))
    for _ in range(1 + min(12, int(chance.expovariate(0.5)))):
        chance.choice(_CHANGES)(chance, data, seeds, words)
        del data[LONGEST:]
    return bytes(data)


def _place(chance: random.Random, data: bytearray) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + int(chance.expovariate(0.05)))


def _flip(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(_BYTES)


def _insert(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice(words if words and chance.random() < 0.7 else _WORDS)


def _insert_noise(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.randbytes(chance.randint(1, 16))


def _cut(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    start, end = _place(chance, data)
    del data[start:end]


def _end(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    del data[chance.randint(0, len(data)) :]


def _double(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    start, end = _place(chance, data)
    data[start:start] = data[start:end]


def _pile(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    """Depth and length: what costs more than it should shows here."""
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice((*words, *_WORDS)) * chance.choice((2, 10, 100, 1500))


def _number(chance: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    digits = [at for at, byte in enumerate(data[:5000]) if 0x30 <= byte <= 0x39]
    if digits:
        start = end = chance.choice(digits)
        while end < len(data) and 0x30 <= data[end] <= 0x39:
            end += 1
        data[start:end] = chance.choice(_NUMBERS)


def _splice(chance: random.Random, data: bytearray, seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    other = chance.choice(seeds)
    data[chance.randint(0, len(data)) :] = other[chance.randint(0, len(other)) :]


_CHANGES: tuple[Change, ...] = (
    _flip, _flip, _set, _insert, _insert, _insert_noise, _cut, _cut, _end, _double, _pile, _number, _number, _splice,
)  # fmt: skip
