"""Files of letters, decoded piece by piece: what ``letter.decode_transfer`` gives, for those too large for memory."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from wherefrom.mail.letter import Attachment, decode_transfer

_PIECE = 1_048_576
_WHOLE = 8_388_608
_LONGEST_LINE = 65_536
_NOT_DIGITS = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def decode_in_pieces(one: Attachment) -> Iterator[bytes]:
    """The file's bytes. What is small, or in an encoding nobody sends large files in, comes in one piece."""
    if one.end - one.start <= _WHOLE:
        yield one.content
    elif one.encoding == "base64":
        yield from _from_base64(_pieces(one))
    elif one.encoding == "quoted-printable":
        for piece in _whole_lines(_pieces(one)):
            yield decode_transfer(piece, one.encoding)
    else:
        # uuencode is left as it is: nobody has sent 8 MiB of it for decades.
        yield from _pieces(one)


def _pieces(one: Attachment) -> Iterator[bytes]:
    for start in range(one.start, one.end, _PIECE):
        yield one.source[start : min(start + _PIECE, one.end)]


def _from_base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Up to the first padding, as mail programs read it: what follows is no part of the file."""
    left = b""
    for piece in pieces:
        digits = left + piece.translate(None, _NOT_DIGITS)
        end = digits.find(b"=")
        if end >= 0:
            left = digits[:end]
            break
        whole = len(digits) // 4 * 4
        yield binascii.a2b_base64(digits[:whole])
        left = digits[whole:]
    yield decode_transfer(left, "base64")


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        lines, end, rest = (left + piece).rpartition(b"\n")
        if not end and len(rest) > _LONGEST_LINE:
            cut = rest.rfind(b"=", len(rest) - 2)  # not through "=3D"
            cut = len(rest) if cut < 0 else cut
            lines, rest = rest[:cut], rest[cut:]
        yield lines + end
        left = rest
    yield left
