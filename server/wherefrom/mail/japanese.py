"""JIS text with the characters Windows adds: ①, ㈱, №.

The standard tables behind Python's ``iso2022_jp`` and ``euc_jp`` lack NEC's row 13 and IBM's characters, which Japanese
mail is full of; ``cp932`` has them. Both forms are two-byte JIS codes in different clothes, so they are put into
Shift-JIS and read by cp932. Answers for bytes in, text out, None for what is neither.
"""

from __future__ import annotations

import re

_SEGMENT = re.compile(rb"(?:\A|\x1b(\$[@B]|\([BJIH]))([^\x1b]*)")


def find_iso2022_text(data: bytes) -> str | None:
    """The text of ISO-2022-JP with Windows' characters, or None."""
    out = bytearray()
    position = 0
    for segment in _SEGMENT.finditer(data):
        if segment.start() != position:
            return None
        position = segment.end()
        shift, octets = segment.groups()
        if shift in (b"$@", b"$B"):
            out += _shift_jis(octets)
        elif shift == b"(I":
            out += bytes(byte | 0x80 for byte in octets)
        else:
            out += octets
    return _cp932(bytes(out)) if position == len(data) else None


def find_euc_text(data: bytes) -> str | None:
    """The text of EUC-JP with Windows' characters, or None."""
    out = bytearray()
    position = 0
    while position < len(data):
        byte = data[position]
        if byte < 0x80:
            out.append(byte)
            position += 1
        elif byte == 0x8E:
            out += data[position + 1 : position + 2]
            position += 2
        else:
            out += _shift_jis(bytes(octet & 0x7F for octet in data[position : position + 2]))
            position += 2
    return _cp932(bytes(out))


def _shift_jis(octets: bytes) -> bytes:
    """Two-byte JIS codes in Shift-JIS; what stands between them, such as line ends, stays."""
    out = bytearray()
    position = 0
    while position < len(octets):
        row, cell = octets[position], octets[position + 1] if position + 1 < len(octets) else 0
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            out.append(row)
            position += 1
            continue
        lead = (row - 0x21 >> 1) + 0x81
        out.append(lead if lead <= 0x9F else lead + 0x40)
        out.append(cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20))
        position += 2
    return bytes(out)


def _cp932(octets: bytes) -> str | None:
    try:
        return octets.decode("cp932")
    except UnicodeDecodeError:
        return None
