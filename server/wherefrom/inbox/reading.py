"""Letters from their blobs, with their files as blobs: all of sorting that needs no database. Blocks, and may be run
in any thread or process (``reader``).

A large letter is read on the disk, and its files are decoded piece by piece, so that it takes the memory of a small
one. The files of all letters of a call share their waits for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wherefrom.inbox.facts import Facts, clean, read_facts
from wherefrom.mail.blobs import Blobs, Incoming
from wherefrom.mail.letter import Attachment, Letter
from wherefrom.mail.paged import Octets, open_letter
from wherefrom.mail.parse import UnreadableLetter, parse_letter
from wherefrom.mail.returned import TYPES as RETURNED
from wherefrom.mail.transfer import decode_in_pieces

_LONGEST_FILE_NAME = 255
_LONGEST_TYPE = 200
_LONGEST_ID = 1_000
_TOLD = 5  # files of a machine's letter that takers may look into: what bounced, and why
_LARGEST_TOLD = 262_144


@dataclass(frozen=True, slots=True)
class File:
    """A file of a letter, kept; ``sha256`` names its blob."""

    name: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str


@dataclass(frozen=True, slots=True)
class Read:
    """A letter that was read; its ``attachments`` are only those takers look into, and its HTML is left out (where
    there is no other text, that is made of it). Without a letter, ``problem`` says why not; ``passes``: another time
    may do better."""

    letter: Letter | None
    facts: Facts | None
    files: tuple[File, ...] = ()
    problem: str = ""
    passes: bool = False


def read_letters(blobs: Blobs, asked: Sequence[tuple[str, datetime]]) -> list[Read]:
    """The letters with these names that arrived at these times. OSError when the disk fails."""
    coming: list[Incoming] = []
    try:
        found = [_read(blobs, sha256, arrived_at, coming) for sha256, arrived_at in asked]
        names = iter(blobs.keep(coming))
    finally:
        for one in coming:
            one.abandon()
    return [replace(one, files=tuple(replace(file, sha256=next(names)) for file in one.files)) for one in found]


def _read(blobs: Blobs, sha256: str, arrived_at: datetime, coming: list[Incoming]) -> Read:
    path = blobs.path(sha256)
    try:
        with open_letter(path) as raw:
            return _parse(blobs, raw, arrived_at, coming)
    except FileNotFoundError:
        return Read(None, None, problem=f"NotFound: there is no blob {sha256}", passes=True)


def _parse(blobs: Blobs, raw: Octets, arrived_at: datetime, coming: list[Incoming]) -> Read:
    begun = len(coming)
    try:
        letter = parse_letter(raw)
        facts = read_facts(letter, arrived_at)
        files = tuple(_keep(blobs, one, coming) for one in letter.attachments)
        return Read(replace(letter, attachments=_told(letter), html=None), facts, files)
    except UnreadableLetter as error:
        return Read(None, None, problem=error.detail)
    except OSError:
        raise
    except Exception as fault:  # a fault of ours, in one letter
        for one in coming[begun:]:
            one.abandon()
        del coming[begun:]
        return Read(None, None, problem=f"the parser failed: {type(fault).__name__}: {fault}")


def _keep(blobs: Blobs, one: Attachment, coming: list[Incoming]) -> File:
    file = blobs.begin()
    coming.append(file)
    for piece in decode_in_pieces(one):
        file.write(piece)
    file.close()
    return File(
        name=clean(one.name, _LONGEST_FILE_NAME) or "file",
        content_type=clean(one.content_type, _LONGEST_TYPE) or "application/octet-stream",
        size=file.size,
        sha256="",
        inline=one.inline,
        content_id=clean(one.content_id or "", _LONGEST_ID),
    )


def _told(letter: Letter) -> tuple[Attachment, ...]:
    if letter.automatic is None:
        return ()
    told = (one for one in letter.attachments[:_TOLD] if one.end - one.start <= _LARGEST_TOLD or _is_letter(one))
    return tuple(_beginning(one) for one in told)


def _is_letter(one: Attachment) -> bool:
    """Of one that came back, its beginning says which it is."""
    return one.content_type in RETURNED


def _beginning(one: Attachment) -> Attachment:
    end = min(one.end, one.start + _LARGEST_TOLD)
    return replace(one, source=one.source[one.start : end], start=0, end=end - one.start)
