"""What a mailbox holds, as values, and how IMAP's answers become them. Believes no server: what is missing, or cannot
be, is told apart from what is there."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from wherefrom.mail.blobs import Incoming
from wherefrom.mail.folders import Kind

LARGEST = (1 << 63) - 1
"""Of IMAP's numbers: RFC 9051 has 32 bits for UIDs and 63 for the others."""


class FolderInfo(Struct, frozen=True):
    """A folder that can be opened; ``name`` as the server spells it."""

    name: str
    kind: Kind


class FolderState(Struct, frozen=True):
    """A folder at the moment it was opened. None: the server does not say, or says 0."""

    uidvalidity: int | None
    uidnext: int | None
    exists: int
    highestmodseq: int | None


@dataclass(frozen=True, slots=True)
class RawLetter:
    """``internaldate`` is when it arrived, in UTC. ``size`` is what the server says; what was read may be shorter, and
    then ``truncated``. ``problem``: why the server did not hand it out at all; ``raw`` is empty then. A large letter is
    in ``file``, for the caller to keep or to abandon, and ``raw`` is its beginning. ``sha256``: of all that was read.
    ``early``: that beginning alone, ahead of the letter itself, which follows. Once this one is kept, so is all that
    was asked for up to ``reached``; 0 stands for its own UID, and letters come out of their order only where it says
    so. ``pause``: what comes next takes a while, so that nothing should wait for it."""

    uid: int
    internaldate: datetime
    size: int
    raw: bytes = field(repr=False)
    sha256: str
    truncated: bool
    problem: str = ""
    file: Incoming | None = None
    early: bool = False
    reached: int = 0
    pause: bool = False

    @property
    def length(self) -> int:
        """Bytes that were read."""
        return len(self.raw) if self.file is None else self.file.size

    def abandon(self) -> None:
        """Forgets its bytes on the disk."""
        if self.file is not None:
            self.file.abandon()


def raw_letter(uid: int, facts: dict[bytes, Any], raw: bytes, *, truncated: bool, problem: str = "") -> RawLetter:
    """The letter of these answers to FETCH."""
    name = hashlib.sha256(raw).hexdigest()
    return RawLetter(uid, arrival_of(facts.get(b"INTERNALDATE")), size_of(facts), raw, name, truncated, problem)


def arrival_of(moment: Any) -> datetime:
    """INTERNALDATE in UTC; a server that has none, or an impossible one, gives the present."""
    if isinstance(moment, datetime) and 1970 <= moment.year < 2100:
        with contextlib.suppress(ValueError):  # of a zone a day or more away
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return datetime.now(UTC)


def size_of(facts: dict[bytes, Any]) -> int:
    """RFC822.SIZE; 0 where the server does not say."""
    return number_of(facts.get(b"RFC822.SIZE")) or 0


def body_of(answer: dict[bytes, Any]) -> bytes | None:
    """The bytes of BODY[…], whatever part was asked for."""
    for key, value in answer.items():
        if key.startswith(b"BODY[") and isinstance(value, bytes):
            return value
    return None


def number_of(value: Any) -> int | None:
    """A number above zero; some servers say 0 where they have none. What no database keeps is none."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number <= LARGEST else None
