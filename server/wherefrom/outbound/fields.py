"""Header fields of letters that go out: one value in, lines of ASCII out (RFC 5322, RFC 2047). Pure.

    plain ASCII   folded at its blanks
    anything else encoded words of UTF-8, no character cut in two

Nothing that is given can end a field or begin another: what could is refused before (``check_value``), and whatever is
left of control characters becomes a blank. Every line is short enough for RFC 5322 (998), and nearly all for its wish
(78), so that no server on the way folds anew and breaks a signature.
"""

from __future__ import annotations

import base64
import re

from wherefrom.errors import BadInput

LINE = 76
LONGEST = 998
MOST_EXTRA = 20
_LONGEST_VALUE = 900
_LONGEST_NAME = 60
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, whatever ends a line, halves of characters. Not what joins and parts emoji."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_WORD_BYTES = 42  # of UTF-8 in an encoded word: 56 of base64, 68 with its frame
_MESSAGE_IDS = re.compile(r"<[^<>\s@]+@[^<>\s@]+>(?:\s+<[^<>\s@]+@[^<>\s@]+>)*")

EXTRA = {
    name.lower(): name
    for name in (
        *("Comments", "Feedback-ID", "Importance", "In-Reply-To", "Keywords", "List-Archive", "List-Help", "List-ID"),
        *("List-Owner", "List-Post", "List-Subscribe", "Organization", "Precedence", "Priority", "References"),
    )
}
"""Fields a caller may add, beside those that begin with ``X-``. All others are written here, or by servers."""


def check_extra(given: dict[str, str]) -> list[tuple[str, str]]:
    """The extra fields of a letter, as they are to be written. BadInput names the one that may not be."""
    if len(given) > MOST_EXTRA:
        raise BadInput(f"headers has {len(given)} fields, at most {MOST_EXTRA} are sent", field="headers")
    fields: dict[str, tuple[str, str]] = {}
    for name, value in given.items():
        place = f"headers.{name[:_LONGEST_NAME]}"
        written = EXTRA.get(name.lower(), name)
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise BadInput(f"“{name[:_LONGEST_NAME]}” is no header's name", hint="such as X-Campaign", field=place)
        if name.lower() not in EXTRA and not name.lower().startswith("x-"):
            raise BadInput(
                f"the header {name} cannot be set",
                hint=f"the letter's own are written here; those you may add: X-…, {', '.join(EXTRA.values())}",
                field=place,
            )
        if name.lower() in fields:
            raise BadInput(f"the header {name} stands there twice", field=place)
        fields[name.lower()] = (written, check_value(value, place))
        if name.lower() in ("references", "in-reply-to") and not _MESSAGE_IDS.fullmatch(value.strip()):
            raise BadInput(f"{name} names no letters", hint="write Message-IDs, each like <id@host>", field=place)
    return list(fields.values())


def check_value(text: str, place: str, longest: int = _LONGEST_VALUE) -> str:
    """``text`` without the blanks around it; BadInput for what is empty, too long, or has a line break or another
    control character in it, which could begin a field of its own."""
    value = text.strip(" \t")
    if _BREAKS.search(value):
        raise BadInput(
            f"{place} has a line break or another control character in it", hint="give it as one line", field=place
        )
    if not value or len(value) > longest:
        raise BadInput(f"{place} is empty, or longer than {longest} characters", field=place)
    return value


def text_field(name: str, text: str) -> bytes:
    """A field of free text, with its line end."""
    line = _plain(text)
    if _is_simple(line):
        folded = _fold(name, line.split(" "))
        if folded is not None:
            return folded
    return _fold_always(name, _encoded_words(line))


def address_field(name: str, address: str, shown: str = "") -> bytes:
    """A field with one address, ``shown`` before it where that is not empty. The address is bare and in ASCII."""
    line = " ".join(_plain(shown).split())
    if not line:
        return _fold_always(name, [address])
    if _ATOMS.fullmatch(line) and _is_simple(line):
        words = line.split(" ")
    elif _is_simple(line):
        words = ('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"').split(" ")
    else:
        words = _encoded_words(line)
    return _fold_always(name, [*words, f"<{address}>"])


def raw_field(name: str, value: str) -> bytes:
    """A field whose value is ASCII and has a grammar of its own; folded at its blanks, never encoded."""
    return _fold_always(name, value.split(" "))


def _plain(text: str) -> str:
    """With a blank in place of each that could do harm."""
    return _BREAKS.sub(" ", text).strip(" ")


def _is_simple(line: str) -> bool:
    """Whether it may stand there as it is: ASCII, nothing that looks encoded, and no two blanks in a row, which folding
    would leave at the end of a line, where servers take them away."""
    return line.isascii() and "=?" not in line and "  " not in line


def _encoded_words(line: str) -> list[str]:
    words: list[str] = []
    piece = b""
    for char in line:
        encoded = char.encode()
        if len(piece) + len(encoded) > _WORD_BYTES:
            words.append(_encoded_word(piece))
            piece = b""
        piece += encoded
    return [*words, _encoded_word(piece)] if piece else words


def _encoded_word(piece: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(piece).decode()}?="


def _fold(name: str, words: list[str]) -> bytes | None:
    """The field folded between words; None when a word alone would be longer than a line may be."""
    if any(len(word) > LONGEST - len(name) - 2 for word in words):
        return None
    return _fold_always(name, words)


def _fold_always(name: str, words: list[str]) -> bytes:
    lines, line = [], f"{name}:"
    for word in filter(None, words):
        if len(line) + 1 + len(word) > LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += " " + word
    return "\r\n".join([*lines, line]).encode("ascii") + b"\r\n"
