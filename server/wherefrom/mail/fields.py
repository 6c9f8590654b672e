"""Header fields as bytes: where a header block ends, what its fields are, and the parameters of a MIME field.

Answers for reading what is damaged (missing blank line, stray lines, bare LF) the way mail programs do, in linear time.
Refuses to know what any field means.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message

from wherefrom.mail.charset import decode_text, decode_words

MAX_BLOCK = 1_048_576
"""Bytes of one header block that are looked at; no real letter comes near."""
MAX_FIELDS = 2_000
_MAX_PARAMETERS = 8_192  # bytes of one MIME field; the standard library's reader is quadratic in quotes

_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")


@dataclass(frozen=True, slots=True)
class Fields:
    """A header block. ``items`` are (name in lower case, unfolded value) in their order."""

    items: tuple[tuple[str, bytes], ...]
    end: int
    """Where the body begins."""
    damaged: bool = False

    def first(self, name: str) -> bytes | None:
        return next(self.every(name), None)

    def every(self, name: str) -> Iterator[bytes]:
        return (value for key, value in self.items if key == name)

    def has(self, name: str) -> bool:
        return self.first(name) is not None


def parse_fields(raw: bytes, start: int, end: int) -> Fields:
    """The header block that begins at ``start`` and ends at the first empty line, at most at ``end``.

    A line that is no field is passed over when fields go on behind it; else the body begins there, unannounced.
    """
    items: list[tuple[str, bytes]] = []
    value: list[bytes] = []
    damaged = False
    position = start
    limit = min(end, start + MAX_BLOCK)
    while position < limit:
        line, after = _line(raw, position, limit)
        if not line:
            return Fields(_joined(items, value), after, damaged)
        name = _NAME.match(line)
        if line[:1] in (b" ", b"\t"):
            if value:
                value.append(line)
        elif name and len(items) < MAX_FIELDS:
            _close(items, value)
            items.append((name[1].decode("ascii").lower(), b""))
            value = [line[name.end() :]]
        elif not (position == start and line.startswith((b"From ", b">From "))):  # mbox's own line
            damaged = True
            if not _fields_go_on(raw, after, limit):
                return Fields(_joined(items, value), position, damaged)
            _close(items, value)
            value = []
        position = after
    return Fields(_joined(items, value), position, damaged or limit < end)


def parse_parameters(value: bytes, hints: Sequence[str] = ()) -> tuple[str, dict[str, str]]:
    """A MIME field's word and its parameters, both lower-cased names: ``text/plain; charset=X`` → ("text/plain", {…}).

    Reads RFC 2231 (continued, percent-encoded), and what people send instead: encoded words, raw 8-bit text.
    """
    text, _ = decode_text(value[:_MAX_PARAMETERS], None, hints)
    message = Message()
    message["content-type"] = text.replace("\r", "").replace("\n", "")
    try:
        pairs = message.get_params([], unquote=True)
    except (ValueError, LookupError, TypeError):
        # The standard library's RFC 2231 reader trips over odd section numbers.
        return text.partition(";")[0].strip().lower(), {}
    found: dict[str, str] = {}
    for key, parameter in pairs[1:]:
        found.setdefault(key.lower(), _parameter_text(parameter, hints))
    return pairs[0][0].strip().lower() if pairs else "", found


def _parameter_text(parameter: str | tuple[str | None, str | None, str], hints: Sequence[str]) -> str:
    if isinstance(parameter, tuple):
        label, _, text = parameter
        octets = email.utils.unquote(text).encode("latin-1", "replace")
        return decode_text(octets, label, hints)[0]
    return decode_words(parameter.encode("utf-8", "replace"), hints)


def _line(raw: bytes, position: int, limit: int) -> tuple[bytes, int]:
    end = raw.find(b"\n", position, limit)
    if end < 0:
        return raw[position:limit].rstrip(b"\r"), limit
    return raw[position:end].rstrip(b"\r"), end + 1


def _fields_go_on(raw: bytes, position: int, limit: int) -> bool:
    line, _ = _line(raw, position, limit)
    return bool(_NAME.match(line)) and b"://" not in line[:12]


def _close(items: list[tuple[str, bytes]], value: list[bytes]) -> None:
    if value:
        items[-1] = (items[-1][0], b"".join(value).strip())


def _joined(items: list[tuple[str, bytes]], value: list[bytes]) -> tuple[tuple[str, bytes], ...]:
    _close(items, value)
    return tuple(items)
