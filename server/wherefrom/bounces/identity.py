"""Which letter of ours a report is about, and what shows it (feature I03). Pure.

    return-path   it came to the letter's own return path, which is signed
    token         what it returns carries a signed address of ours: in its header, the Message-ID among it, or in the
                  text of a letter that is no answer (an answer quotes our letter, and is another one)
    (address)     is no proof; see ``taker``

Everything else in a report can be written by anybody: spam that quotes bounces, bounces of letters that others forged
in our name. Refuses to believe names, subjects, and Message-IDs that are not signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from wherefrom.mail.letter import Letter
from wherefrom.mail.returned import Returned
from wherefrom.outbound.return_path import read_return_path
from wherefrom.outbound.store.bounces import Proof
from wherefrom.tokens import Tokens
from wherefrom.tracking.marks import Mark, read_click, read_leave, read_open

_MARKED = (
    "return-path",
    "errors-to",
    "x-return-path",
    "x-envelope-from",
    "sender",
    "from",
    "list-unsubscribe",
    "message-id",
)
_ANSWERS = ("in-reply-to", "references")
_ADDRESS = re.compile(r"/([uoc])/([A-Za-z0-9_-]{4,200}\.[0-9a-f]{0,16}\.[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])")
_READ = {"u": read_leave, "o": read_open, "c": read_click}
_MOST_TRIED = 100


class Identity(Struct, frozen=True):
    """The letter, and what shows that it is meant."""

    mark: Mark
    proof: Proof


def find_return_path(tokens: Tokens, letter: Letter) -> Identity | None:
    """The letter whose own return path ``letter`` came to."""
    for one in letter.recipients:
        mark = read_return_path(tokens, one.address.local)
        if mark is not None:
            return Identity(mark, "return-path")
    return None


def find_identity(
    tokens: Tokens, letter: Letter, returned: Returned | None, now: datetime, told: Iterable[str] = ()
) -> Identity | None:
    """The letter of ours that ``letter`` reports on. ``told`` are further fields a return path of ours may stand in."""
    found = find_return_path(tokens, letter)
    if found is not None:
        return found
    fields = [*told, *letter.references, letter.in_reply_to or ""]
    if returned is not None:
        fields += [value for name in _MARKED for value in returned.every(name)]
    for value in fields:
        mark = read_return_path(tokens, value) or _read_address(tokens, value, now)
        if mark is not None:
            return Identity(mark, "token")
    if returned is None or any(returned.every(name) for name in _ANSWERS):
        return None
    mark = _read_address(tokens, returned.text, now)
    return None if mark is None else Identity(mark, "token")


def _read_address(tokens: Tokens, text: str, now: datetime) -> Mark | None:
    """The mark of the first address in ``text`` that is one of ours: the way out, the pixel, a link."""
    for number, found in enumerate(_ADDRESS.finditer(text)):
        mark = _READ[found[1]](tokens, found[2], now)
        if mark is not None or number >= _MOST_TRIED:
            return mark
    return None
