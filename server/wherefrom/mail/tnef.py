"""What Outlook hides in winmail.dat (MS-OXTNEF): the files, and what was written.

    signature ─▶ attributes: level, tag, length, data, checksum ─▶ of the letter: text, HTML, RTF
                                                               └─▶ of each file: begins with its rendering, then title,
                                                                   data, and MAPI properties with the long name

Answers with names, types and places of the files, so that nothing is copied, and with the best text there is. Anything
that is no TNEF, or breaks off, is read as far as it goes. In bounded time: a file, a property and a name each have
their limits. Refuses calendars, contacts and embedded letters beyond their names and sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wherefrom.mail.charset import decode_text, find_codec
from wherefrom.mail.html_text import html_text
from wherefrom.mail.rtf import find_rtf, rtf_text

MAX_FILES = 200
_MAX_ATTRIBUTES = 5_000
_MAX_PROPERTIES = 2_000
_MAX_TEXT = 4_194_304

_SIGNATURE = (0x223E9F78).to_bytes(4, "little")
# Attributes by their lower half: the upper one is only a type.
_CODE_PAGE, _BODY, _PROPERTIES = 0x9007, 0x800C, 0x9003
_RENDERING, _TITLE, _DATA, _FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
# MAPI properties by their id.
_P_BODY, _P_HTML, _P_RTF = 0x1000, 0x1013, 0x1009
_P_NAME, _P_LONG_NAME, _P_SHORT_NAME, _P_TYPE, _P_CONTENT_ID, _P_OBJECT = 0x3001, 0x3707, 0x3704, 0x370E, 0x3712, 0x3701

_FIXED = {0x2: 4, 0x3: 4, 0x4: 4, 0x5: 8, 0x6: 8, 0x7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_STRING8, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0xD, 0x102
_MANY = 0x1000


@dataclass(slots=True)
class TnefFile:
    """A file; ``start`` and ``end`` bound it in the bytes of the container. ``name`` is as sent and may be empty."""

    name: str = ""
    content_type: str = ""
    content_id: str = ""
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class Tnef:
    """``text`` is what was written, as plain text, "" when none is in it. ``whole``: it did not break off."""

    files: list[TnefFile] = field(default_factory=list)
    text: str = ""
    whole: bool = True


def find_tnef(data: bytes) -> Tnef | None:
    """What is in ``data``, or None when it is no TNEF."""
    return _Reader(data).read() if data.startswith(_SIGNATURE) else None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._found = Tnef()
        self._codec = "cp1252"
        self._texts: dict[str, bytes | str] = {}

    def read(self) -> Tnef:
        for tag, start, end in self._attributes():
            if tag == _RENDERING:
                if len(self._found.files) >= MAX_FILES:
                    self._found.whole = False
                    break
                self._found.files.append(TnefFile())
            else:
                self._take(tag, start, end)
        self._found.files = [one for one in self._found.files if one.end > one.start or one.name]
        self._found.text = self._best_text()
        return self._found

    def _attributes(self) -> Iterator[tuple[int, int, int]]:
        """Tag and bounds of each attribute."""
        position = 6  # signature and key
        for _ in range(_MAX_ATTRIBUTES):
            if position + 9 > len(self._data):
                self._found.whole = self._found.whole and position == len(self._data)
                return
            tag = int.from_bytes(self._data[position + 1 : position + 3], "little")
            length = int.from_bytes(self._data[position + 5 : position + 9], "little")
            start = position + 9
            end = min(start + length, len(self._data))
            self._found.whole = self._found.whole and end == start + length
            yield tag, start, end
            position = start + length + 2  # the checksum

    def _take(self, tag: int, start: int, end: int) -> None:
        file = self._found.files[-1] if self._found.files else None
        if tag == _CODE_PAGE:
            page = int.from_bytes(self._data[start : start + 4], "little")
            self._codec = find_codec(f"cp{page}") or "cp1252"
        elif tag == _BODY:
            self._texts["plain"] = self._text(self._data[start : min(end, start + _MAX_TEXT)])
        elif tag == _PROPERTIES:
            self._take_letter(start, end)
        elif file is not None and tag == _TITLE:
            file.name = file.name or self._text(self._data[start : min(end, start + 1_000)])
        elif file is not None and tag == _DATA:
            file.start, file.end = start, end
        elif file is not None and tag == _FILE_PROPERTIES:
            self._take_file(file, start, end)

    def _take_letter(self, start: int, end: int) -> None:
        for number, kind, first, last in self._properties(start, end):
            value = self._data[first : min(last, first + _MAX_TEXT)]
            if number == _P_BODY:
                self._texts["plain"] = self._string(kind, value)
            elif number == _P_HTML:
                self._texts["html"] = self._string(kind, value) if kind != _BINARY else value
            elif number == _P_RTF:
                self._texts["rtf"] = value

    def _take_file(self, file: TnefFile, start: int, end: int) -> None:
        names: dict[int, str] = {}
        for number, kind, first, last in self._properties(start, end):
            if number == _P_OBJECT and not file.end:
                # An object has the id of its interface before it; plain bytes have none.
                file.start, file.end = (min(first + 16, last) if kind == _OBJECT else first), last
            elif kind in (_STRING8, _UNICODE):
                names[number] = self._string(kind, self._data[first : min(last, first + 2_000)])
        given = (names.get(one, "") for one in (_P_LONG_NAME, _P_NAME))
        file.name = next(filter(None, given), file.name or names.get(_P_SHORT_NAME, ""))
        file.content_type = names.get(_P_TYPE, "")
        file.content_id = names.get(_P_CONTENT_ID, "")

    def _properties(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Id, type and bounds of each property's first value."""
        position = start + 4
        for _ in range(min(self._number(start), _MAX_PROPERTIES)):
            if position + 4 > end:
                return
            kind = int.from_bytes(self._data[position : position + 2], "little")
            number = int.from_bytes(self._data[position + 2 : position + 4], "little")
            position += 4
            if number >= 0x8000:
                position = self._behind_name(position)
            values = list(self._values(kind, position, end))
            if not values:
                return
            first, last, _ = values[0]
            yield number, kind & ~_MANY, first, last
            position = values[-1][2]

    def _behind_name(self, position: int) -> int:
        """A property of a program's own has a GUID and a number or a name of any length."""
        if self._number(position + 16) == 0:
            return position + 24
        return position + 24 + _padded(self._number(position + 20))

    def _values(self, kind: int, position: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Bounds of each value and where the next begins; none when the type is unknown or the value breaks off."""
        size = _FIXED.get(kind & ~_MANY)
        counted = bool(kind & _MANY) or size is None
        count = self._number(position) if counted else 1
        position += 4 if counted else 0
        if size is None and kind & ~_MANY not in (_STRING8, _UNICODE, _OBJECT, _BINARY):
            return
        for _ in range(min(count, _MAX_PROPERTIES)):
            length = size
            if length is None:
                length = self._number(position)
                position += 4
            if position + length > end:
                return
            yield position, position + length, position + _padded(length)
            position += _padded(length)

    def _number(self, position: int) -> int:
        return int.from_bytes(self._data[position : position + 4], "little")

    def _string(self, kind: int, value: bytes) -> str:
        if kind == _UNICODE:
            return value.decode("utf-16-le", "replace").rstrip("\x00")
        return self._text(value)

    def _text(self, value: bytes) -> str:
        return decode_text(value.rstrip(b"\x00"), self._codec)[0]

    def _best_text(self) -> str:
        plain, html, rtf = (self._texts.get(kind) for kind in ("plain", "html", "rtf"))
        if isinstance(plain, str) and plain.strip():
            return plain.replace("\r\n", "\n").strip()
        if html:
            return html_text(html if isinstance(html, str) else decode_text(html, self._codec)[0])
        unpacked = find_rtf(rtf) if isinstance(rtf, bytes) else None
        return rtf_text(unpacked) if unpacked else ""


def _padded(length: int) -> int:
    return length + -length % 4
