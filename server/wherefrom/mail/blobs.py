"""Blobs: bytes kept under their own SHA-256, in a folder.

Answers for durability and atomicity: a name that exists holds all of its bytes, and ``put`` returns only after they are
on the disk. Refuses to know what the bytes are, who refers to them, and when they may go.

    folder/ab/cd/abcd…64 hex     the blob
    folder/incoming/…            being written; what a crash left there is removed by ``sweep``
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from wherefrom.errors import BadInput, NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The store in ``folder``, which is made at the first ``put``. Safe to use from several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"

    def path(self, sha256: str) -> Path:
        """Where the blob is or would be; BadInput for what is no lower-case hex SHA-256."""
        if not _SHA256.fullmatch(sha256):
            raise BadInput("A blob's name is 64 lower-case hexadecimal digits", field="sha256")
        return self._folder / sha256[:2] / sha256[2:4] / sha256

    async def put(self, content: bytes) -> str:
        """Stores ``content`` durably and returns its SHA-256; the same bytes twice are one blob."""
        return await asyncio.to_thread(self._put, content)

    async def get(self, sha256: str) -> bytes:
        """The bytes named ``sha256``; NotFound when there are none."""
        path = self.path(sha256)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise NotFound(f"There is no blob {sha256}", hint="It was erased or its folder was moved.") from None

    async def delete(self, sha256: str) -> None:
        """Removes the blob; one that is not there is no error."""
        path = self.path(sha256)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def sweep(self, older_than: timedelta = timedelta(days=1)) -> int:
        """Removes what interrupted writes left behind; returns how many files."""
        return await asyncio.to_thread(self._sweep, time.time() - older_than.total_seconds())

    def _put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if target.exists():
            return sha256
        _make_durable_folder(self._incoming)
        _make_durable_folder(target.parent)
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _fsync_folder(target.parent)  # the rename itself must survive a power cut too
        return sha256

    def _sweep(self, before: float) -> int:
        removed = 0
        for path in self._incoming.glob("*"):
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:  # another process swept it, or its write just ended
                continue
        return removed


def _make_durable_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_durable_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
