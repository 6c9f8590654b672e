"""Charset repair: bytes of doubtful label in, clean text out, never an error.

Answers for the lies letters tell about their charset: unknown names, subsets named for their supersets (``gb2312``
on GBK, ``iso-8859-1`` on Windows-1252), ``us-ascii`` or no label on UTF-8, encoded words cut inside a character.
Refuses to know MIME structure.

What comes out is storable everywhere: no NUL, no lone surrogates.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from wherefrom.mail.cyrillic import FAMILY, find_better, find_cyrillic
from wherefrom.mail.japanese import find_euc_text, find_iso2022_text

# What writers name → the superset they mean (the same pairs browsers use).
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso2022_jp": "iso2022_jp_ext",
}
_ALIASES = {
    "sjis": "cp932",
    "windows31j": "cp932",
    "xsjis": "cp932",
    "xgbk": "gb18030",
    "xeucjp": "euc_jp",
    "xeuckr": "cp949",
    "xbig5": "cp950",
    "iso88598i": "iso8859-8",
    "iso88598e": "iso8859-8",
    "unicode11utf8": "utf-8",
    "utf8mb4": "utf-8",
    "koi8": "koi8-r",
}
_CODE_PAGE = re.compile(r"(?:x?cp|windows|win|ibm|ms)(\d{3,4})")
# Codecs that are no charset of text: decoding by them is slow, lossy or an attack.
_NO_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
# Their bytes are below 0x80, so plain ASCII bytes do not mean ASCII text.
_SEVEN_BIT = re.compile(r"iso2022|hz|utf-7|utf-16|utf-32")
_MULTI_BYTE = re.compile(r"gb|big5|cp9(?:32|49|50)|shift|euc|johab|iso2022|hz|utf-7|utf-16|utf-32")

_LONGEST_LABEL = 100
_ENCODED_WORD = re.compile(rb"=\?([^?\s]{1,75})\?([BbQq])\?([^?]*)(?:\?=|\?$|$)")  # the last one may be cut off
_UNWANTED = re.compile("[\x00\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Labels that Cyrillic text of another charset carries: mixed up within the family, or a web form's default.
_DOUBTED = frozenset((*FAMILY, "cp1252", "iso8859-15"))


def _reader(codec: str) -> Callable[[bytes], str | None]:
    return lambda data: _strict(data, codec)


# What is tried for bytes a charset's own table does not have.
_WIDER: dict[str, tuple[Callable[[bytes], str | None], ...]] = {
    "cp950": (_reader("big5hkscs"),),
    "euc_jp": (find_euc_text,),
    "iso2022_jp_ext": (find_iso2022_text,),
    "cp1253": (_reader("iso8859-7"),),
}


def find_codec(label: str | None) -> str | None:
    """Python's name of the codec to read ``label`` with (its superset), or None when nobody knows such a charset."""
    return _find_codec(label) if label and len(label) <= _LONGEST_LABEL else None


@lru_cache(maxsize=256)
def _find_codec(label: str) -> str | None:
    name = label.strip().strip("\"'").partition("*")[0].lower()
    bare = re.sub(r"[^a-z0-9]", "", name)
    page = _CODE_PAGE.fullmatch(bare)
    for candidate in (name, _ALIASES.get(bare, bare), f"cp{page[1]}" if page else bare):
        try:
            info = codecs.lookup(candidate)
        except (LookupError, ValueError):  # ValueError: a NUL in the name
            continue
        if info.name.replace("_", "-") in _NO_TEXT or not getattr(info, "_is_text_encoding", True):
            return None
        return _SUPERSETS.get(info.name, info.name)
    return None


def decode_text(data: bytes, label: str | None, hints: Sequence[str] = ()) -> tuple[str, bool]:
    """The text of ``data``, and whether its label had to be overruled.

    ``hints`` are labels seen elsewhere in the same letter, tried where there is no usable one here.
    """
    if label is None and data.isascii() and b"\x1b" not in data:
        return data.decode("ascii").replace("\x00", "\ufffd"), False
    codec = find_codec(label)
    if data.isascii() and b"\x1b" not in data and not (codec and _SEVEN_BIT.match(codec)):
        return data.decode("ascii").replace("\x00", "\ufffd"), bool(label) and codec is None
    if data.startswith(codecs.BOM_UTF8):
        return _storable(data.decode("utf-8", "replace")), False
    if codec is None:
        return _guess(data, hints), True
    if codec.startswith(("utf-16", "utf-32")):
        codec = _ending(data, codec)
        if codec is None:
            return _guess(data, hints), True
    if codec == "utf-8":
        return _read_utf8(data, hints)
    return _read_named(data, codec)


def _read_named(data: bytes, codec: str) -> tuple[str, bool]:
    multi_byte = _MULTI_BYTE.match(codec)
    utf8 = _strict(data, "utf-8") if not data.isascii() else None
    if utf8 is not None and not multi_byte:
        # Text of a one-byte charset that is valid UTF-8 by chance is next to impossible; a wrong label is common.
        return utf8, True
    better = find_better(data, codec) if codec in _DOUBTED else None
    if better:
        return _storable(data.decode(better, "replace")), True
    text = _strict(data, codec)
    if text is not None:
        return text, False
    for wider in _WIDER.get(codec, ()):
        text = wider(data)
        if text is not None:
            return _storable(text), False
    if utf8 is not None:
        return utf8, True
    return _storable(data.decode(codec, "replace")), True


def _ending(data: bytes, codec: str) -> str | None:
    """Which end of UTF-16 comes first when neither label nor mark says so: most text has its zeros in the high byte.
    None for bytes without any."""
    if b"\x00" not in data:
        return None
    if codec != "utf-16" or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codec
    return "utf-16-be" if data[::2].count(0) > data[1::2].count(0) else "utf-16-le"


def decode_words(value: bytes, hints: Sequence[str] = ()) -> str:
    """A header field's text with its encoded words (RFC 2047) read the lenient way: also inside quotes, also glued to
    other text, also cut within a character; raw 8-bit text is guessed."""
    if b"=?" not in value:
        return _storable(decode_text(value, None, hints)[0])
    out: list[str] = []
    run = _WordRun(hints)
    end = 0
    for word in _ENCODED_WORD.finditer(value):
        gap = value[end : word.start()]
        if gap.strip() or end == 0:
            out.append(run.close())
            out.append(decode_text(gap, None, hints)[0])
        out.append(run.add(word[1], word[2].upper(), word[3]))
        end = word.end()
    out.append(run.close())
    out.append(decode_text(value[end:], None, hints)[0])
    return "".join(out)


def one_line(text: str, limit: int) -> str:
    """``text`` fit for one line of a page: no control characters, single spaces, at most ``limit`` characters."""
    if not text.isprintable():  # which is quick to see, and what most texts are
        text = _CONTROLS.sub(" ", text)
    return " ".join(text.split())[:limit]


class _WordRun:
    """Neighbouring encoded words of one charset, joined as bytes, so that a cut inside a character heals."""

    def __init__(self, hints: Sequence[str]) -> None:
        self._hints = hints
        self._label = b""
        self._bytes = bytearray()
        self._base64 = b""  # an unpadded rest: some writers cut the base64 itself at any place

    def add(self, label: bytes, kind: bytes, payload: bytes) -> str:
        """Text of the run that ``label`` ended, or an empty string."""
        ended = self.close() if label.lower() != self._label else ""
        self._label = label.lower()
        if kind == b"B":
            digits = self._base64 + payload.translate(None, b" \t\r\n")
            whole = len(digits) if digits.endswith(b"=") else len(digits) // 4 * 4
            self._bytes += _lenient_base64(digits[:whole])
            self._base64 = digits[whole:]
        else:
            self._flush_base64()
            self._bytes += binascii.a2b_qp(payload, header=True)
        return ended

    def close(self) -> str:
        self._flush_base64()
        data = bytes(self._bytes)
        self._bytes.clear()
        if not data:
            return ""
        return decode_text(data, self._label.decode("ascii", "replace"), self._hints)[0]

    def _flush_base64(self) -> None:
        self._bytes += _lenient_base64(self._base64)
        self._base64 = b""


def _lenient_base64(digits: bytes) -> bytes:
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    except binascii.Error:
        return b""


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return _storable(data.decode(codec))
    except (UnicodeError, ValueError):
        return None


def _read_utf8(data: bytes, hints: Sequence[str]) -> tuple[str, bool]:
    try:
        # What decodes strictly has no surrogates, and looking for them costs more than decoding.
        return data.decode("utf-8").replace("\x00", "\ufffd").removeprefix("\ufeff"), False
    except UnicodeDecodeError:
        pass
    repaired = data.decode("utf-8", "replace")
    broken = repaired.count("\ufffd")
    whole = sum(1 for char in repaired if char > "\x7f") - broken
    if whole >= broken:  # UTF-8 with damage, such as a cut at the end
        return _storable(repaired), True
    return _guess(data, hints), True


def _guess(data: bytes, hints: Sequence[str]) -> str:
    if b"\x1b$" in data or b"\x1b(" in data:
        text = _strict(data, "iso2022_jp_ext") or find_iso2022_text(data)
        if text is not None:
            return _storable(text)
    text = _strict(data, "utf-8")
    if text is not None:
        return text
    for hint in hints:
        codec = find_codec(hint)
        text = _strict(data, codec) if codec else None
        if text is not None:
            return text
    return _storable(data.decode(find_cyrillic(data) or "cp1252", "replace"))


def _storable(text: str) -> str:
    text = text.removeprefix("\ufeff")
    return _UNWANTED.sub("\ufffd", text) if _UNWANTED.search(text) else text
