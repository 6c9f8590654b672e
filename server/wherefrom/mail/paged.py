"""A letter on the disk that is read like bytes, without being in memory: what ``parse`` asks of bytes, and no more.

    len(letter)   letter[3]   letter[3:9]   letter.find(b"--", start, end)

A look at a few bytes reads a page and keeps it; a search goes through the file a megabyte at a time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, overload, runtime_checkable

LARGE = 8_388_608
"""Bytes above which a letter is read on the disk."""

_PAGE = 65_536
_STRIDE = 1_048_576


@runtime_checkable
class Octets(Protocol):
    """Bytes, or what is read like them."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, place: int, /) -> int: ...
    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...
    def find(self, wanted: bytes, start: int = 0, end: int | None = None, /) -> int: ...


class Paged:
    """The file at ``path``, which must not change meanwhile. FileNotFoundError. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        self._page_at, self._page = 0, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    def __getitem__(self, place: int | slice) -> int | bytes:
        if isinstance(place, slice):
            start, end, step = place.indices(self._size)
            if step != 1:
                raise ValueError("only runs of bytes can be read")
            return self._read(start, end)
        if not -self._size <= place < self._size:
            raise IndexError("no such byte")
        return self._read(place % self._size, place % self._size + 1)[0]

    def find(self, wanted: bytes, start: int = 0, end: int | None = None) -> int:
        """As ``bytes.find``, for something to find that is shorter than a page."""
        position, end, _ = slice(start, end).indices(self._size)
        stride = _PAGE // 4  # most searches end soon
        while position + len(wanted) <= end:
            window = self._read(position, min(end, position + stride))
            found = window.find(wanted)
            if found >= 0:
                return position + found
            position += max(1, len(window) - len(wanted) + 1)
            stride = min(stride * 4, _STRIDE)
        return -1

    def _read(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        if end - start > _PAGE // 2:
            return self._fetch(start, end)
        if not self._page_at <= start <= end <= self._page_at + len(self._page):
            self._page_at = max(0, start - _PAGE // 8)  # what stands just before is asked for next
            self._page = self._fetch(self._page_at, self._page_at + _PAGE)
        return self._page[start - self._page_at : end - self._page_at]

    def _fetch(self, start: int, end: int) -> bytes:
        pieces = []
        while start < end and (piece := os.pread(self._file, end - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@contextlib.contextmanager
def open_letter(path: Path) -> Iterator[Octets]:
    """The letter at ``path``: in memory when it is small. FileNotFoundError."""
    if path.stat().st_size <= LARGE:
        yield path.read_bytes()
        return
    with Paged(path) as letter:
        yield letter
