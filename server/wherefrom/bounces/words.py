"""What a bounce for people says of an address: the lines in which it stands, to be shown to people. Pure."""

from __future__ import annotations

from wherefrom.mail.charset import one_line

_LINES = 4
_LONGEST = 400


def quote_words(text: str, address: str) -> str:
    """The first line of ``text`` with ``address`` in it, and the few that follow; the beginning where there is none."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()]
    at = next((number for number, line in enumerate(lines) if address.lower() in line.lower()), 0)
    return one_line(" ".join(lines[at : at + _LINES]), _LONGEST)
