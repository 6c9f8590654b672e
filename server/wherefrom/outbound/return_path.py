"""The return path of one letter: an address that bounces come back to, and that says which send they are of. Pure.

    bounce@firm.example  ─▶  bounce+TOKEN@firm.example       TOKEN: 42 of a-z2-7, of 26 bytes
    bounce-@firm.example ─▶  bounce-TOKEN@firm.example       site (8) │ send (8) │ MAC (10)

The token is read whatever case the servers on the way have given it, and is the only thing in a bounce that cannot be
forged: who has it has had the letter, or its envelope. It never expires, as a bounce may be late. Eighty bits of MAC
leave room for a name in the 64 octets of a local part (RFC 5321, 4.5.3.1.1). Refuses to know what a bounce looks like.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import struct

from wherefrom.addresses import Address, parse_address
from wherefrom.errors import BadInput
from wherefrom.tokens import Tokens
from wherefrom.tracking.marks import Mark

LONGEST_LOCAL = 64
LENGTH = 42
"""Characters of the token."""
LEAVE_SUBJECT = "unsubscribe"
"""Of a letter to a return path: the person wants no more mail."""

_PURPOSE = "send return path"
_KEYS = struct.Struct(">QQ")
_MAC = 10
_SEPARATORS = "+-=."
_TOKEN = re.compile(rf"(?<![A-Za-z0-9])[A-Za-z2-7]{{{LENGTH}}}(?![A-Za-z0-9])")
_LONGEST_READ = 1_000


def return_path(tokens: Tokens, base: str, mark: Mark) -> str:
    """The return path for the send of ``mark``. ``base`` is an address whose mail arrives in a mailbox of the site with
    anything behind its separator: ``+``, or the one its local part ends with. BadInput when it cannot carry a token."""
    address = parse_base(base)
    joint = "" if address.local[-1] in _SEPARATORS else "+"
    return f"{address.local}{joint}{_sign(tokens, mark.site_id, mark.send_id)}@{address.host}"


def leave_by_mail(tokens: Tokens, base: str, mark: Mark) -> str:
    """The way out for programs that write a letter instead of asking the web (RFC 2369 3.2): to the return path, which
    says whose it is. As ``return_path``."""
    return f"mailto:{return_path(tokens, base, mark)}?subject={LEAVE_SUBJECT}"


def parse_base(base: str) -> Address:
    """``base`` as an address that has room for a token; BadInput says what is wrong with it."""
    address = parse_address(base)
    room = LONGEST_LOCAL - LENGTH - (address.local[-1] not in _SEPARATORS)
    if len(address.local.encode()) > room:
        raise BadInput(
            f"“{base}” is too long for a return path: before the @ there may be {room} characters at most",
            hint="take a shorter one, such as bounce@ at the same host",
        )
    return address


def read_return_path(tokens: Tokens, address: str) -> Mark | None:
    """The mark in a return path of ours, in whatever case it comes and whatever stands around it (``<…>``, what a
    forwarder put before it); None for what was not made here."""
    for found in _TOKEN.findall(address[:_LONGEST_READ]):
        mark = _read(tokens, found.lower())
        if mark is not None:
            return mark
    return None


def _sign(tokens: Tokens, site_id: int, send_id: int) -> str:
    keys = _KEYS.pack(site_id, send_id)
    return base64.b32encode(keys + tokens.mac(_PURPOSE, keys)[:_MAC]).decode().rstrip("=").lower()


def _read(tokens: Tokens, token: str) -> Mark | None:
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except binascii.Error:
        return None
    site_id, send_id = _KEYS.unpack_from(raw)
    if not hmac.compare_digest(_sign(tokens, site_id, send_id), token):
        return None
    return Mark(site_id, send_id)
