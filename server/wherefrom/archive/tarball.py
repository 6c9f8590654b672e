"""The file a backup is: a plain tar, read and written member by member, so that memory does not grow with it.

Answers for wholeness: a backup has its name only when it is complete and on the disk, and its last member, SHA256SUMS,
lists the checksum of every other one in their order. So a cut or spoilt file is found out, by this service and by
``tar xf FILE && sha256sum -c SHA256SUMS`` alike. Refuses to know what the members are.

    FILE.tar.partial   being written, locked          ─▶ SHA256SUMS ─▶ end ─▶ fsync ─▶ rename ─▶   FILE.tar
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from wherefrom.errors import BadInput, Conflict

SUMS = "SHA256SUMS"

_BLOCK = 512
_CHUNK = 1_048_576
_FORM: Final = tarfile.GNU_FORMAT  # one header block a member, whatever its size


class Writing:
    """A backup that comes into being at ``file``. Conflict when there is one already, or another is being written."""

    def __init__(self, file: Path, made_at: int) -> None:
        """``made_at``: seconds since 1970, the time all members have."""
        self._file, self._partial, self._made_at = file, file.with_name(file.name + ".partial"), made_at
        if file.exists():
            raise Conflict(f"{file} is there already", hint="name another file, for example with the date in it")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._tar = os.fdopen(os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb")
        except OSError as error:
            raise BadInput(f"{self._partial} cannot be written: {error.strerror}", hint="name another place") from None
        if not self._is_mine():
            self._tar.close()
            raise Conflict(f"another backup is being written to {file}", hint="wait until it has ended")
        self._tar.truncate()  # what one that was killed has left
        self._is_whole = False
        self._sums = tempfile.TemporaryFile(dir=file.parent)  # noqa: SIM115 - closed by close()

    def add_file(self, name: str, path: Path) -> str:
        """Adds the bytes of ``path`` as ``name``; their SHA-256. FileNotFoundError when there is no such file."""
        with path.open("rb") as content:
            return self._add(name, os.fstat(content.fileno()).st_size, content)

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, len(content), io.BytesIO(content))

    def finish(self) -> int:
        """Ends the file, makes it durable, and gives it its name; its size in bytes."""
        size = self._sums.tell()
        self._sums.seek(0)
        self._copy(SUMS, size, self._sums, None)
        self._tar.write(bytes(2 * _BLOCK))
        self._tar.flush()
        os.fsync(self._tar.fileno())
        self._partial.rename(self._file)
        self._is_whole = True
        sync_folder(self._file.parent)
        return self._file.stat().st_size

    def close(self) -> None:
        """Removes what is not finished."""
        if not self._is_whole:
            self._partial.unlink(missing_ok=True)
        self._tar.close()
        self._sums.close()

    def _is_mine(self) -> bool:
        """Whether nobody else writes it. One that ended just now has given this file its name, or taken it away."""
        try:
            fcntl.flock(self._tar, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return not self._file.exists() and os.path.samestat(os.fstat(self._tar.fileno()), self._partial.stat())
        except OSError:
            return False

    def _add(self, name: str, size: int, content: IO[bytes]) -> str:
        digest = hashlib.sha256()
        self._copy(name, size, content, digest.update)
        self._sums.write(_line(digest.hexdigest(), name))
        return digest.hexdigest()

    def _copy(self, name: str, size: int, content: IO[bytes], see: Callable[[bytes], None] | None) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, self._made_at, 0o600
        self._tar.write(member.tobuf(_FORM))
        for chunk in _chunks(content, size):
            if see is not None:
                see(chunk)
            self._tar.write(chunk)
        self._tar.write(bytes(-size % _BLOCK))


def read(file: IO[bytes], target: Callable[[str], Path]) -> int:
    """Writes each member of a backup to where ``target`` wants it (BadInput for a name it does not want); how many.

    BadInput when the file is cut, spoilt or no backup; what is written by then is to be thrown away."""
    count = 0
    with tempfile.TemporaryFile() as sums:
        while True:
            member = _next(file)
            if member.name == SUMS:
                break
            path = target(member.name)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
                for chunk in _chunks(file, member.size):
                    digest.update(chunk)
                    written.write(chunk)
            _chunk(file, -member.size % _BLOCK)
            sums.write(_line(digest.hexdigest(), member.name))
            count += 1
        size = sums.tell()
        sums.seek(0)
        same = member.size == size and all(chunk == sums.read(len(chunk)) for chunk in _chunks(file, member.size))
    if not same:
        raise BadInput("the backup is spoilt: its checksums are not those of its contents", hint="take another one")
    return count


def sync_folder(folder: Path) -> None:
    """Makes the names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _next(file: IO[bytes]) -> tarfile.TarInfo:
    head = file.read(_BLOCK)
    try:
        member = tarfile.TarInfo.frombuf(head, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError):
        raise BadInput(
            "the backup is cut off" if len(head) < _BLOCK or not any(head) else "this is no backup, or it is spoilt",
            hint="take another one; “tar tf FILE” shows what is in this one",
        ) from None
    if not member.isreg():
        raise BadInput(f"{member.name[:200]!r} is no plain file; backups have no others", hint="take another one")
    return member


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = _chunk(file, min(left, _CHUNK))
        left -= len(chunk)
        yield chunk


def _chunk(file: IO[bytes], size: int) -> bytes:
    chunk = file.read(size)
    if len(chunk) < size:
        raise BadInput("the backup is cut off", hint="take another one")
    return chunk


def _line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()
