"""The place in a letter where its owner wants the way out: ``{{unsubscribe_url}}``, in HTML and in text. Pure.

The address is each letter's own, so that it can be put in only here. Names are those that mailers use; blanks, case and
the percent-encoding that editors give to a link do not matter. Whatever else stands in double braces stays: it may be
filled in later.
"""

from __future__ import annotations

import html as markup
import re

_PLACE = re.compile(
    r"(?:\{\{|%7B%7B)(?:\s|%20)*unsubscribe(?:[_-]?(?:url|link))(?:\s|%20)*(?:\}\}|%7D%7D)", re.IGNORECASE
)


def fill_html(page: str, address: str) -> str:
    """``page`` with ``address`` in each such place."""
    return _PLACE.sub(lambda _: markup.escape(address), page) if _may_be_there(page) else page


def fill_text(text: str, address: str) -> str:
    """As ``fill_html``, for the text part."""
    return _PLACE.sub(lambda _: address, text) if _may_be_there(text) else text


def _may_be_there(text: str) -> bool:
    return "{{" in text or "%7b" in text.lower()
