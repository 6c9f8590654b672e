"""What a database's surroundings do to it, in words for people: a full disk, a lock, a server that is away.

Answers for the words and for telling such faults from those of our own statements, which are nobody's to mend but ours.
A server that does not answer is told by ``Unavailable`` (see ``engine``). The words name no file, host or user: they
are shown to whoever asks whether the service is ready.
"""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

# Longest beginning first: the rest of a code says more than anybody needs.
_SQLITE = {
    "SQLITE_FULL": "the disk of the database is full",
    "SQLITE_READONLY": "the database cannot be written to: its file or its disk is read-only",
    "SQLITE_BUSY": "the database is locked by another process",
    "SQLITE_LOCKED": "the database is locked",
    "SQLITE_IOERR": "the disk of the database fails",
    "SQLITE_CANTOPEN": "the database's file cannot be opened",
    "SQLITE_CORRUPT": "the database's file is damaged",
    "SQLITE_NOTADB": "the database's file is damaged",
}
_POSTGRES = {
    "08": "the connection to the database broke",
    "25006": "the database server is read-only: perhaps it is a standby",
    "28": "the database server does not let us in: user or password",
    "3D000": "the database server has no such database",
    "40": "writes were in each other's way",
    "53100": "the database server's disk is full",
    "53200": "the database server is out of memory",
    "53300": "the database server has too many connections",
    "53": "the database server is short of something",
    "55P03": "what is to be written is locked by somebody else in the database",
    "55000": "the database server is read-only: perhaps it is a standby",
    "57014": "the database took too long",
    "57P": "the database server is shutting down or starting",
    "58": "the database server's disk fails",
    "XX001": "the database is damaged",
    "XX002": "the database is damaged",
}
_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk's quota is used up",
    errno.EFBIG: "a file would become larger than is allowed here",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk fails",
    errno.EMFILE: "the process has too many files open",
    errno.ENFILE: "the machine has too many files open",
}


_LURKING = frozenset(
    (_SQLITE["SQLITE_FULL"], _SQLITE["SQLITE_IOERR"], *(_POSTGRES[code] for code in ("53100", "55P03")))
)


def lurks(words: str) -> bool:
    """Whether other writes may pass while what ``describe`` has said goes on: where the disk is full there may be room
    for a small one, and a lock is on something."""
    return words in _LURKING


def describe(fault: BaseException) -> str | None:
    """What happened around us, as the beginning of a sentence; None for a fault of our own."""
    cause = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    if isinstance(cause, NoneFree):
        return "the database does not keep up: no connection was free in time"
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", "")
        return _find(_SQLITE, name) or _of_disk(cause)
    if (state := getattr(cause, "sqlstate", None)) is not None:
        return _find(_POSTGRES, state)
    if isinstance(cause, ConnectionError):
        return "the database server cannot be reached"
    if type(cause).__name__ == "InterfaceError" and "closed" in str(cause):  # asyncpg's, which SQLite does not load
        return _POSTGRES["08"]
    if isinstance(fault, DBAPIError):
        return _POSTGRES["08"] if fault.connection_invalidated else None
    return _of_disk(cause)


def _find(words: dict[str, str], code: str) -> str | None:
    return next((words[code[:end]] for end in range(len(code), 1, -1) if code[:end] in words), None)


def _of_disk(fault: BaseException) -> str | None:
    return _DISK.get(fault.errno or 0) if isinstance(fault, OSError) else None
