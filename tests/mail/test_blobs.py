"""Blobs: atomic, durable, the same bytes once."""

import asyncio
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

from wherefrom.errors import BadInput, NotFound
from wherefrom.mail.blobs import Blobs


async def test_what_was_put_comes_back_under_its_sha256(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    name = await blobs.put(b"a letter")
    assert name == hashlib.sha256(b"a letter").hexdigest()
    assert await blobs.get(name) == b"a letter"
    assert blobs.path(name) == tmp_path / "blobs" / name[:2] / name[2:4] / name


async def test_the_same_bytes_put_many_times_at_once_are_one_blob(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    names = await asyncio.gather(*(blobs.put(b"x" * 100_000) for _ in range(20)))
    assert len(set(names)) == 1
    assert files_in(tmp_path) == [names[0]]


async def test_another_store_on_the_same_folder_sees_the_blob(tmp_path: Path) -> None:
    name = await Blobs(tmp_path).put(b"shared")
    assert await Blobs(tmp_path).get(name) == b"shared"


async def test_a_missing_blob_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await Blobs(tmp_path).get("0" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "g" * 64])
async def test_a_name_that_is_no_sha256_touches_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        await Blobs(tmp_path).get(name)


async def test_delete_takes_it_away_and_twice_is_no_error(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = await blobs.put(b"gone soon")
    await blobs.delete(name)
    await blobs.delete(name)
    with pytest.raises(NotFound):
        await blobs.get(name)


async def test_a_write_that_fails_leaves_neither_blob_nor_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(tmp_path)
    name = hashlib.sha256(b"never").hexdigest()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        await blobs.put(b"never")
    monkeypatch.undo()
    assert files_in(tmp_path) == []
    assert await blobs.put(b"never") == name


async def test_sweep_removes_only_what_a_crash_left_long_ago(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = await blobs.put(b"whole")
    old, fresh = tmp_path / "incoming" / "old", tmp_path / "incoming" / "fresh"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert await blobs.sweep(timedelta(hours=1)) == 1
    assert fresh.exists()
    assert await blobs.get(name) == b"whole"


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]
