"""Blobs: atomic, durable, the same bytes once."""

import asyncio
import hashlib
import os
import threading
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
    assert blobs.path(name) == tmp_path / "blobs" / name[:2] / name


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


async def test_many_are_durable_together_each_under_its_name_and_a_repeated_one_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    contents = [b"letter %d" % number for number in range(20)]
    first = await blobs.put(contents[3])
    names = await blobs.put_many([*contents, contents[0], contents[3]])
    assert names == [hashlib.sha256(one).hexdigest() for one in [*contents, contents[0], contents[3]]]
    assert names[3] == first
    assert sorted(files_in(tmp_path)) == sorted(set(names))
    assert [await blobs.get(name) for name in names[:20]] == contents


async def test_names_appear_only_after_the_bytes_of_all_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path)
    waits: list[int] = []

    def wait_for_disk(_self: Blobs) -> None:
        waits.append(len([name for name in files_in(tmp_path) if len(name) == 64]))

    monkeypatch.setattr(Blobs, "_sync_disk", wait_for_disk)
    await blobs.put_many([b"letter %d" % number for number in range(20)])
    assert waits == [0, 20]


async def test_when_the_disk_fails_none_of_many_is_there_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path)

    def full_disk(_self: Blobs) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Blobs, "_sync_disk", full_disk)
    with pytest.raises(OSError, match="No space"):
        await blobs.put_many([b"letter %d" % number for number in range(20)])
    assert files_in(tmp_path) == []


async def test_a_blob_written_piece_by_piece_is_the_same_blob(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    whole = await blobs.put(b"a letter in pieces")
    for pieces in ([b"a letter", b" in pieces"], [b"another ", b"one"]):
        coming = blobs.begin()
        for piece in pieces:
            coming.write(piece)
        (name,) = await blobs.put_many([coming])
        assert await blobs.get(name) == b"".join(pieces)
        assert coming.size == len(b"".join(pieces))
        assert (name == whole) == (pieces[0] == b"a letter")
    abandoned = blobs.begin()
    abandoned.write(b"never")
    abandoned.abandon()
    assert len(files_in(tmp_path)) == 2


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_bytes_nobody_refers_to_go_unless_they_were_put_a_moment_ago(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = await blobs.put(b"kept once")
    assert not await blobs.remove_unused(name, timedelta(hours=1))
    assert await blobs.get(name) == b"kept once"
    os.utime(blobs.path(name), (0, 0))
    assert await blobs.remove_unused(name, timedelta(hours=1))
    assert not blobs.path(name).exists()
    assert await blobs.remove_unused(name, timedelta(hours=1)), "one that is not there is gone"


async def test_bytes_that_are_put_again_are_as_young_as_new_ones(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = await blobs.put(b"again")
    os.utime(blobs.path(name), (0, 0))
    await blobs.put(b"again")
    assert not await blobs.remove_unused(name, timedelta(hours=1))


def test_bytes_that_are_put_while_they_are_removed_are_there_afterwards(tmp_path: Path) -> None:
    """The race of a letter that comes again at the moment its bytes are thought to be needed by nobody."""
    blobs, other = Blobs(tmp_path), Blobs(tmp_path)
    path = blobs.path(blobs.keep([b"raced"])[0])
    both, rounds, kept = threading.Barrier(2), 400, 0

    def remove() -> None:
        for _ in range(rounds):
            both.wait(60)
            asyncio.run(other.remove_unused(path.name, timedelta(hours=1)))
            both.wait(60)

    thread = threading.Thread(target=remove)
    thread.start()
    for _ in range(rounds):
        os.utime(path, (0, 0))
        both.wait(60)
        blobs.keep([b"raced"])
        both.wait(60)
        kept += path.is_file()
    thread.join(60)
    assert kept == rounds
    assert list((tmp_path / "removing").iterdir()) == []


def test_bytes_that_are_removed_while_their_time_is_being_set_are_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel finds the file, then sets its time: between the two the other process may see the old time."""
    blobs, other = Blobs(tmp_path), Blobs(tmp_path)
    path = blobs.path(blobs.keep([b"raced"])[0])
    os.utime(path, (0, 0))
    removed: list[bool] = []
    set_time = os.utime

    def between(found: str) -> None:
        with Path(found).open("rb") as file:
            removed.append(asyncio.run(other.remove_unused(path.name, timedelta(hours=1))))
            set_time(file.fileno())

    monkeypatch.setattr("wherefrom.mail.blobs.os.utime", between)
    blobs.keep([b"raced"])
    assert removed == [True]
    assert path.read_bytes() == b"raced"


async def test_blobs_that_an_earlier_version_put_a_folder_deeper_come_to_their_places(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    names = [await blobs.put(b"letter %d" % number) for number in range(40)]
    for name in names[:30]:
        deep = tmp_path / name[:2] / name[2:4]
        deep.mkdir(exist_ok=True)
        blobs.path(name).rename(deep / name)
    Blobs(tmp_path).settle()
    assert [await blobs.get(name) for name in names] == [b"letter %d" % number for number in range(40)]
    assert not any(blobs.path(name).parent.joinpath(name[2:4]).exists() for name in names)


async def test_what_a_crash_left_half_removed_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(tmp_path)
    name = await blobs.put(b"half removed")
    (tmp_path / "removing").mkdir()
    blobs.path(name).rename(tmp_path / "removing" / name)
    await blobs.sweep()
    assert not blobs.path(name).exists(), "somebody may be removing it at this moment"
    monkeypatch.setattr("wherefrom.mail.blobs._REMOVAL_SECONDS", -1)
    await blobs.sweep()
    assert await blobs.get(name) == b"half removed"
