"""Reads letters beside everything else: many at once in a process of its own, a few in a thread.

Python runs one thread at a time, so a full mailbox would be read while nothing else is. The process is started when
there is enough to read, knows only how to read letters, ends with the pipe to its parent, and is sent home when it has
been idle for a while. A letter that was tried before is read there too: what kills a process shall not kill the
service.

    request    frame: folder of the blobs, (sha256, arrived at) of each letter
    answer     a frame for each letter: ``Read``, or empty: it holds text that no encoding takes, read it yourself
    frame      four bytes of length, MessagePack
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from wherefrom.inbox.reading import Read, read_letters
from wherefrom.mail.blobs import Blobs

Asked = Sequence[tuple[str, datetime]]

_WORTH_IT = 16
_HOME_AFTER = 30.0
_END_SECONDS = 5.0
_PIPE_BYTES = 1_048_576  # with the usual 64 KiB the two processes wait for each other at every few letters
_ALLOCATIONS = 50_000  # between two looks for cycles: a letter is thousands of objects, and makes none
_answers = msgspec.msgpack.Decoder(Read, dec_hook=lambda _, value: value)  # Octets, which come as bytes
_requests = msgspec.msgpack.Decoder(tuple[str, list[tuple[str, datetime]]])


class ReaderDied(Exception):
    """The process ended while it read; one of the letters is to blame, or somebody killed it."""


class Reader:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._busy = asyncio.Lock()
        self._used_at = 0.0

    async def read(self, blobs: Blobs, asked: Asked, *, apart: bool = False) -> list[Read]:
        """What ``read_letters`` answers; ``apart``: in the other process, however few. ReaderDied, OSError."""
        if not apart and len(asked) < _WORTH_IT and self._process is None:
            return await asyncio.to_thread(read_letters, blobs, asked)
        async with self._busy:
            try:
                found = await asyncio.to_thread(self._ask, blobs, asked)
            except BaseException:  # the conversation is broken off in the middle
                self._kill()
                raise
            self._used_at = time.monotonic()
        left = [place for place, one in zip(asked, found, strict=True) if one is None]
        here = iter(await asyncio.to_thread(read_letters, blobs, left) if left else ())
        return [next(here) if one is None else one for one in found]

    def __del__(self) -> None:
        self.close()

    def rest(self) -> None:
        """There is nothing to read."""
        if self._process is not None and not self._busy.locked() and time.monotonic() - self._used_at > _HOME_AFTER:
            self.close()

    def close(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self.close()

    def _ask(self, blobs: Blobs, asked: Asked) -> list[Read | None]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "wherefrom.inbox.reader"]
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=_PIPE_BYTES
            )
            assert self._process.stdout is not None
            with contextlib.suppress(OSError):  # a kernel that gives no more to this user
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _write(process.stdin, msgspec.msgpack.encode((str(blobs.folder.absolute()), asked)))
            process.stdin.flush()
            frames = [_read_frame(process.stdout) for _ in asked]
        except (BrokenPipeError, EOFError):
            raise ReaderDied(f"the process that read it ended with {process.wait(_END_SECONDS)}") from None
        return [_answers.decode(frame) if frame else None for frame in frames]


def _write(pipe: IO[bytes], frame: bytes) -> None:
    pipe.write(len(frame).to_bytes(4, "big"))
    pipe.write(frame)


def _read_frame(pipe: IO[bytes]) -> bytes:
    size = pipe.read(4)
    frame = pipe.read(int.from_bytes(size, "big")) if len(size) == 4 else b""
    if len(size) < 4 or len(frame) < int.from_bytes(size, "big"):
        raise EOFError
    return frame


def _encode(one: Read) -> bytes:
    try:
        return msgspec.msgpack.encode(one)
    except (UnicodeEncodeError, ValueError):
        return b""


def main() -> None:
    """The process. It writes nothing but answers to its standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's business
    answers = os.fdopen(os.dup(1), "wb", _PIPE_BYTES)
    os.dup2(2, 1)
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 20)
    try:
        while True:
            folder, asked = _requests.decode(_read_frame(sys.stdin.buffer))
            for one in read_letters(Blobs(Path(folder)), asked):
                _write(answers, _encode(one))
            answers.flush()
    except EOFError:
        return
    except BrokenPipeError:  # the parent ended before it was answered
        os._exit(0)  # as it is: the end of Python would try to write what is left


if __name__ == "__main__":
    main()
