"""Header texts that are written by the book, read in a fraction of the time.

Answers for the forms nine letters of ten have: ``Name <address>, …``, ``Mon, 02 Nov 2026 10:00:00 +0100 (CET)``,
``… for <address>; date``. Each function reads the whole text or says None, and then mail-parser is asked (``headers``);
a test holds both to the same answer. Refuses to repair anything.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_ADDRESS = r"[^\s<>()\[\],;:\\\"'@.][^\s<>()\[\],;:\\\"'@]*@[A-Za-z0-9.-]+"
_QUOTED = r"\"([^\"\\<>@\x00-\x1f\x7f]*)\"[ \t]*"
_PHRASE = r"([^\"\\<>@,;:()\[\].\x00-\x1f\x7f]*)"
_BARE = r"[ \t]*([A-Za-z0-9][A-Za-z0-9.+_=-]*@[A-Za-z0-9.-]+)"
# No two neighbours match the same characters, so that no heap of blanks makes the engine go back and forth.
_MAILBOX = re.compile(rf"(?:(?:[ \t]*{_QUOTED}|{_PHRASE})<({_ADDRESS})>|{_BARE})[ \t]*(,|$)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MOMENT = re.compile(
    r"\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s*)?(\d\d?)\s+([A-Z][a-z][a-z])\s+((?:19|20)\d\d)\s+(\d\d):(\d\d):(\d\d)\s+"
    r"([+-])(\d\d)([0-5]\d)(?:\s+\([A-Za-z0-9+:-]+\))?\s*",
    re.ASCII,
)
_COMMENT = re.compile(r"\([^()\"\\;]*\)")
_WORD_FOR = re.compile(r"\sfor\s", re.IGNORECASE)
_FOR = re.compile(r"\sfor\s+<?([^\s<>,;@]+@[^\s<>,;@]+)>?\s*;[\w\s,:+-]*", re.IGNORECASE)


def find_mailboxes(text: str) -> list[tuple[str, str]] | None:
    """Names (may be empty) and addresses of an address field, or None."""
    found = []
    position = 0
    while match := _MAILBOX.match(text, position):
        quoted, phrase, angled, bare, _ = match.groups()
        address = angled or bare
        if ".." in address or ".@" in address or "@." in address or address.endswith("."):
            return None
        found.append((quoted if quoted is not None else (phrase or "").strip(), address))
        position = match.end()
        if position == len(text):
            return found if match[5] == "" else None
    return None


def find_moment(text: str) -> datetime | None:
    """The moment a date field names, in UTC, or None."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        local = datetime(
            int(year), _MONTHS.index(month.lower()) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return local - offset if sign == "+" else local + offset
    except (ValueError, OverflowError):
        return None


def find_for(hop: str) -> str | None:
    """Whom a Received field says the letter was for, when its ``for`` is the last clause before the date; or None."""
    bare = _COMMENT.sub("", hop)
    if '"' in bare or "\\" in bare or "(" in bare or ")" in bare:
        return None
    words = _WORD_FOR.findall(bare)
    match = _FOR.search(bare) if len(words) == 1 else None
    return match[1] if match and match.end() == len(bare) else None
