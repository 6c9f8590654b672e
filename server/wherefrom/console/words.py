"""How values read on the pages: times in the reader's zone, sizes, shares, and the names of what rooms call by codes.

Pure: knows no database and no request.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from wherefrom.inbox.words import percent

UTC_ZONE = ZoneInfo("UTC")

_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")

SURE, LIKELY = 0.95, 0.80
"""From these confidences on a match is called sure, and likely; below it is a guess."""

_RULES = {
    "code": "by the code in the address",
    "pool": "by who held the address",
    "thread": "by the letter it answers",
    "sender": "by the sender’s earlier letters",
    "quoted": "by an address quoted in the text",
    "analyst": "set by a person",
    "none": "no rule answered",
}
_SHORT_RULES = {
    "code": "code",
    "pool": "pool",
    "thread": "thread",
    "sender": "known sender",
    "quoted": "quoted",
    "analyst": "set by a person",
}
_CHANNELS = {"ai": "AI assistant", "email": "E-mail", "messages": "SMS and push"}


def parse_zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name; UTC for what is none, or is not installed here."""
    if not _ZONE_NAME.fullmatch(name):
        return UTC_ZONE
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return UTC_ZONE


def zone_words(key: str) -> str:
    """``America/New_York`` → ``America/New York``."""
    return key.replace("_", " ")


def iso(moment: datetime) -> str:
    """``2026-11-21T09:30:05Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(moment: datetime) -> str:
    """``2026-11-21 09:30:05 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def local(moment: datetime, zone: tzinfo) -> str:
    """``21 Nov 2026, 10:30:05``."""
    here = moment.astimezone(zone)
    return f"{here.day} {here:%b %Y, %H:%M:%S}"


def day(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """``Today``, ``21 Nov``, or with the year when it is not this one."""
    here, today = moment.astimezone(zone), now.astimezone(zone)
    if here.date() == today.date():
        return "Today"
    return f"{here.day} {here:%b}" if here.year == today.year else f"{here.day} {here:%b %Y}"


def clock(moment: datetime, zone: tzinfo) -> str:
    """``10:30``."""
    return moment.astimezone(zone).strftime("%H:%M")


def size(count: int) -> str:
    """Bytes for people: ``812 B``, ``4.2 kB``, ``17 MB``."""
    if count < 1000:
        return f"{count} B"
    number = float(count)
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5 or unit == "GB":
            break
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def count(number: int) -> str:
    """``1 249 000``, with spaces that never break."""
    return f"{number:,}".replace(",", "\u00a0")


def date(moment: datetime, zone: tzinfo) -> str:
    """``21 Nov 2026``."""
    here = moment.astimezone(zone)
    return f"{here.day} {here:%b %Y}"


def sentence(words: str) -> str:
    """With a capital and a full stop, as errors' words have neither. An address in front stays as it is."""
    words = words.strip()
    if not words:
        return ""
    first = words.split()[0]
    begin = words[0] if "@" in first or "." in first[:-1] else words[0].upper()
    return begin + words[1:] + ("" if words[-1] in ".!?…”" else ".")


def excerpt(words: str, most: int) -> str:
    """The beginning on one line."""
    line = " ".join(words.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def bare(url: str) -> str:
    """A URL as people name it: without scheme, and without the slash at the end."""
    return re.sub(r"^https?://", "", url).removesuffix("/")


def channel_words(channel: str) -> str:
    """``paid_search`` → ``Paid search``."""
    return _CHANNELS.get(channel) or channel.replace("_", " ").capitalize()


def source_words(levels: list[str] | tuple[str, ...], marker: str) -> str:
    """``google / cpc / spring``; the marker when there are no levels; "" for no source."""
    named = [level for level in levels if level]
    return " / ".join(named) if named else marker


def level(confidence: float, matched: bool) -> str:
    """sure, likely, guess, none: the class that draws the mark, and the word people read."""
    if not matched:
        return "none"
    if confidence >= SURE:
        return "sure"
    return "likely" if confidence >= LIKELY else "guess"


def level_words(name: str) -> str:
    """The level as a statement."""
    return {"sure": "Sure", "likely": "Likely", "guess": "A guess", "none": "Not matched"}[name]


def rule_words(rule: str) -> str:
    """What a match went by."""
    return _RULES.get(rule, rule)


def match_words(rule: str, confidence: float, matched: bool) -> str:
    """The match in a few words, for a line of the list: ``sure, code`` or ``likely, 87 %, pool``."""
    if not matched:
        return "not matched"
    name = level(confidence, matched)
    by = _SHORT_RULES.get(rule, rule)
    word = level_words(name).lower()
    return f"{word}, {by}" if name == "sure" else f"{word}, {percent(confidence)}, {by}"
