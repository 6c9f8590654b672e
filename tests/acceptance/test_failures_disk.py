"""The disk is full, or turns read-only while the service runs: what people see, and that nothing is lost by it.

Everything the service writes is on the disk in question: database (SQLite), letters, and, on the full one, its log.
Needs the right to mount one; the tests are left out where there is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.service import Service
from tests.acceptance.witness import until, witness_of
from tests.support.databases import Databases
from tests.support.dovecot import Dovecot
from tests.support.receiver import Receiver

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts by the given arguments, and takes it away after the test."""
    mounted: list[Path] = []

    def make(*arguments: str) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    try:
        yield make
    finally:
        for place in mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=False)


def fill(disk: Path) -> Path:
    """Writes until there is no room; the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    return ballast


def make_image(folder: Path) -> Path:
    """A disk in a file."""
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(48 << 20)
    run("mkfs.ext4", "-q", str(image))
    return image


def run(*command: str) -> None:
    subprocess.run(command, check=True)


async def test_a_full_disk_loses_nothing_and_is_named(
    mount: Mount, engine: str, databases: Databases, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver
) -> None:
    disk = mount("-t", "tmpfs", "-o", "size=32m", "tmpfs")
    url = await databases.create(disk)
    service = Service(disk, url)
    try:
        witness = await witness_of(service, client, dovecot, receiver)
        shown = await witness.write("A first letter")
        await until(lambda: len(receiver.requests) == 1)
        ballast = await asyncio.to_thread(fill, disk)
        if engine == "sqlite":  # its log of writes may have room for some more
            seen = await witness.until(lambda seen: seen.visit.status_code == 503)
            seen.assert_refused()
            assert "The disk of the database is full" not in seen.page  # it can be read
        seen = await witness.until_not_ready("the disk of the letters is full")
        seen.assert_goes_on()
        assert (seen.history.status_code, seen.click.status_code) == (200, 307)
        assert seen.visit.status_code == (503 if engine == "sqlite" else 200)
        witness.deliver(shown, "A second letter")
        ballast.unlink()
        await witness.until_well()
        await until(lambda: len(receiver.requests) == 2)
        assert service.stop() == 0, service.log()
        told = [one.json()["data"]["message"]["subject"] for one in receiver.requests]
        assert told == ["A first letter", "A second letter"]
        if engine == "sqlite":
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        service.kill()
        await databases.drop(url)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_disk_that_turns_read_only_is_named_and_can_be_mended(
    mount: Mount, tmp_path: Path, databases: Databases, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver
) -> None:
    """As the kernel does it when a disk fails."""
    image = make_image(tmp_path)
    disk = mount("-o", "loop", str(image))
    settings = f'[data]\nfolder = "{disk}/data"\nkey_file = "{disk}/data/secret.key"\n'
    service = Service(tmp_path, await databases.create(disk), extra_settings=settings)
    run(
        "sync", "--file-system", str(disk)
    )  # from here on the service sees to it itself that what it answers is on the disk
    try:
        witness = await witness_of(service, client, dovecot, receiver)
        shown = await witness.write("A first letter")
        await until(lambda: len(receiver.requests) == 1)
        run("mount", "-o", "remount,abort", str(disk))
        seen = await witness.until_not_ready("nothing can be written: the disk of the database fails")
        seen.assert_refused()
        assert seen.history.status_code == 200
        witness.deliver(shown, "A second letter")
        assert service.stop() == 0, service.log()  # though nothing can be written
        run("umount", str(disk))
        run("mount", "-o", "loop", str(image), str(disk))
        await service.start()
        await witness.until_well()
        await until(lambda: len(receiver.requests) == 2)
        assert service.stop() == 0, service.log()
    finally:
        service.kill()
