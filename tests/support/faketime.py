"""libfaketime: a process that loads it sees another time than the machine."""

from __future__ import annotations

from pathlib import Path


def find_library() -> Path | None:
    """The library of Debian's package, where it is installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def find_obstacle() -> str | None:
    return None if find_library() else "is not installed"
