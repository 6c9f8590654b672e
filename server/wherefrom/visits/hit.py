"""What the script tells: the wire form of a page shown (a hit) and of a sign (a signal), read strictly.

Answers for types, lengths and characters. Text longer than its place is cut rather than refused: pages have long
titles and URLs, and a visit is worth more than the end of one. Refuses to judge what is told (``gate`` does).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from wherefrom.errors import BadInput

LONGEST_URL = 2000
LONGEST_TITLE = 300
MOST_PARAMS = 50
_LONGEST_PARAM_NAME = 32
_LONGEST_PARAM = 500
_MOST_DIGITS = 20  # of a number given as a parameter

Kind = Literal["heartbeat", "visible", "mailto", "copy", "select"]
T = TypeVar("T")


class Hit(Struct, frozen=True, kw_only=True):
    """A page shown, or (``pageview`` false) a page that asks for addresses it met late. Unknown members are ignored,
    so that an older service understands a newer script. ``visit`` and ``visitor`` are tokens of earlier answers;
    ``source`` is what the browser remembers of its first source, for a visitor who is not known here. ``consent`` is
    there when the visitor has not agreed to be known."""

    site: str
    page: str
    referrer: str | None = None
    title: str | None = None
    visit: str | None = None
    visitor: str | None = None
    addresses: list[str] = []
    pageview: bool = True
    params: dict[str, Any] = {}
    google_client_id: str | None = None
    ym_uid: str | None = None
    language: str | None = None
    timezone: str | None = None
    webdriver: bool = False
    source: dict[str, Any] | str | None = None
    consent: Literal["none"] | UnsetType = UNSET


class Signal(Struct, frozen=True, kw_only=True):
    """A sign of life, or of an intent with an address. ``token`` is the visit's."""

    site: str
    kind: Kind
    token: str | None = None
    address: str | None = None
    page: str | None = None


_HIT, _SIGNAL = msgspec.json.Decoder(Hit), msgspec.json.Decoder(Signal)


class _SiteOnly(Struct):
    site: str = ""


def parse_hit(raw: bytes) -> Hit:
    """BadInput names the position or the member that does not fit."""
    return _parse(raw, _HIT)


def parse_signal(raw: bytes) -> Signal:
    """BadInput names the position or the member that does not fit."""
    return _parse(raw, _SIGNAL)


def find_site_key(raw: bytes) -> str:
    """The site named in a body that ``parse_hit`` refused, so that its owner hears of it; "" when there is none."""
    try:
        return msgspec.json.decode(raw, type=_SiteOnly).site
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def clean_text(text: str | None, longest: int) -> str:
    """``text`` without control characters (PostgreSQL stores no NUL), trimmed, cut to ``longest`` characters."""
    if not text:
        return ""
    return (text if text.isprintable() else _CONTROL.sub(" ", text)).strip()[:longest]


def clean_params(params: Mapping[str, Any]) -> dict[str, str]:
    """The owner's own parameters as text, at most 50; names are letters, digits, ``_``, ``-``. What is no text, number
    or truth value is left out: a slip in the page's code must not cost the visit."""
    kept: dict[str, str] = {}
    for name, value in params.items():
        if not isinstance(value, str | int | float) or not _PARAM_NAME.fullmatch(name):
            continue
        text = clean_text(_as_text(value), _LONGEST_PARAM)
        if text:
            kept[name] = text
        if len(kept) == MOST_PARAMS:
            break
    return kept


def _as_text(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value}"[:_MOST_DIGITS]


def _parse(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(_repair(raw))
    except msgspec.ValidationError as error:
        raise BadInput(f"the body does not fit: {error}", hint="mend the member that is named") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"the body is not valid JSON: {error}", hint="send one JSON object as text/plain") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8: byte {error.start}", hint="send JSON in UTF-8") from None
    except RecursionError:
        raise BadInput("the body is nested too deeply", hint="send one JSON object as text/plain") from None


def _repair(raw: bytes) -> bytes:
    """JavaScript cuts text between the halves of an emoji and writes the half as an escape, which is no character."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], raw) if _BACKSLASH in raw else raw


_BACKSLASH = ord("\\")  # a number is found in bytes without an exception inside
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_PARAM_NAME = re.compile(rf"[\w-]{{1,{_LONGEST_PARAM_NAME}}}", re.ASCII)
_HIGH, _LOW = rb"u[dD][89abAB][0-9a-fA-F]{2}", rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:" + _HIGH + rb"\\" + _LOW + rb"|(" + _HIGH + rb"|" + _LOW + rb")|.)", re.DOTALL)
"""Any escape of JSON, read from the left; the group is half a character."""
