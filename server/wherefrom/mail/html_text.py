"""HTML as the text a person would read: paragraphs, lists, table rows as lines; quotes with ``>`` before each line.

Answers for the text of any HTML, in linear time and without recursion. Mail uses
tables and paddings for looks: cells are parted by one blank, and no column is aligned. Link targets, pictures, hidden
text and form fields are left away. Refuses to make HTML safe (that is ``html``).
"""

from __future__ import annotations

import re
from typing import Any

from wherefrom.mail.entities import unescape

_MAX_CONVERTED = 524_288  # characters
_MOST_QUOTES = 10  # deeper ones are shown as deep as this

_LINES = frozenset(
    [
        *("address", "article", "aside", "body", "center", "dd", "details", "div", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "nav"),
        *("section", "summary", "table", "tbody", "tfoot", "thead", "tr", "caption", "ul", "ol", "dl"),
        *("optgroup", "option"),
    ]
)
_PARAGRAPHS = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"))
_UNSEEN = frozenset(
    [
        *("head", "title", "style", "script", "template", "noscript", "svg", "object", "iframe", "select"),
        *("textarea", "datalist", "audio", "video"),
    ]
)
_CELLS = frozenset(("td", "th"))
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_INDENT = re.compile(
    r"border(?:-left)?\s*:\s*(?:none|0)", re.IGNORECASE
)  # how some programs write an indented paragraph
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*>")
_ANY_TAG = re.compile(r"(?:<[^<>]*>\s*)+")
_BLANK_LINES = re.compile(r"\n\n\n+")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NEVER_SEEN = re.compile("[\u200b\u200c\u2060\ufeff\u034f\u00ad]")  # what preheaders are padded with


def html_text(html: str) -> str:
    """The text of ``html``; of more than half a million characters that of the first."""
    from lxml.etree import HTMLParser, LxmlError, fromstring  # type: ignore[import-untyped]  # late: 5 MB

    html = _CONTROLS.sub("", html[:_MAX_CONVERTED])
    # huge_tree: the parser's limit is then 2,048 levels, not 256, which long threads of replies do reach.
    parser = HTMLParser(huge_tree=True, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = fromstring(_XML_DECLARATION.sub("", html).encode("utf-8", "replace"), parser)
        text = _read(tree) if tree is not None else ""
    except (LxmlError, ValueError):
        text = ""
    return text or text_without_tags(html)  # nested too deep, or no HTML: better plain words than none


def _read(tree: Any) -> str:
    from lxml.etree import iterwalk

    page = _Page()
    for event, element in iterwalk(tree, events=("start", "end")):
        if event == "start":
            page.start(element.tag, element)
            if text := element.text:
                page.data(text)
        else:
            page.end(element.tag)
            if text := element.tail:
                page.data(text)
    return page.text()


def text_without_tags(html: str) -> str:
    """For HTML no tree can be made of. Linear, where the standard library's tolerant parser is quadratic."""
    text = _CONTROLS.sub("", unescape(_ANY_TAG.sub("\n", html)))
    return _BLANK_LINES.sub("\n\n", text).replace("\u00a0", " ").strip()


class _Page:
    """Takes elements and text in their order, and keeps lines.

    ``_line`` is the line under way. ``_breaks`` counts the line ends due before the next word: neighbouring blocks
    share theirs, so it is a maximum, and only ``<br>`` adds to it.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._breaks = 0
        self._space = False
        self._quotes = 0
        self._line_quotes = 0
        self._unseen = 0
        self._kept = 0  # levels of <pre>
        self._at_item = False  # a list item has its mark and no words yet
        self._lists: list[int] = []  # the next number of each open list; below 0: without numbers
        self._open: list[tuple[str, bool, bool]] = []  # tag, hidden, quote

    def start(self, tag: str, element: Any) -> None:
        """An element begins."""
        style = element.get("style") or ""
        hidden = tag in _UNSEEN or bool(style and _HIDDEN.search(style)) or element.get("hidden") is not None
        quote = tag == "blockquote" and not (style and _INDENT.search(style))
        if tag == "br":
            self._breaks += 1
            return
        self._open.append((tag, hidden, quote))
        self._unseen += hidden
        if self._unseen:
            return
        self._break(tag)
        if quote:
            self._quotes += 1
        elif tag == "pre":
            self._kept += 1
        elif tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else -1)
        elif tag == "li":
            self._begin_item()

    def end(self, tag: str) -> None:
        """An element ends; each does that began."""
        if tag == "br":
            return
        _, hidden, quote = self._open.pop()
        if self._unseen:
            self._unseen -= hidden
            return
        if quote:
            self._quotes -= 1
        elif tag == "pre":
            self._kept -= 1
        elif tag in ("ul", "ol"):
            self._lists.pop()
        elif tag in _CELLS:
            self._space = True
        self._break(tag)

    def data(self, text: str) -> None:
        """Text between tags, in pieces of any size."""
        if self._unseen:
            return
        if self._kept:
            first, *rest = text.split("\n")
            self._add(first, first)
            for line in rest:
                self._breaks += 1
                self._add(line, line)
            return
        words = _BLANKS.sub(" ", text)
        bare = words.strip(" ")
        self._space = self._space or words[:1] == " "
        if bare:
            self._add(bare, " " + bare if self._space else bare)
            self._space = words[-1:] == " "

    def text(self) -> str:
        """All lines, without blank ones at the ends or two in a row."""
        self._end_line()
        text = _BLANK_LINES.sub("\n\n", "\n".join(self._lines))
        return _NEVER_SEEN.sub("", text).replace("\u00a0", " ").strip()

    def _add(self, alone: str, behind: str) -> None:
        """``alone`` begins a line, ``behind`` goes on with one."""
        if not alone:
            return
        if self._breaks:
            self._end_line()
            if self._breaks > 1:
                self._lines.append(self._prefix(min(self._quotes, self._line_quotes)).rstrip())
            self._breaks = 0
        if not self._line:
            self._line_quotes = self._quotes
        self._line.append(behind if self._line else alone)
        self._space = self._at_item = False

    def _break(self, tag: str) -> None:
        if self._at_item and tag in ("p", "div"):
            return
        if tag in _LINES:
            self._breaks = max(self._breaks, 1)
        elif tag in _PARAGRAPHS:
            self._breaks = max(self._breaks, 2)

    def _begin_item(self) -> None:
        number = self._lists[-1] if self._lists else -1
        self._add(f"{number}." if number > 0 else "*", "")
        self._space = self._at_item = True
        if number > 0:
            self._lists[-1] += 1

    def _end_line(self) -> None:
        if self._line:
            self._lines.append(self._prefix(self._line_quotes) + "".join(self._line).rstrip(" \t\u00a0"))
            self._line = []

    def _prefix(self, quotes: int) -> str:
        return "> " * min(quotes, _MOST_QUOTES)
