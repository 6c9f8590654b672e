"""Which of the Cyrillic charsets bytes are in, told by how often letters come.

The four charsets of Russian mail have the same letters in different places, so a wrong one gives letters in shares no
text has: read rightly, a Russian text's letters are on average e^-2.9 likely (its entropy), read wrongly below e^-3.6.
Capitals count as their small letters, so shouting is no sign. Answers for bytes; refuses to know labels and letters of
other alphabets.
"""

from __future__ import annotations

import math
import re
from functools import cache

FAMILY = ("cp1251", "koi8-r", "cp866", "iso8859-5")
# Per mille of running Russian text, with what Ukrainian and Belarusian add.
_SHARES = {
    "о": 110, "е": 84, "а": 80, "и": 74, "н": 67, "т": 63, "с": 55, "р": 47, "в": 45, "л": 44, "к": 35, "м": 32,
    "д": 30, "п": 28, "у": 26, "я": 20, "ы": 19, "ь": 17, "г": 17, "з": 16, "б": 16, "ч": 14, "й": 12, "х": 10,
    "ж": 9, "ш": 7, "ю": 6, "ц": 5, "щ": 4, "э": 3, "ф": 3, "ё": 4, "ъ": 0.4, "і": 10, "ї": 2, "є": 2, "ў": 1,
    "ґ": 0.2,
}  # fmt: skip
_SIGNS = "«»—–…№“”„’‘\u00a0•€·"  # in any text, and no sign of anything
_NO_LETTER = 1e-5
_SCALE = 20
_BELIEVABLE = -3.6
_POSSIBLE = -5.0
_USUAL = -3.2
_MARGIN, _MARGIN_TURNED = 0.5, 0.1
_SAMPLE = 400
_LOOKED_AT = 65_536  # bytes
_LEAST = 8  # letters: of fewer the label is believed
_ASCII = bytes(range(128))
_RUNS = re.compile(rb"[\x80-\xff]{3,}")
_MIXED = re.compile(rb"[A-Za-z][\xc0-\xff]|[\xc0-\xff][A-Za-z]")
_TURNED = re.compile("[а-яё][А-ЯЁ]")


def find_cyrillic(data: bytes) -> str | None:
    """The charset in which ``data`` is Cyrillic words, or None when its high bytes come singly or stand among Latin
    letters, as Western ones do."""
    data = data[:_LOOKED_AT]
    high = _sample(data)
    runs = _RUNS.findall(data)
    if sum(map(len, runs)) * 2 <= len(data.translate(None, _ASCII)) or len(_MIXED.findall(data)) * 4 > len(runs):
        return None
    best, found = _likeliest(high)
    return best if found >= _POSSIBLE else None


def find_better(data: bytes, named: str) -> str | None:
    """A charset of the family that is clearly likelier than ``named``, or None. Of few letters: None."""
    high = _sample(data)
    if len(high) < _LEAST:
        return None
    if named not in FAMILY:
        best, found = _likeliest(high)
        return best if found >= _BELIEVABLE and find_cyrillic(data) else None
    said = _likeliness(high, named)
    if said >= _USUAL:
        return None
    best, found = _likeliest(high)
    # In KOI8-R and Windows-1251 small and capital letters have changed places: "пРИВЕТ".
    turned = _is_turned(data, named) and not _is_turned(data, best)
    return best if found >= _BELIEVABLE and found > said + (_MARGIN_TURNED if turned else _MARGIN) else None


def _is_turned(data: bytes, codec: str) -> bool:
    return _TURNED.search(data[:_SAMPLE].decode(codec, "replace")) is not None


def _likeliest(high: bytes) -> tuple[str, float]:
    return max(((codec, _likeliness(high, codec)) for codec in FAMILY), key=lambda one: one[1])


def _sample(data: bytes) -> bytes:
    return data[:_LOOKED_AT].translate(None, _ASCII)[:_SAMPLE]


def _likeliness(high: bytes, codec: str) -> float:
    """Mean logarithm of the letters' shares."""
    return -sum(high.translate(_weights(codec))) / (_SCALE * len(high))


@cache
def _weights(codec: str) -> bytes:
    """By byte: how unlikely its character is, as a logarithm times ``_SCALE``."""
    weights = []
    for byte in range(256):
        char = bytes([byte]).decode(codec, "replace")
        share = _SHARES.get(char.lower(), 1000 * _NO_LETTER)
        weights.append(-_BELIEVABLE if char in _SIGNS else -math.log(share / 1000))
    return bytes(round(weight * _SCALE) for weight in weights)
