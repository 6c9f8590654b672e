"""Header fields as bytes: where a header block ends, what its fields are, and the parameters of a MIME field.

Answers for reading what is damaged (missing blank line, stray lines, bare LF) the way mail programs do, in linear time.
Refuses to know what any field means.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from wherefrom.mail.charset import decode_text, decode_words
from wherefrom.mail.paged import Octets

MAX_BLOCK = 1_048_576
"""Bytes of one header block that are looked at; no real letter comes near."""
MAX_FIELDS = 2_000
_MAX_PARAMETERS = 8_192  # bytes of one MIME field; the standard library's reader is quadratic in quotes

_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n")
_WORD = re.compile(r"[ \t]*([^\s;=\"\\<>()]+)[ \t]*")
# A parameter that means the same to every reader: no RFC 2231, no comment, no escape, no encoded word.
_PARAMETER = re.compile(
    r";[ \t]*([A-Za-z0-9-]+)="
    r"(?:\"([^\"\\<>=\r\n]*(?:=(?!\?)[^\"\\<>=\r\n]*)*)\"|([^\s;\"\\<>()=]+))[ \t]*"
)


@dataclass(frozen=True, slots=True)
class Fields:
    """A header block: unfolded values by name in lower case, each name's in their order. The body begins at ``end``."""

    values: dict[str, list[bytes]]
    end: int
    damaged: bool = False

    def first(self, name: str) -> bytes | None:
        found = self.values.get(name)
        return found[0] if found else None

    def every(self, name: str) -> list[bytes]:
        return self.values.get(name, [])


def parse_fields(raw: Octets, start: int, end: int) -> Fields:
    """The header block that begins at ``start`` and ends at the first empty line, at most at ``end``.

    A line that is no field is passed over when fields go on behind it; else the body begins there, unannounced.
    """
    return _read_sound_block(raw, start, min(end, start + MAX_BLOCK)) or _read_lines(raw, start, end)


def _read_sound_block(raw: Octets, start: int, limit: int) -> Fields | None:
    """A block of nothing but fields, closed by an empty line, five times faster; None for any other."""
    first = raw.find(b"\n", start, limit)
    marks = (b"\r\n\r\n", b"\n\n") if raw[first - 1 : first] == b"\r" else (b"\n\n", b"\r\n\r\n")
    mark = marks[0]
    end = raw.find(mark, start, limit)
    other = raw.find(marks[1], start, limit if end < 0 else end)
    if other >= 0:
        mark, end = marks[1], other
    if end < 0:
        return None
    block, body = raw[start : end + len(mark) // 2], end + len(mark)
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
        if b"\r" in block:
            return None
    values: dict[str, list[bytes]] = {}
    fields = _FIELD.findall(block)
    if len(fields) > MAX_FIELDS:
        return None
    length = 0
    for name, value in fields:
        length += len(name) + len(value) + 2  # the colon and the line end
        if b"\n" in value:
            value = value.replace(b"\n", b"")
        values.setdefault(name.lower().decode("ascii"), []).append(value.strip())
    return Fields(values, body) if length == len(block) else None


def _read_lines(raw: Octets, start: int, end: int) -> Fields:
    found = _Block()
    damaged = False
    position = start
    limit = min(end, start + MAX_BLOCK)
    while position < limit:
        line, after = _line(raw, position, limit)
        if not line:
            return Fields(found.close(), after, damaged)
        name = _NAME.match(line)
        if line[:1] in (b" ", b"\t"):
            found.go_on(line)
        elif name and found.count < MAX_FIELDS:
            found.begin(name[1].decode("ascii").lower(), line[name.end() :])
        elif name:
            damaged = True
            found.close()
        elif not (position == start and line.startswith((b"From ", b">From "))):  # mbox's own line
            damaged = True
            if after >= limit < end:
                break
            if not _fields_go_on(raw, after, limit):
                return Fields(found.close(), position, damaged)
            found.close()
        position = after
    if limit < end:
        return Fields(found.close(), _behind_header(raw, position, end), damaged=True)
    return Fields(found.close(), position, damaged)


def _behind_header(raw: Octets, position: int, end: int) -> int:
    """Where the body of a letter begins whose header is larger than what is looked at."""
    ends = [place + len(mark) for mark in (b"\n\r\n", b"\n\n") if (place := raw.find(mark, position - 1, end)) >= 0]
    return min(ends, default=end)


class _Block:
    """Fields while they are read."""

    def __init__(self) -> None:
        self.count = 0
        self._values: dict[str, list[bytes]] = {}
        self._name = ""
        self._pieces: list[bytes] = []

    def begin(self, name: str, value: bytes) -> None:
        self.close()
        self.count += 1
        self._name = name
        self._pieces = [value]

    def go_on(self, line: bytes) -> None:
        if self._pieces:
            self._pieces.append(line)

    def close(self) -> dict[str, list[bytes]]:
        """Ends the field under way; what is read so far."""
        if self._pieces:
            self._values.setdefault(self._name, []).append(b"".join(self._pieces).strip())
            self._pieces = []
        return self._values


def parse_parameters(value: bytes, hints: Sequence[str] = ()) -> tuple[str, dict[str, str]]:
    """A MIME field's word and its parameters, both lower-cased names: ``text/plain; charset=X`` → ("text/plain", {…}).

    Reads RFC 2231 (continued, percent-encoded), and what people send instead: encoded words, raw 8-bit text.
    """
    if not value:
        return "", {}
    text, _ = decode_text(value[:_MAX_PARAMETERS], None, hints)
    if ";" not in text:
        return text.strip().lower(), {}
    return _read_sound_parameters(text) or _read_any_parameters(text, hints)


def _read_sound_parameters(text: str) -> tuple[str, dict[str, str]] | None:
    """Parameters no two readers differ about; None for any other."""
    text = text.rstrip("; \t")
    word = _WORD.match(text)
    if word is None or not text.isascii():
        return None
    position = word.end()
    found: dict[str, str] = {}
    for parameter in _PARAMETER.finditer(text, position):
        if parameter.start() != position:
            return None
        position = parameter.end()
        name, quoted, token = parameter.groups()
        found.setdefault(name.lower(), token if quoted is None else quoted)
    return (word[1].lower(), found) if position == len(text) else None


def _read_any_parameters(text: str, hints: Sequence[str]) -> tuple[str, dict[str, str]]:
    message = Message()
    message["content-type"] = text.replace("\r", "").replace("\n", "")
    try:
        pairs = message.get_params([], unquote=True)
    except (ValueError, LookupError, TypeError):
        # The standard library's RFC 2231 reader trips over odd section numbers.
        return text.partition(";")[0].strip().lower(), {}
    found: dict[str, str] = {}
    for key, parameter in pairs[1:]:
        if isinstance(parameter, tuple):  # RFC 2231's form is meant to win over the plain one beside it
            found[key.lower()] = _parameter_text(parameter, hints)
        else:
            found.setdefault(key.lower(), _parameter_text(parameter, hints))
    return pairs[0][0].strip().lower() if pairs else "", found


def _parameter_text(parameter: str | tuple[str | None, str | None, str], hints: Sequence[str]) -> str:
    if isinstance(parameter, tuple):
        label, _, text = parameter
        octets = email.utils.unquote(text).encode("latin-1", "replace")
        return decode_text(octets, label, hints)[0]
    return decode_words(parameter.encode("utf-8", "replace"), hints)


def _line(raw: Octets, position: int, limit: int) -> tuple[bytes, int]:
    end = raw.find(b"\n", position, limit)
    if end < 0:
        return raw[position:limit].rstrip(b"\r"), limit
    return raw[position:end].rstrip(b"\r"), end + 1


def _fields_go_on(raw: Octets, position: int, limit: int) -> bool:
    line, _ = _line(raw, position, limit)
    return bool(_NAME.match(line)) and b"://" not in line[:12]
