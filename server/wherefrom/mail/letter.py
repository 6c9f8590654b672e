"""A letter as a frozen value: what the rest of Wherefrom knows of an e-mail.

Nouns only. How bytes become a letter is ``parse``'s business; how the value is stored is the inbox's.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

import pybase64
from msgspec import Struct

from wherefrom.addresses import Address
from wherefrom.mail.paged import Octets

Role = Literal[
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-forwarded-to",
    "x-envelope-to",
    "to",
    "cc",
    "received-for",
]
ROLES: tuple[Role, ...] = get_args(Role)
"""Where a recipient was read, the most trustworthy first: what the final server wrote at delivery, then what
forwarders wrote, then what the writer claims, then what any hop on the way noted."""

Automatic = Literal["auto-submitted", "auto-reply", "report", "null-return-path", "list"]
"""Why a letter was not written by a person: RFC 3834's field · a vendor's auto-reply field · multipart/report (bounce,
receipt, feedback) · empty Return-Path · list fields of others' lists. See ``automatic``."""


class Party(Struct, frozen=True):
    """Who wrote. ``name`` may be empty; ``address`` is None when what stands there is no address."""

    name: str
    address: Address | None


class Recipient(Struct, frozen=True):
    """An address the letter was for. ``trust`` is 8 for ``delivered-to`` down to 1 for ``received-for``."""

    address: Address
    role: Role
    trust: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in the letter. ``name`` is shown to people and is no path: no slashes, no control characters, never empty.

    ``start`` and ``end`` bound it in ``source`` (the letter, or what a container in it held). ``size`` is that of the
    decoded bytes. ``content`` decodes and ``size`` counts on each call, so that a letter of which only the text is
    wanted does not pay for its files. ``inline``: the HTML shows it by ``cid:``.
    """

    name: str
    content_type: str
    inline: bool
    content_id: str | None
    source: Octets = field(repr=False)
    start: int
    end: int
    encoding: str

    @property
    def size(self) -> int:
        return decoded_size(self.source[self.start : self.end], self.encoding)

    @property
    def content(self) -> bytes:
        return decode_transfer(self.source[self.start : self.end], self.encoding)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, read once.

    ``message_id``, ``in_reply_to`` and ``references`` are without angle brackets. ``message_id`` is a hint, not an
    identity: two letters may share one. ``written_at`` is the Date field when it can be true; ``received_header_at``
    the stamp of the first hop, which took the letter from the writer. ``text`` is the best plain text, at most
    1 MiB of UTF-8 (``text_truncated``); ``html`` is as sent, **not sanitised**. ``recipients`` are in trust order,
    each (address, role) once. ``automatic`` is the first reason found. ``defects`` are closed words such as
    ``charset-guessed``, for people who ask why a letter looks odd.
    """

    message_id: str | None
    subject: str
    from_: Party | None
    reply_to: Party | None
    recipients: tuple[Recipient, ...]
    written_at: datetime | None
    received_header_at: datetime | None
    in_reply_to: str | None
    references: tuple[str, ...]
    text: str
    text_truncated: bool
    html: str | None
    attachments: tuple[Attachment, ...]
    automatic: Automatic | None
    is_list: bool
    defects: tuple[str, ...]


_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_PADDED_SOFT_END = re.compile(rb"=[ \t]{1,80}(\r?\n)")
_PIECES = re.compile(rb"(?:[A-Za-z0-9+/]*={0,2}[ \t]*\r?\n)*[A-Za-z0-9+/]*={0,2}\s*")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)


def decode_transfer(encoded: bytes, encoding: str) -> bytes:
    """The bytes behind a Content-Transfer-Encoding. Damage is read the way mail programs read it, never an error."""
    if encoding == "base64":
        return _decode_base64(encoded)
    if encoding == "quoted-printable":
        if b"= " in encoded or b"=\t" in encoded:
            encoded = _PADDED_SOFT_END.sub(rb"=\1", encoded)  # blanks a server put behind a soft line end
        return binascii.a2b_qp(encoded)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _decode_uu(encoded)
    return encoded


def decoded_size(encoded: bytes, encoding: str) -> int:
    """How many bytes ``decode_transfer`` gives, without making them where that can be counted."""
    if encoding == "base64":
        if _is_in_pieces(encoded):
            return len(_decode_base64(encoded))
        return len(_base64_digits(encoded)) * 3 // 4
    if encoding in ("7bit", "8bit", "binary", ""):
        return len(encoded)
    return len(decode_transfer(encoded, encoding))


def _base64_digits(encoded: bytes) -> bytes:
    digits = encoded.translate(None, _NOT_BASE64)
    end = digits.find(b"=")
    if end >= 0:
        digits = digits[:end]
    # A lone last digit carries no whole byte.
    return digits[:-1] if len(digits) % 4 == 1 else digits


def _is_in_pieces(encoded: bytes) -> bool:
    """Is each line padded for itself, as if it were the last?"""
    first = encoded.find(b"=")
    return first >= 0 and bool(encoded[first:].strip(b"= \t\r\n")) and _PIECES.fullmatch(encoded) is not None


def _decode_base64(encoded: bytes) -> bytes:
    padding = encoded.find(b"=")
    if padding < 0 or (len(encoded) - padding < 100 and not encoded[padding:].strip(b"= \t\r\n")):
        try:
            return pybase64.b64decode(encoded)  # passes over blanks and rubbish itself
        except binascii.Error:
            return _decode_digits(encoded)
    if _is_in_pieces(encoded):
        return b"".join(_decode_digits(line) for line in encoded.splitlines())
    return _decode_digits(encoded)


def _decode_digits(encoded: bytes) -> bytes:
    digits = _base64_digits(encoded)
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def _decode_uu(encoded: bytes) -> bytes:
    begin = _UU_BEGIN.search(encoded)
    if begin is None:
        return encoded
    out = bytearray()
    for line in encoded[begin.end() :].splitlines():
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:
            # Some writers pad the line with rubbish: take the bytes its first character announces.
            announced = ((line[0] - 32) & 63) * 4 + 5
            try:
                out += binascii.a2b_uu(line[: announced // 3])
            except binascii.Error:
                break
    return bytes(out)
