"""What a letter says and what is attached to it, out of its parts.

Answers for the choice between alternatives, the order of texts, the names of files. Refuses to make HTML safe (that is
``html``) and to know header fields beyond those of MIME.
"""

from __future__ import annotations

import html as markup
import re
from dataclasses import dataclass, field

from wherefrom.mail.charset import decode_text, decode_words, one_line
from wherefrom.mail.fields import parse_fields, parse_parameters
from wherefrom.mail.html_text import html_text
from wherefrom.mail.letter import Attachment, decode_transfer
from wherefrom.mail.structure import Part

MAX_TEXT = 1_048_576
"""UTF-8 bytes of text kept."""
MAX_HTML = 4_194_304
"""Characters of HTML kept."""
_MAX_ENCODED = 8_388_608  # bytes of one text part that are decoded at all: enough for either limit
_MAX_FILE_NAME = 200

_EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/msword": ".doc",
    "application/pkcs7-signature": ".p7s",
    "application/pgp-signature": ".asc",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "message/delivery-status": ".txt",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
    "text/vcard": ".vcf",
}
# Other faces of the same text, never shown as files.
_FACES = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched"})
_PATH = re.compile(r".*[/\\]", re.DOTALL)
_DISGUISE = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # shows "exe.txt" for "txt.exe"
_CID = re.compile(r"cid:([^\s\"'<>)]{1,500})", re.IGNORECASE)
_CHARSET_IN_HTML = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_WORDS = re.compile(rb"\s*[A-Za-z]+,?(?: [A-Za-z]+[,.!?]?){3}")  # what base64 never begins with, whatever its name
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32), 127])


@dataclass(frozen=True, slots=True)
class Body:
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


def read_body(raw: bytes, root: Part, hints: list[str]) -> Body:
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
    files = tuple(_attachment(raw, part, number, shown, hints) for number, part in enumerate(found.files, 1))
    if truncated:
        found.defects.add("text-truncated")
    return Body(text, truncated, html, files, frozenset(found.defects))


class _Walker:
    def __init__(self, raw: bytes, hints: list[str], found: _Found) -> None:
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
        disposition, parameters = _disposition(part, self._hints)
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
        return _clean(text, data) if part.content_type == "text/plain" else text


def _attachment(raw: bytes, part: Part, number: int, shown: set[str], hints: list[str]) -> Attachment:
    _, parameters = _disposition(part, hints)
    content_id = one_line(decode_words(part.fields.first("content-id") or b""), 500).strip("<> ") or None
    return Attachment(
        name=_file_name(raw, part, parameters, number, hints),
        content_type=part.content_type[:200],
        inline=content_id in shown,
        content_id=content_id,
        source=raw,
        start=part.start,
        end=part.end,
        encoding=part.encoding,
    )


def _disposition(part: Part, hints: list[str]) -> tuple[str, dict[str, str]]:
    return parse_parameters(part.fields.first("content-disposition") or b"", hints)


def _file_name(raw: bytes, part: Part, parameters: dict[str, str], number: int, hints: list[str]) -> str:
    given = parameters.get("filename") or part.parameters.get("name") or ""
    if not given and part.content_type == "message/rfc822":
        head = raw[part.start : min(part.end, part.start + 65_536)]
        inner = parse_fields(decode_transfer(head, part.encoding), 0, 65_536)
        subject = decode_words(inner.first("subject") or b"", hints)
        given = subject.replace("/", "-").replace("\\", "-") + ".eml" if subject.strip() else ""
    name = one_line(_PATH.sub("", _DISGUISE.sub("", given)), 1_000).strip(". ")
    if not name:
        return f"attachment-{number}{_EXTENSIONS.get(part.content_type, '')}"
    stem, dot, extension = name.rpartition(".")
    if len(name) > _MAX_FILE_NAME and dot and len(extension) <= 20:
        return f"{stem[: _MAX_FILE_NAME - len(extension) - 1]}.{extension}"
    return name[:_MAX_FILE_NAME]


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
