"""A letter, so changed that it tells of itself: links by way of us, a pixel at its end (features H01, H03, H04). Pure.

Every byte that is not the value of a wrapped ``href`` stays as it was: the letter is edited at positions, never
written anew. In the text part the addresses themselves are replaced. A link that leads to the same place twice is one
link. Refuses to know tokens: ``address_of`` gives the address that stands for a link's number and where it leads.
"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from msgspec import Struct

from wherefrom.mail.entities import unescape
from wherefrom.tracking.exempt import find_exemption, location
from wherefrom.tracking.tags import Tag, find_tags

MOST_LINKS = 500
"""Of one letter; further ones stay as they are."""

_LONGEST_WORDS = 500
_TAG = re.compile(r"<[^>]*+>")
_IN_TEXT = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_TRAILING = ".,;:!?'\"*_»”’"
_NO_TRACK = frozenset(("no-track", "notrack", "no_track"))
_PIXEL = (
    '<img src="{}" width="1" height="1" alt="" border="0"'
    ' style="display:block;width:1px;height:1px;border:0;margin:0;padding:0" />'
)
_PAIRS = {")": "(", "]": "[", "}": "{"}


class Kept(Struct, frozen=True):
    """A link that was left as it was, and why."""

    url: str
    why: str


@dataclass(slots=True)
class Links:
    """The links of one letter. ``targets`` are in the order of their numbers, from 1, as ``Location`` has them."""

    address_of: Callable[[int, str], str]
    own: tuple[str, ...]
    targets: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def wrap(self, url: str, words: str, *, told: bool = False) -> str | None:
        """The address to put in place of ``url``; None when it stays."""
        why = find_exemption(url, words, told=told, own=self.own)
        target = None if why else location(url)
        if not why and target is None:
            why = "not understood"
        if not why and target not in self._numbers and len(self.targets) >= MOST_LINKS:
            why = "too many links"
        if why or target is None:
            self.kept.append(Kept(url, why))
            return None
        if target not in self._numbers:
            self.targets.append(target)
            self._numbers[target] = len(self.targets)
        return self.address_of(self._numbers[target], target)


def wrap_html(page: str, links: Links) -> str:
    """``page`` with its links (``a`` and ``area``) wrapped."""
    edits: list[tuple[int, int, str]] = []
    anchors = [one for one in find_tags(page) if one.name in ("a", "area")]
    ends = [one.start for one in anchors[1:]] + [len(page)]
    for tag, end in zip(anchors, ends, strict=False):
        if tag.closes or "href" not in tag.values:
            continue
        value = tag.values["href"]
        address = links.wrap(unescape(value.text), _words(page, tag, end), told=_is_told(tag))
        if address is not None:
            edits.append((value.start, value.end, address))
    return _edit(page, edits)


def add_pixel(page: str, address: str) -> str:
    """``page`` with the pixel before its last ``</body>``, or at its end."""
    at = max((one.start for one in find_tags(page) if one.closes and one.name == "body"), default=len(page))
    return _edit(page, [(at, at, _PIXEL.format(markup.escape(address)))])


def wrap_text(text: str, links: Links) -> str:
    """``text`` with its addresses wrapped; the line an address stands in tells what it is for."""
    edits: list[tuple[int, int, str]] = []
    for found in _IN_TEXT.finditer(text):
        url = _without_trailing(found[0])
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()][-_LONGEST_WORDS:]
        address = links.wrap(url, line)
        if address is not None:
            edits.append((found.start(), found.start() + len(url), address))
    return _edit(text, edits)


def _edit(page: str, edits: list[tuple[int, int, str]]) -> str:
    """``edits`` in order, none within another."""
    bounds = [0, *(at for start, end, _ in edits for at in (start, end)), len(page)]
    kept = [page[start:end] for start, end in list(pairwise(bounds))[::2]]
    return "".join(part for pair in zip(kept, [*(new for *_, new in edits), ""], strict=True) for part in pair)


def _words(page: str, tag: Tag, end: int) -> str:
    """What a person reads on the link, with what it says to who sees no pictures."""
    inside = unescape(_TAG.sub(" ", page[tag.end : min(end, tag.end + 4 * _LONGEST_WORDS)]))[:_LONGEST_WORDS]
    spoken = (tag.values[name].text for name in ("title", "aria-label", "alt") if name in tag.values)
    return " ".join((inside, *spoken))


def _is_told(tag: Tag) -> bool:
    rel = tag.values["rel"].text.lower().split() if "rel" in tag.values else ()
    return "data-no-track" in tag.values or not _NO_TRACK.isdisjoint(rel) or "unsubscribe" in rel


def _without_trailing(url: str) -> str:
    """A sentence's end is no part of the address, nor a bracket that began before it."""
    while url and (url[-1] in _TRAILING or (url[-1] in _PAIRS and url.count(url[-1]) > url.count(_PAIRS[url[-1]]))):
        url = url[:-1]
    return url
