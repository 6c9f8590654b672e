"""The parameters of a MIME field: ``text/plain; charset=X; name*=utf-8''%D0%A6``.

Answers for RFC 2045 and 2231, and for what people send instead: encoded words, raw 8-bit text, blanks without quotes.
Refuses to know what any parameter means.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Sequence
from email.message import Message
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from wherefrom.mail.charset import decode_text, decode_words

_MAX_PARAMETERS = 8_192  # bytes of one MIME field; the standard library's reader is quadratic in quotes

_WORD = re.compile(r"[ \t]*([^\s;=\"\\<>()]+)[ \t]*")
# A parameter that means the same to every reader: no comment, no escape, no encoded word.
_PARAMETER = re.compile(
    r";[ \t]*([A-Za-z0-9-]+)((?:\*\d{1,3})?\*|\*\d{1,3})?="
    r"(?:\"([^\"\\<>=\r\n]*(?:=(?!\?)[^\"\\<>=\r\n]*)*)\"|([^\s;\"\\<>()=]+))[ \t]*"
)


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


@lru_cache(
    maxsize=256
)  # "text/plain; charset=utf-8" and a few more are most of what there is; nobody changes the answer
def _read_sound_parameters(text: str) -> tuple[str, dict[str, str]] | None:
    """Parameters no two readers differ about; None for any other."""
    text = text.rstrip("; \t")
    word = _WORD.match(text)
    if word is None or not text.isascii():
        return None
    position = word.end()
    found: dict[str, str] = {}
    starred: list[tuple[str, str, str]] = []
    for parameter in _PARAMETER.finditer(text, position):
        if parameter.start() != position:
            return None
        position = parameter.end()
        name, star, quoted, token = parameter.groups()
        if star is None:
            found.setdefault(name.lower(), token if quoted is None else quoted)
        elif quoted is not None:
            return None
        else:
            starred.append((name.lower(), star, token))
    if position != len(text) or (starred and not _join_sections(starred, found)):
        return None
    return word[1].lower(), found


def _join_sections(starred: list[tuple[str, str, str]], found: dict[str, str]) -> bool:
    """Puts RFC 2231's values into ``found``; False when they are not all percent-encoded and in one row from zero."""
    sections: dict[str, dict[int, str]] = {}
    for name, star, value in starred:
        number = int(star.strip("*") or 0)
        held = sections.setdefault(name, {})
        if not star.endswith("*") or number in held:
            return False
        held[number] = value
    for name, numbered in sections.items():
        alone = any(star == "*" for other, star, _ in starred if other == name)
        if sorted(numbered) != list(range(len(numbered))) or (alone and len(numbered) > 1):
            return False
        label, _, text = "".join(numbered[number] for number in range(len(numbered))).partition("'")
        _, quote, text = text.partition("'")
        if not quote or "'" in text or not label:
            return False
        found[name] = decode_text(unquote_to_bytes(text), label)[0]
    return True


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
