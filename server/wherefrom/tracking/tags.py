"""Where the tags of an HTML page begin and end, and the values of their attributes: a tokenizer by the HTML standard.

    data ──"<" letter──▶ start tag ──▶ attributes ──">"──▶ data      (script, style, title …: text up to their end tag)
      ├──"</" letter──▶ end tag ──▶ … ">" ──▶ data
      ├──"<!--"──▶ comment ──"-->" or "--!>"──▶ data                 (Outlook's conditional comments are comments)
      └──"<!", "<?", "</" and no letter──▶ bogus comment ──">"──▶ data

Answers for positions, which are what a letter's bytes can be kept by: lxml and nh3 have none, the standard library's
parser has none of attributes and takes quadratic time (3.11: minutes for 400 kB of ``<!``). Takes linear time; what is
cut off in the middle of a tag ends the page, as in a browser. Source: WHATWG HTML, 13.2.5 "Tokenization".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

_SPACE = r"[\t\n\f\r ]"
_NAME = re.compile(r"[^\t\n\f\r />]+")
_ATTRIBUTE = re.compile(
    rf"""(?:{_SPACE}|/)*+(?:(?P<end>>)|(?P<name>=?[^\t\n\f\r />=]*+)(?:{_SPACE}*+={_SPACE}*+"""
    r"""(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>[^\t\n\f\r >"'][^\t\n\f\r >]*+)|(?=>)))?)"""
)
_UNENDED = re.compile(rf"{_SPACE}*+=")  # behind a name: a value whose quote is never closed
_COMMENT_END = re.compile(r"--!?>")
_TEXT_ONLY = frozenset(("script", "style", "xmp", "iframe", "noembed", "noframes", "textarea", "title"))
_TEXT_END = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE) for name in _TEXT_ONLY}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Value(Struct, frozen=True):
    """An attribute's value as it stands in the page (entities and all), from ``start`` to ``end``."""

    text: str
    start: int
    end: int


class Tag(Struct, frozen=True):
    """``name`` in lower case; ``start`` is at its ``<``, ``end`` behind its ``>``. Of an attribute named twice the
    first counts; names are in lower case."""

    name: str
    closes: bool
    start: int
    end: int
    values: dict[str, Value]


def find_tags(page: str) -> Iterator[Tag]:
    """All tags outside comments and text-only elements, in order."""
    at = page.find("<")
    while at >= 0:
        first = page[at + 1 : at + 2]
        if page.startswith("<!--", at):
            at = _after_comment(page, at)
        elif first in ("!", "?") or (first == "/" and page[at + 2 : at + 3] not in _LETTERS):
            at = page.find(">", at) + 1 or len(page)
        elif first == "/" or first in _LETTERS:
            tag = _read_tag(page, at)
            if tag is None:
                return
            yield tag
            if tag.name == "plaintext" and not tag.closes:
                return
            at = tag.end if tag.closes else _after_text(page, tag)
        else:
            at += 1
        at = page.find("<", at)


def _read_tag(page: str, start: int) -> Tag | None:
    """None when the page ends before the tag does."""
    closes = page.startswith("/", start + 1)
    named = _NAME.match(page, start + 1 + closes)
    assert named is not None, "a letter was seen there"
    values: dict[str, Value] = {}
    at = named.end()
    while True:
        found = _ATTRIBUTE.match(page, at)
        if found is None:
            return None
        if found["end"]:
            return Tag(named[0].lower(), closes, start, found.end(), values)
        if found.end() in (at, len(page)) or (found.lastgroup == "name" and _UNENDED.match(page, found.end())):
            return None
        at = found.end()
        _keep_first(values, found)


def _keep_first(values: dict[str, Value], found: re.Match[str]) -> None:
    """An attribute without a value has an empty one, behind its name."""
    group = found.lastgroup or "name"
    name, at = found["name"].lower(), found.end()
    if group == "name":
        values.setdefault(name, Value("", at, at))
    else:
        values.setdefault(name, Value(found[group], found.start(group), found.end(group)))


def _after_comment(page: str, start: int) -> int:
    """``<!-->`` is one, too."""
    found = _COMMENT_END.search(page, start + 2)
    if found is not None and found.start() == start + 2 and found[0] == "--!>":
        found = _COMMENT_END.search(page, start + 4)
    return len(page) if found is None else found.end()


def _after_text(page: str, tag: Tag) -> int:
    if tag.name not in _TEXT_ONLY:
        return tag.end
    found = _TEXT_END[tag.name].search(page, tag.end)
    return len(page) if found is None else found.start()
