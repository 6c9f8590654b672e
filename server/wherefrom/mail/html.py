"""HTML of strangers, made safe to show.

Answers for what reaches a person's browser out of a letter: no script, no form, no style that leaves its box, nothing
fetched from anywhere. Refuses to know letters; it takes HTML and gives HTML, in bounded time.
"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Mapping

import nh3
from msgspec import Struct

from wherefrom.mail.html_text import text_without_tags

MAX_RENDERED = 2_097_152
"""Characters of HTML that are rendered; the rest is cut off."""
_MAX_DATA_IMAGE = 262_144  # characters

_TAGS = {
    *("a", "abbr", "address", "b", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup"),
    *("dd", "del", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd"),
    *("li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody"),
    *("td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"),
}
_CELL = {"align", "valign", "width", "height", "bgcolor"}
_ATTRIBUTES = {
    "*": {"style", "dir", "lang", "title"},
    "a": {"href"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "div": {"align"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "type"},
    "p": {"align"},
    "table": _CELL | {"border", "cellpadding", "cellspacing"},
    "td": _CELL | {"colspan", "rowspan"},
    "th": _CELL | {"colspan", "rowspan"},
    "tr": _CELL,
}
# Nothing that positions, overlays, animates, or takes a url().
_STYLES = {
    *("color", "background-color", "font-family", "font-size", "font-style", "font-weight", "line-height"),
    *("text-align", "text-decoration", "text-indent", "text-transform", "vertical-align", "white-space", "width"),
    *("max-width", "height", "padding", "padding-top", "padding-right", "padding-bottom", "padding-left"),
    *("border", "border-top", "border-right", "border-bottom", "border-left", "border-collapse", "border-color"),
    *("border-radius", "border-spacing", "border-style", "border-width", "direction"),
}
_LINK = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp);base64,", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
_NEVER_NESTED = frozenset(
    [
        *("area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option"),
        *("p", "param", "source", "td", "th", "tr", "track", "wbr"),
    ]
)


class SafeHtml(Struct, frozen=True):
    """``html`` may stand in a page as it is. ``blocked`` counts images that were not fetched from elsewhere."""

    html: str
    blocked: int


def sanitise(html: str, images: Mapping[str, str] | None = None) -> SafeHtml:
    """Safe HTML of ``html``. ``images`` are URLs of our own to show in place of ``cid:`` references, by content id."""
    html = html[:MAX_RENDERED]
    if not _is_tame(html):
        return SafeHtml(f"<pre>{markup.escape(text_without_tags(html))}</pre>", 0)
    blocked = 0

    def keep(_tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if attribute == "href":
            return value if _LINK.match(value) else None
        if attribute != "src":
            return value
        if value[:4].lower() == "cid:":
            return (images or {}).get(value[4:])
        if _DATA_IMAGE.match(value) and len(value) <= _MAX_DATA_IMAGE:
            return value
        blocked += bool(_REMOTE.match(value))
        return None

    safe = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        filter_style_properties=_STYLES,
    )
    return SafeHtml(safe, blocked)


def _is_tame(html: str) -> bool:
    """Will the HTML5 parser be done in a moment? It repeats every open formatting element in each new block, and walks
    all open elements for each tag: a page of ``<p><b id=1><p><b id=2>…`` takes minutes. A million entities, too."""
    tags = depth = deepest = formatting = most_formatting = 0
    for closing, name in _TAG.findall(html):
        tags += 1
        name = name.lower()
        if name in _FORMATTING:
            formatting = max(0, formatting - 1) if closing else formatting + 1
            most_formatting = max(most_formatting, formatting)
        elif name not in _NEVER_NESTED:
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
    return (
        deepest <= 3_000
        and deepest * tags <= 20_000_000
        and most_formatting * tags <= 1_000_000
        and html.count("&") <= 100_000
    )
