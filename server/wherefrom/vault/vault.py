"""The way of a letter's bytes from one host to another: through the database (``[data] shared`` in the settings).

    share   after the bytes are on this host's disk, before a row names them      disk ─▶ database, what is not there
    bring   before the bytes are read                                             database ─▶ disk, what is missing
    forget  nothing names them any more                                           both
    tidy    now and then                                                          disk, what is in the database too

Where hosts share a folder, or there is one host, ``shared`` is off and all of this does nothing. The folder is then a
store; with ``shared`` on it is a copy that may go. In the database a blob is cut into pieces of a megabyte, the first
one written last, so that a blob is there whole or counts as missing, and memory stays small.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from wherefrom.services import Services
from wherefrom.vault import store

log = structlog.get_logger(__name__)

PIECE = 1_048_576
UNUSED = timedelta(days=1)
_MANY = 500


async def share(services: Services, site_id: int, names: Sequence[str]) -> None:
    """Puts those of the blobs into the site's vault that are not in it. OSError, or what the database met: then no row
    may name them yet."""
    if not services.settings.data.shared or not names:
        return
    async with services.db.read() as tx:
        there = await store.list_whole(tx, site_id, names)
    for name in dict.fromkeys(names):
        if name not in there:
            await _share_one(services, site_id, name)


async def _share_one(services: Services, site_id: int, name: str) -> None:
    path = services.blobs.path(name)
    size = (await asyncio.to_thread(path.stat)).st_size
    pieces = max(1, -(-size // PIECE))
    for number in reversed(range(pieces)):
        content = await asyncio.to_thread(_read_piece, path, number)
        async with services.db.write() as tx:
            await store.add_piece(tx, site_id, name, number, pieces, content)


async def bring(services: Services, site_id: int, names: Sequence[str]) -> None:
    """Puts those of the blobs onto this host's disk that are missing there. What the vault does not hold either stays
    missing."""
    if not services.settings.data.shared:
        return
    for name in dict.fromkeys(names):
        if not services.blobs.path(name).exists():
            await _bring_one(services, site_id, name)


async def _bring_one(services: Services, site_id: int, name: str) -> None:
    coming, number, pieces = services.blobs.begin(), 0, 1
    try:
        while number < pieces:
            async with services.db.read() as tx:
                found = await store.find_piece(tx, site_id, name, number)
            if found is None:
                return
            pieces, content = found
            await asyncio.to_thread(coming.write, content)
            number += 1
        if coming.sha256 != name:
            log.error("what the database holds of a blob is not what it was", site=site_id, blob=name)
            return
        await services.blobs.put_many([coming])
    finally:
        coming.abandon()


async def forget(services: Services, site_id: int, name: str) -> None:
    """Removes the blob from the site's vault and from this host's disk. A copy on another host's disk has no name any
    more, and is no longer found."""
    async with services.db.write() as tx:
        await store.forget_blob(tx, site_id, name)
    await services.blobs.delete(name)


async def tidy(services: Services) -> int:
    """Removes from this host's disk what the database holds as well and came a day ago; how many files. What is not in
    the database stays: it may have been there before ``shared`` was switched on."""
    if not services.settings.data.shared:
        return 0
    old = await asyncio.to_thread(_list_old, services.blobs.folder, time.time() - UNUSED.total_seconds())
    removed = 0
    for some in _slices(old):
        async with services.db.read() as tx:
            kept = await store.list_kept(tx, some)
        for name in kept:
            await services.blobs.delete(name)
        removed += len(kept)
    return removed


def _read_piece(path: Path, number: int) -> bytes:
    with path.open("rb") as file:
        file.seek(number * PIECE)
        return file.read(PIECE)


def _list_old(folder: Path, before: float) -> list[str]:
    names = (path for path in folder.glob("??/*") if len(path.name) == hashlib.sha256().digest_size * 2)
    return [path.name for path in names if path.stat().st_mtime < before]


def _slices(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), _MANY):
        yield names[at : at + _MANY]
