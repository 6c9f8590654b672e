"""Which links of a letter stay as they are (feature H04), and the word for why. Pure.

no scheme, mailto:, tel:, #part …   no web address
{{name}}, *|NAME|*, %%name%%        a place the owner's mailer fills in later
data-no-track, rel="no-track"       the owner says so
unsubscribe, by address or words    a tracker between a person and the way out is what gets mail reported as spam
our own links                       they are tracked already
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from wherefrom.addresses import ascii_hostname

LONGEST_URL = 4096
"""Characters; some servers refuse longer ones in Location."""

_WEB = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
_PLACE = re.compile(r"\{\{|\}\}|\{%|%\}|\*\||\|\*|%%|\[\[|\]\]|<%|%>|\$\{|%7b%7b", re.IGNORECASE)
_LEAVING = re.compile(
    r"un-?subscri|opt[-_ ]?out|(?:list|e-?mail|newsletter)[-_ ]?preferences"
    r"|abmeld|abbestell|austrag|d[ée]sabonn|d[ée]sinscri|cancelar[-_ ](?:la[-_ ])?suscripci|darse[-_ ]de[-_ ]baja"
    r"|descadastr|disiscri|uitschrij|afmelden|afmeld|avregistr|wypisz|odhl[aá]si|leiratkoz|dezabon"
    r"|отпис|отказаться от|відпис|退订|取消订阅|配信停止|수신거부",
    re.IGNORECASE,
)
_KEPT = "!#$%&'()*+,/:;=?@[]~"
_CUT = str.maketrans("", "", "\t\n\r")


def find_exemption(url: str, words: str, *, told: bool = False, own: tuple[str, ...] = ()) -> str:
    """Why the link to ``url`` (entities decoded) with these ``words`` is not to be wrapped; "" when it is. ``told``:
    its tag says so; ``own`` is what our own links begin with, each."""
    address = read_address(url)
    if told:
        return "no-track"
    if not _WEB.match(address):
        return "no web address"
    if _PLACE.search(address):
        return "placeholder"
    if len(address) > LONGEST_URL:
        return "too long"
    if address.startswith(own):
        return "own"
    if _LEAVING.search(address) or _LEAVING.search(words):
        return "unsubscribe"
    return ""


def read_address(url: str) -> str:
    """``url`` as a browser reads an attribute: no blanks around it, no line ends within (WHATWG URL, 4.4)."""
    return url.translate(_CUT).strip("\0\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f \x1b\x1c\x1d\x1e\x1f")


def location(url: str) -> str | None:
    """``url`` as an HTTP header can carry it, leading to the same place: the host's name in its ASCII form, all else
    that is no ASCII percent-encoded. None for what no browser would open."""
    address = read_address(url)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not host.isascii():
        ascii_host = ascii_hostname(host)
        if ascii_host is None:
            return None
        at = address.lower().index(host)
        address = address[:at] + ascii_host + address[at + len(host) :]
    try:
        return quote(address, safe=_KEPT) if host else None
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
