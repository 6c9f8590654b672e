"""Blobs: bytes kept under their own SHA-256, in a folder.

Answers for durability and atomicity: a name that exists holds all of its bytes, and ``put`` returns only after they are
on the disk. Refuses to know what the bytes are, who refers to them, and when they may go.

    folder/ab/abcd…64 hex     the blob
    folder/incoming/…         being written; what a crash left there is removed by ``sweep``
    folder/removing/…         being removed; what a crash left there is put back by ``sweep``

256 folders, not 65,536: making a folder costs as much as writing a letter, and a folder takes tens of thousands of
files without getting slow.

Bytes that are there already are not written again: ``put`` only sets their time to now. Whoever removes bytes that
nobody refers to takes them aside first and looks at that time then, so that it makes no difference which of the two was
first: either ``put`` finds the name and is seen, or finds none and writes it.

Many blobs share two waits for the disk, where one by one each would take two of its own:

    write all to incoming ─▶ sync ─▶ rename all ─▶ sync        (a name never appears before its bytes are durable)

Few are synced file by file; more than that by ``syncfs``, which has whatever else waits for that disk written as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from wherefrom.errors import BadInput, NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FEW = 4
_CHUNK = 1_048_576
_REMOVAL_SECONDS = 60  # none takes as long


class Incoming:
    """A blob that is being written, by one thread at a time. End it by ``Blobs.keep`` or ``abandon``."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 0
        self.is_kept = False
        self._digest = hashlib.sha256()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @property
    def sha256(self) -> str:
        """The name of what is written so far."""
        return self._digest.hexdigest()

    def write(self, content: bytes | bytearray | memoryview) -> None:
        self._digest.update(content)
        self.fill(content)

    def fill(self, content: bytes | bytearray | memoryview) -> None:
        """As ``write``, where its SHA-256 is known, and ``sha256`` is not asked for."""
        self.size += len(content)
        written = os.write(self._file, content)
        while written < len(content):
            written += os.write(self._file, memoryview(content)[written:])

    def close(self) -> None:
        """No more is written."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def become(self, place: str) -> None:
        """Gives what is written its name."""
        _move(self.path, place)
        self.is_kept = True

    def abandon(self) -> None:
        """Forgets it; nothing happens to what is kept already."""
        self.close()
        if not self.is_kept:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


class Blobs:
    """The store in ``folder``, which is made at the first ``put``. Safe to use from several processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._incoming = folder / "incoming"
        self._removing = folder / "removing"
        self._numbers = itertools.count()

    def settle(self) -> None:
        """Brings blobs to their places that an earlier version put a folder deeper (``ab/cd/abcd…``); once."""
        done = self.folder / "flat"
        if not self.folder.is_dir() or done.exists():
            return
        for deep in self.folder.glob("??/??"):
            with contextlib.suppress(FileNotFoundError):  # another process is at it, too
                for path in deep.iterdir():
                    _move(path, self.path(path.name))
                deep.rmdir()
        with contextlib.suppress(OSError):  # a disk that is full or read-only is told by whoever has to write
            done.touch()

    def path(self, sha256: str) -> Path:
        """Where the blob is or would be; BadInput for what is no lower-case hex SHA-256."""
        if not _SHA256.fullmatch(sha256):
            raise BadInput("A blob's name is 64 lower-case hexadecimal digits", field="sha256")
        return self.folder / sha256[:2] / sha256

    async def put(self, content: bytes) -> str:
        """Stores ``content`` durably and returns its SHA-256; the same bytes twice are one blob."""
        (name,) = await self.put_many([content])
        return name

    async def put_many(self, contents: Sequence[bytes | Incoming], names: Sequence[str] | None = None) -> list[str]:
        """As ``put``, for many that share their waits for the disk; an ``Incoming`` is one of its own bytes. ``names``:
        their SHA-256, for whoever has them already."""
        return await asyncio.to_thread(self.keep, contents, names)

    def begin(self) -> Incoming:
        """A new blob, to be written piece by piece."""
        name = f"{self._incoming}/{os.getpid()}-{id(self):x}-{next(self._numbers)}-{os.urandom(4).hex()}"
        try:
            return Incoming(name)
        except FileNotFoundError:
            _make_durable_folder(self._incoming)
            return Incoming(name)

    def keep(self, contents: Sequence[bytes | Incoming], names: Sequence[str] | None = None) -> list[str]:
        """``put_many`` itself, which blocks until all is durable. On an error nothing of it may be referred to."""
        names = [_name(one) for one in contents] if names is None else list(names)
        fresh: dict[str, Incoming] = {}
        known: set[str] = set()
        try:
            for name, one in zip(names, contents, strict=True):
                if name not in fresh and not self._is_there(name, known):
                    fresh[name] = self._written(one)
                elif isinstance(one, Incoming) and fresh.get(name) is not one:
                    one.abandon()
            self._settle(fresh, known)
        finally:
            for one in fresh.values():
                one.abandon()
            for one in contents:
                if isinstance(one, Incoming):
                    one.abandon()
        return names

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

    async def remove_unused(self, sha256: str, unless_put_within: timedelta) -> bool:
        """Removes a blob that nobody refers to; False when it stays because it was put a moment ago, and whoever did
        may be about to refer to it. One that is not there is gone."""
        before = time.time() - unless_put_within.total_seconds()
        return await asyncio.to_thread(self._remove_unused, self.path(sha256), before)

    async def sweep(self, older_than: timedelta = timedelta(days=1)) -> int:
        """Removes what interrupted writes left behind, and puts back what interrupted removals did; how many files."""
        return await asyncio.to_thread(self._sweep, time.time() - older_than.total_seconds())

    def _is_there(self, name: str, known: set[str]) -> bool:
        if name not in known and _touch(self._place(name)):
            known.add(name)
        return name in known

    def _place(self, name: str) -> str:
        """As ``path``, of a name of ours: path objects cost more than what is done with these."""
        return f"{self.folder}/{name[:2]}/{name}"

    def _written(self, content: bytes | Incoming) -> Incoming:
        if isinstance(content, Incoming):
            content.close()
            return content
        one = self.begin()
        try:
            one.fill(content)
        except BaseException:
            one.abandon()
            raise
        one.close()
        return one

    def _settle(self, fresh: dict[str, Incoming], known: set[str]) -> None:
        """All bytes on the disk, then all names. A blob that is there already may be another process's of this very
        moment, so its name is made durable too."""
        if _syncfs is None or len(fresh) + len(known) <= _FEW:
            for one in fresh.values():
                _fsync(one.path)
            for name, one in fresh.items():
                _make_durable_folder(self.path(name).parent)
                one.become(self._place(name))
            for folder in {self.path(name).parent for name in (*fresh, *known)}:
                _fsync(folder)
            return
        if fresh:
            self._sync_disk()
        for name, one in fresh.items():
            one.become(self._place(name))
        self._sync_disk()

    def _sync_disk(self) -> None:
        assert _syncfs is not None
        with _opened(self.folder) as descriptor:
            if _syncfs(descriptor) != 0:
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error), str(self.folder))

    def _remove_unused(self, path: Path, before: float) -> bool:
        aside = self._removing / path.name
        self._removing.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.replace(path, aside)
        except FileNotFoundError:
            return True
        try:
            if aside.stat().st_mtime < before:
                aside.unlink()
                return True
            os.replace(aside, path)
        except FileNotFoundError:  # another process took this long for a crash, and put it back
            return False
        return False

    def _sweep(self, before: float) -> int:
        removed = 0
        for path in self._removing.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ctime < time.time() - _REMOVAL_SECONDS:
                    _move(path, self.path(path.name))
                    removed += 1
        for path in self._incoming.glob("*"):
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:  # another process swept it, or its write just ended
                continue
        return removed


def _find_syncfs() -> Callable[[int], int] | None:
    """Linux has it, and Python has not."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None
    return found


_syncfs = _find_syncfs()


def _name(content: bytes | Incoming) -> str:
    return content.sha256 if isinstance(content, Incoming) else hashlib.sha256(content).hexdigest()


def _move(source: str | Path, target: str | Path) -> None:
    try:
        os.replace(source, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.replace(source, target)


def _touch(path: str) -> bool:
    """Whether there is such a file; its time is now. It is looked for once more afterwards: the name may have been
    taken away while its time was being set, and by one who saw the old time."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return os.path.exists(path)


def _make_durable_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_durable_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _fsync(folder.parent)


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _fsync(path: str | Path) -> None:
    with _opened(path) as descriptor:
        os.fsync(descriptor)
