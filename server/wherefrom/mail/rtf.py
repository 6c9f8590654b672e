"""The text of RTF, as Outlook packs it into winmail.dat.

Answers for two things: unpacking (MS-OXRTFCP, a small LZ77 over a dictionary every copy has) and reading the words out
of the markup; of HTML wrapped in RTF (MS-OXRTFEX) the words, too. In bounded time and memory; refuses to know layout.
"""

from __future__ import annotations

import re

from wherefrom.mail.charset import find_codec

MAX_UNPACKED = 1_048_576
"""Bytes of RTF that are unpacked and read."""
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)
_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D  # "LZFu", "MELA"
_WINDOW = 4_096
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_SKIPPED = frozenset(
    (b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"header", b"footer", b"object", b"themedata")
)
_MARKS = {b"par": "\n", b"line": "\n", b"row": "\n", b"tab": "\t", b"cell": " ", b"emdash": "—", b"endash": "–"}
_MARKS |= {b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•"}
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_SIGNS = {b"\\": "\\", b"{": "{", b"}": "}", b"~": "\u00a0", b"_": "-", b"\n": "\n", b"\r": "\n"}


def find_rtf(packed: bytes) -> bytes | None:
    """The RTF in a PR_RTF_COMPRESSED value, or None when it is none."""
    kind = int.from_bytes(packed[8:12], "little")
    if len(packed) < 16 or kind not in (_COMPRESSED, _PLAIN):
        return None
    size = min(int.from_bytes(packed[4:8], "little"), MAX_UNPACKED)
    return packed[16 : 16 + size] if kind == _PLAIN else _unpack(packed, size)


def _unpack(packed: bytes, size: int) -> bytes:
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b" "))
    place = len(_DICTIONARY)
    out = bytearray()
    position = 16
    while position < len(packed) and len(out) < size:
        flags = packed[position]
        position += 1
        for bit in range(8):
            if not flags & (1 << bit):
                piece = packed[position : position + 1]
                position += 1
            else:
                reference = int.from_bytes(packed[position : position + 2], "big")
                position += 2
                start, length = reference >> 4, (reference & 15) + 2
                if start == place:  # the end mark
                    return bytes(out[:size])
                piece = _copy(window, place, start, length)
            for byte in piece:
                window[place] = byte
                place = (place + 1) % _WINDOW
            out += piece
    return bytes(out[:size])


def _copy(window: bytearray, place: int, start: int, length: int) -> bytes:
    """``length`` bytes from ``start``; what is copied may itself be copied on, as in every LZ77."""
    piece = bytearray()
    distance = (place - start) % _WINDOW
    for offset in range(length):
        piece.append(piece[offset - distance] if offset >= distance else window[(start + offset) % _WINDOW])
    return bytes(piece)


def rtf_text(rtf: bytes) -> str:
    """The words of ``rtf``."""
    reader = _Reader()
    for token in _TOKEN.finditer(rtf[:MAX_UNPACKED]):
        reader.take(*token.groups())
    reader.close()
    # Characters beyond U+FFFF come as two halves.
    text = "".join(reader.out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return re.sub(r"\n\n\n+", "\n\n", _UNWANTED.sub("", text).replace("\u00a0", " ")).strip()


class _Reader:
    """``skipping``: inside a group that is no text, or a stretch of RTF that stands for HTML tags."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._groups: list[tuple[bool, bool]] = []
        self._skip = False
        self._tags = False  # between \htmlrtf and \htmlrtf0
        self._codec = "cp1252"
        self._bytes = bytearray()
        self._each_replaced = 1
        self._replaced = 0  # characters that only repeat a \u for old readers

    def take(
        self, word: bytes | None, number: bytes | None, octet: bytes | None, sign: bytes | None, brace: bytes | None,
        text: bytes | None,
    ) -> None:  # fmt: skip
        """The next token: one of these is not None, or all are (a line end, which means nothing)."""
        if octet is not None:
            self._add(bytes([int(octet, 16)]))
            return
        if text is None:
            self.close()
        if brace == b"{":
            self._groups.append((self._skip, self._tags))
        elif brace == b"}":
            self._skip, self._tags = self._groups.pop() if self._groups else (False, False)
        elif sign is not None:
            self._take_sign(sign)
        elif word is not None:
            self._take_word(word, int(number) if number else None)
        elif text is not None:
            self._add(text)

    def _take_sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._skip = True
        else:
            self._say(_SIGNS.get(sign, ""))

    def _take_word(self, word: bytes, number: int | None) -> None:
        if word in _SKIPPED:
            self._skip = True
        elif word == b"htmlrtf":
            self._tags = number != 0
        elif word == b"ansicpg" and number:
            self._codec = find_codec(f"cp{number}") or "cp1252"
        elif word == b"u" and number is not None:
            self._say(chr(number % 65_536))
            self._replaced = self._each_replaced
        elif word == b"uc" and number is not None:
            self._each_replaced = max(0, min(number, 10))
        else:
            self._say(_MARKS.get(word, ""))

    def _add(self, octets: bytes) -> None:
        taken = min(self._replaced, len(octets))
        self._replaced -= taken
        if not (self._skip or self._tags):
            self._bytes += octets[taken:]

    def _say(self, text: str) -> None:
        if text and not (self._skip or self._tags):
            self.out.append(text)

    def close(self) -> None:
        """Turns the bytes so far into text."""
        if self._bytes:
            self.out.append(self._bytes.decode(self._codec, "replace"))
            self._bytes.clear()
