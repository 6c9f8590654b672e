"""A mail server on loopback that is slow in the middle of a letter: it reads the beginning of DATA, and no more until
it is told to go on. Plain SMTP (RFC 5321) without a login; it takes whatever comes."""

from __future__ import annotations

import asyncio
import contextlib

from tests.support.ports import LOOPBACK, free_port

_BEGINNING = 8_192


class SlowSmtp:
    """`async with` it. `begun` is set when the beginning of a letter was read; the rest is read once `go` is set.
    `letters` are those that came whole and were answered."""

    host = LOOPBACK

    def __init__(self) -> None:
        self.port = free_port()
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.letters: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> SlowSmtp:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=_BEGINNING)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.forget()

    async def forget(self) -> None:
        """Ends its connections: of a letter whose beginning it has read it never takes the rest."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 slow.example\r\n")
        while command := (await reader.readuntil(b"\r\n")).split()[:1]:
            if command[0].upper() == b"DATA":
                writer.write(b"354 go ahead\r\n")
                letter = await reader.readexactly(_BEGINNING)
                self.begun.set()
                await self.go.wait()
                while not letter.endswith(b"\r\n.\r\n"):
                    letter += await _more(reader)
                self.letters.append(letter)
            writer.write(b"250 ok\r\n")
            await writer.drain()


async def _more(reader: asyncio.StreamReader) -> bytes:
    piece = await reader.read(_BEGINNING)
    if not piece:
        raise asyncio.IncompleteReadError(b"", None)
    return piece
