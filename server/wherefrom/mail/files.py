"""The files of a letter: their names, whether they are shown in its text, and what a winmail.dat holds.

Answers for names that are no paths and never empty. A container of Outlook's is replaced by what is in it. Refuses to
decide which parts are files (that is ``body``) and to decode any before it is asked for, but for containers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from wherefrom.mail.charset import decode_words, one_line
from wherefrom.mail.fields import parse_fields
from wherefrom.mail.letter import Attachment, decode_transfer
from wherefrom.mail.paged import Octets
from wherefrom.mail.parameters import parse_parameters
from wherefrom.mail.structure import Part
from wherefrom.mail.tnef import Tnef, TnefFile, find_tnef

_MAX_FILE_NAME = 200
_MAX_CONTAINER = 67_108_864  # bytes, encoded
_MOST_CONTAINERS = 10

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
_TYPES = {extension: kind for kind, extension in _EXTENSIONS.items()} | {
    ".txt": "text/plain",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef", "application/x-ms-tnef"))
_PATH = re.compile(r".*[/\\]", re.DOTALL)
_DISGUISE = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # shows "exe.txt" for "txt.exe"


@dataclass(slots=True)
class Files:
    """``text`` is what a winmail.dat said, "" without one. ``defects`` are words of ``letter.Letter.defects``."""

    attachments: tuple[Attachment, ...]
    text: str = ""
    defects: set[str] = field(default_factory=set)


def read_files(raw: Octets, parts: Sequence[Part], shown: Collection[str], hints: Sequence[str]) -> Files:
    """The files ``parts`` are. ``shown`` are the content ids the letter's HTML shows."""
    found: list[Attachment] = []
    files = Files(())
    containers = 0
    for part in parts:
        one = _attachment(raw, part, len(found) + 1, shown, hints)
        inside = None
        if containers < _MOST_CONTAINERS and _may_be_tnef(one):
            containers += 1
            content = one.content
            inside = find_tnef(content)
        if inside is None or not (inside.whole or inside.files):
            found.append(one)
            continue
        found += _unpack(content, inside, len(found) + 1, shown)
        files.text = files.text or inside.text
        if not inside.whole:
            files.defects.add("winmail-damaged")
    files.attachments = tuple(found)
    return files


def _may_be_tnef(one: Attachment) -> bool:
    named = one.content_type in _TNEF or one.name.lower() == "winmail.dat"
    return named and one.end - one.start <= _MAX_CONTAINER


def _unpack(content: bytes, inside: Tnef, number: int, shown: Collection[str]) -> list[Attachment]:
    return [_inner(content, one, place, shown) for place, one in enumerate(inside.files, number)]


def _inner(content: bytes, one: TnefFile, number: int, shown: Collection[str]) -> Attachment:
    extension = "." + one.name.rpartition(".")[2].lower()
    kind = one.content_type.strip().lower() or _TYPES.get(extension, "application/octet-stream")
    content_id = one_line(one.content_id, 500).strip("<> ") or None
    return Attachment(
        name=clean_file_name(one.name) or f"attachment-{number}{_EXTENSIONS.get(kind, '')}",
        content_type=one_line(kind, 200),
        inline=content_id in shown,
        content_id=content_id,
        source=content,
        start=one.start,
        end=one.end,
        encoding="",
    )


def _attachment(raw: Octets, part: Part, number: int, shown: Collection[str], hints: Sequence[str]) -> Attachment:
    _, parameters = find_disposition(part, hints)
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


def find_disposition(part: Part, hints: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The disposition's word and its parameters; an empty word when there is none."""
    return parse_parameters(part.fields.first("content-disposition") or b"", hints)


def _file_name(raw: Octets, part: Part, parameters: dict[str, str], number: int, hints: Sequence[str]) -> str:
    given = parameters.get("filename") or part.parameters.get("name") or ""
    if not given and part.content_type == "message/rfc822":
        head = raw[part.start : min(part.end, part.start + 65_536)]
        inner = parse_fields(decode_transfer(head, part.encoding), 0, 65_536)
        subject = decode_words(inner.first("subject") or b"", hints)
        given = subject.replace("/", "-").replace("\\", "-") + ".eml" if subject.strip() else ""
    return clean_file_name(given) or f"attachment-{number}{_EXTENSIONS.get(part.content_type, '')}"


def clean_file_name(given: str) -> str:
    """``given`` without path, control and direction characters, cut in front of its extension; may be empty."""
    if not given.isascii():
        given = _DISGUISE.sub("", given)
    name = one_line(_PATH.sub("", given), 1_000).strip(". ")
    stem, dot, extension = name.rpartition(".")
    if len(name) > _MAX_FILE_NAME and dot and len(extension) <= 20:
        return f"{stem[: _MAX_FILE_NAME - len(extension) - 1]}.{extension}"
    return name[:_MAX_FILE_NAME]
