"""Tokens that links carry from one host of a site to another (feature A11), and from a letter to the site (H09), and
how they stay out of what is kept.

    https://pay.test/basket?visit=MTox..q2w3e4r5t6z7u8i9o0p1aQ&step=2   ─▶   https://pay.test/basket?step=2

A page that was come to by such a link has the token in its address, and addresses are kept, shown and posted to
others, who could go on with the visit in the visitor's name. Whatever the parameter is called: what is a token of ours
is cut out. Refuses to know what makes it ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_CARRIED = re.compile(r"([?&#])[^=&#?]*=([\w-]+\.\.[\w-]{22})(?:(?:~|%7E)[\w.~%-]*)?(&|(?=#)|$)", re.ASCII)
"""A parameter whose value has the form of a signed token that does not expire (``tokens.Tokens.sign``), or begins with
one: the script joins the visit's, the visitor's and the time by ``~``."""


_TOKEN = re.compile(r"(?<==)[\w-]+\.\.[\w-]{22}(?![\w-])", re.ASCII)


def list_tokens(url: str) -> list[str]:
    """What has the form of a token, as the value of a parameter."""
    return _TOKEN.findall(url) if ".." in url else []


def cut_tokens(url: str, is_ours: Callable[[str], bool]) -> str:
    """``url`` without the parameters whose value ``is_ours``."""
    before = None
    while url != before and ".." in url:  # again, because of two neighbours the first takes what begins the second
        before = url
        url = _CARRIED.sub(lambda found: _rest(found) if is_ours(found[2]) else found[0], url)
    return url


def _rest(found: re.Match[str]) -> str:
    """What began the parameters begins the next one."""
    return found[1] if found[3] else ""
