"""What a letter says, out of its parts.

Answers for the choice between alternatives and the order of texts; what is attached is the matter of ``files``. Refuses
to make HTML safe (that is ``html``) and to know header fields beyond those of MIME.
"""

from __future__ import annotations

import html as markup
import re
from dataclasses import dataclass, field

from msgspec import Struct

from wherefrom.mail.charset import decode_text, one_line
from wherefrom.mail.files import find_disposition, read_files
from wherefrom.mail.flowed import unfold_flowed
from wherefrom.mail.html_text import html_text
from wherefrom.mail.letter import Attachment, decode_transfer
from wherefrom.mail.paged import Octets
from wherefrom.mail.structure import Part

MAX_TEXT = 1_048_576
"""UTF-8 bytes of text kept."""
MAX_HTML = 4_194_304
"""Characters of HTML kept."""
_MAX_ENCODED = 8_388_608  # bytes of one text part that are decoded at all: enough for either limit

# Other faces of the same text, never shown as files.
_FACES = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched"})
_CID = re.compile(r"cid:([^\s\"'<>)]{1,500})", re.IGNORECASE)
_CHARSET_IN_HTML = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_WORDS = re.compile(rb"\s*[A-Za-z]+,?(?: [A-Za-z]+[,.!?]?){3}")  # what base64 never begins with, whatever its name
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32), 127])


class Body(Struct, frozen=True):
    """``html`` is as sent. ``defects`` are words of ``letter.Letter.defects``."""

    text: str
    text_truncated: bool
    html: str | None
    attachments: tuple[Attachment, ...]
    defects: frozenset[str]


@dataclass(slots=True)
class _Block:
    """One stretch of the letter in the faces its writer gave it."""

    plain: str | None = None
    html: str | None = None

    def as_text(self) -> str:
        if self.plain is not None and self.plain.strip():
            return self.plain
        return html_text(self.html) if self.html else ""

    def as_html(self) -> str:
        return self.html if self.html is not None else f"<pre>{markup.escape(self.plain or '')}</pre>"


@dataclass(slots=True)
class _Found:
    blocks: list[_Block] = field(default_factory=list)
    files: list[Part] = field(default_factory=list)
    defects: set[str] = field(default_factory=set)


def read_body(raw: Octets, root: Part, hints: list[str]) -> Body:
    """The letter's text, HTML and attachments. ``hints`` are charset labels to try for unlabelled text."""
    found = _Found()
    _Walker(raw, hints, found).visit(root, top=True)
    text = "\n".join(filter(None, (block.as_text().strip("\n") for block in found.blocks))).strip()
    text, truncated = _cut(text)
    html = None
    if any(block.html is not None for block in found.blocks):
        html = "\n".join(block.as_html() for block in found.blocks)
        if len(html) > MAX_HTML:
            html = html[:MAX_HTML]
            found.defects.add("html-truncated")
    shown = {one_line(cid, 500) for cid in _CID.findall(html)} if html and found.files else set()
    files = read_files(raw, found.files, shown, hints)
    if not text and files.text:
        text, truncated = _cut(files.text)
    if truncated:
        found.defects.add("text-truncated")
    return Body(text, truncated, html, files.attachments, frozenset(found.defects | files.defects))


class _Walker:
    def __init__(self, raw: Octets, hints: list[str], found: _Found) -> None:
        self._raw = raw
        self._hints = hints
        self._found = found

    def visit(self, part: Part, *, top: bool = False) -> None:
        if part.content_type == "multipart/alternative":
            self._visit_alternative(part)
        elif part.children:
            for child in part.children:
                self.visit(child)
        elif self._is_text(part, top):
            text = self._read_text(part)
            if part.content_type == "text/html":
                self._found.blocks.append(_Block(html=text))
            else:
                self._found.blocks.append(_Block(plain=text))
        elif part.content_type not in _FACES and not part.content_type.startswith("multipart/"):
            self._found.files.append(part)

    def _visit_alternative(self, part: Part) -> None:
        """The same stretch in several faces: the first plain one and the last HTML one become one block."""
        inner = _Found(files=self._found.files, defects=self._found.defects)
        walker = _Walker(self._raw, self._hints, inner)
        block = _Block()
        for child in part.children:
            before = len(inner.blocks)
            walker.visit(child)
            faces = inner.blocks[before:]
            if any(face.html is not None for face in faces):
                block.html = "\n".join(face.as_html() for face in faces)
            elif faces and not (block.plain or "").strip():
                block.plain = "\n".join(face.plain or "" for face in faces)
        if block.plain is not None or block.html is not None:
            self._found.blocks.append(block)

    def _is_text(self, part: Part, top: bool) -> bool:
        if part.content_type not in ("text/plain", "text/html"):
            return False
        if top:  # a letter that is nothing but a file still shows it when it is text
            return True
        disposition, parameters = find_disposition(part, self._hints)
        return disposition != "attachment" and not (parameters.get("filename") or part.parameters.get("name"))

    def _read_text(self, part: Part) -> str:
        encoded = self._raw[part.start : min(part.end, part.start + _MAX_ENCODED)]
        plain_words = part.encoding == "base64" and _WORDS.match(encoded)
        data = encoded if plain_words else decode_transfer(encoded, part.encoding)
        label = part.parameters.get("charset")
        if not label and part.content_type == "text/html":
            declared = _CHARSET_IN_HTML.search(data[:4_096])
            label = declared[1].decode("ascii") if declared else None
        text, guessed = decode_text(data, label, self._hints)
        if guessed:
            self._found.defects.add("charset-guessed")
        if "\ufffd" in text:
            self._found.defects.add("text-damaged")
        if part.content_type != "text/plain":
            return text
        text = _clean(text, data)
        if part.parameters.get("format", "").lower() == "flowed":
            text = unfold_flowed(text, drop_blank=part.parameters.get("delsp", "").lower() == "yes")
        return text


def _clean(text: str, data: bytes) -> str:
    """``text`` with one kind of line end and without control characters, which it has only when its bytes have."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if len(data.translate(None, _CONTROL_BYTES)) == len(data) else _CONTROLS.sub("", text)


def _cut(text: str) -> tuple[str, bool]:
    if len(text) * 4 <= MAX_TEXT:
        return text, False
    octets = text.encode("utf-8", "replace")
    if len(octets) <= MAX_TEXT:
        return text, False
    return octets[:MAX_TEXT].decode("utf-8", "ignore"), True
