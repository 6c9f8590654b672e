"""Letters read in a process of their own: the same letters, and a death that harms nobody."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.inbox.letters import letter
from wherefrom.inbox import reader as reader_module
from wherefrom.inbox.reader import Reader, ReaderDied
from wherefrom.inbox.reading import read_letters
from wherefrom.mail.blobs import Blobs

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SPECIMENS = sorted((Path(__file__).parents[1] / "mail" / "specimens").rglob("*.eml"))

HALF_A_CHARACTER = b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-7\r\n\r\nhalf a character: +2AA-\r\n"


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reader]:
    made = Reader()
    yield made
    made.close()


async def test_letters_read_in_another_process_are_the_letters_read_here(tmp_path: Path, reader: Reader) -> None:
    blobs = Blobs(tmp_path)
    raws = [*(path.read_bytes() for path in SPECIMENS), b"", b"no letter", HALF_A_CHARACTER]
    asked = [(name, NOW) for name in await blobs.put_many(raws)]
    found = await reader.read(blobs, [*asked, ("0" * 64, NOW)])
    assert found == read_letters(blobs, [*asked, ("0" * 64, NOW)])
    assert sum(one.letter is not None for one in found) > 20
    files = [file for one in found for file in one.files]
    assert files
    assert [len(await blobs.get(file.sha256)) for file in files] == [file.size for file in files]


async def test_few_letters_need_no_process(tmp_path: Path, reader: Reader) -> None:
    blobs = Blobs(tmp_path)
    (found,) = await reader.read(blobs, [(await blobs.put(letter()), NOW)])
    assert found.letter is not None
    assert reader._process is None


async def test_a_process_that_dies_over_a_letter_is_told_and_replaced(tmp_path: Path, reader: Reader) -> None:
    blobs = Blobs(tmp_path)
    asked = [(await blobs.put(letter()), NOW)]
    await reader.read(blobs, asked, apart=True)
    assert reader._process is not None
    pid = reader._process.pid
    os.kill(pid, signal.SIGSTOP)
    reading = asyncio.create_task(reader.read(blobs, asked, apart=True))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    try:
        await reading
    except ReaderDied as death:
        assert "-9" in str(death)  # noqa: PT017 (it may have died before it was asked)
    (found,) = await reader.read(blobs, asked, apart=True)
    assert found.letter is not None
    assert reader._process.pid != pid


async def test_an_idle_process_is_sent_home(tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(tmp_path)
    await reader.read(blobs, [(await blobs.put(letter()), NOW)], apart=True)
    process = reader._process
    assert process is not None
    reader.rest()
    assert process.poll() is None
    monkeypatch.setattr(reader_module, "_HOME_AFTER", 0.0)
    reader.rest()
    assert process.poll() == 0


async def test_a_process_whose_parent_is_gone_ends_without_a_word(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    frame = msgspec.msgpack.encode((str(blobs.folder), [(await blobs.put(letter()), NOW)]))
    assert await asyncio.to_thread(ask_and_leave, frame) == (b"", 0)


def ask_and_leave(frame: bytes) -> tuple[bytes, int]:
    """What the process says to its standard error, and how it ends."""
    command = [sys.executable, "-m", "wherefrom.inbox.reader"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdout.close()
    process.stdin.write(len(frame).to_bytes(4, "big") + frame)
    return process.communicate(timeout=30)[1], process.returncode
