"""Character references of HTML (``&amp;``, ``&#38;``) in text that anybody may have written.

The standard library's ``unescape`` stumbles over a number of more than 4,300 digits; a browser shows U+FFFD for it.
"""

from __future__ import annotations

import html
import re

_NOUGHTS = re.compile(r"&#0+(?=[0-9])")
_BEYOND = re.compile(r"&#[0-9]{8,};?")  # the last character is 1,114,111


def unescape(text: str) -> str:
    """``text`` with its character references replaced, as browsers do."""
    if "&#" in text:
        text = _BEYOND.sub("\ufffd", _NOUGHTS.sub("&#", text))
    return html.unescape(text)
