"""What the addresses in letters say: which send, and of a link its number. Signed, so that nobody makes one up.

    /o/TOKEN.gif   an open          /c/TOKEN   a click, by its link's number          /u/TOKEN   the way out

The token names the rows by their keys, so that a hit is written without reading anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from wherefrom.tokens import Tokens

OPEN_PATH, CLICK_PATH, LEAVE_PATH = "/o/", "/c/", "/u/"
_OPEN, _CLICK, _LEAVE = "send open", "send click", "send leave"


class Mark(NamedTuple):
    """``number`` is the link's, 0 of an open. ``date_only``: the person is measured by the day of the last open.
    ``contact_id``: the link leads to the site's own page, which is to know who comes (``carry``); 0: it does not."""

    site_id: int
    send_id: int
    number: int = 0
    date_only: bool = False
    contact_id: int = 0


def own_addresses(base: str) -> tuple[str, ...]:
    """What all addresses of ours begin with."""
    return tuple(base + path for path in (OPEN_PATH, CLICK_PATH, LEAVE_PATH))


def open_address(tokens: Tokens, base: str, mark: Mark) -> str:
    """The pixel's address below ``base``, the service's own."""
    value = f"{mark.site_id:x}/{mark.send_id:x}/{'d' if mark.date_only else ''}"
    return f"{base}{OPEN_PATH}{tokens.sign(_OPEN, value)}.gif"


def click_address(tokens: Tokens, base: str, mark: Mark) -> str:
    """The address that stands for the link with the mark's number."""
    value = f"{mark.site_id:x}/{mark.send_id:x}/{mark.number}" + (f"/{mark.contact_id:x}" if mark.contact_id else "")
    return f"{base}{CLICK_PATH}{tokens.sign(_CLICK, value)}"


def leave_address(tokens: Tokens, base: str, mark: Mark) -> str:
    """Where the person ends this mail."""
    return f"{base}{LEAVE_PATH}{tokens.sign(_LEAVE, f'{mark.site_id:x}/{mark.send_id:x}')}"


def read_open(tokens: Tokens, token: str, now: datetime) -> Mark | None:
    """The mark of a pixel's token (without ``.gif``); None for what is not ours."""
    value = tokens.verify(_OPEN, token, now)
    if value is None:
        return None
    site_id, send_id, rest = value.split("/")
    return Mark(int(site_id, 16), int(send_id, 16), 0, rest == "d")


def read_click(tokens: Tokens, token: str, now: datetime) -> Mark | None:
    """The mark of a link's token; None for what is not ours."""
    value = tokens.verify(_CLICK, token, now)
    if value is None:
        return None
    site_id, send_id, number, *contact = value.split("/")
    return Mark(int(site_id, 16), int(send_id, 16), int(number), contact_id=int(contact[0], 16) if contact else 0)


def read_leave(tokens: Tokens, token: str, now: datetime) -> Mark | None:
    """The mark of a way out; None for what is not ours."""
    value = tokens.verify(_LEAVE, token, now)
    if value is None:
        return None
    site_id, send_id = value.split("/")
    return Mark(int(site_id, 16), int(send_id, 16))
