"""Connections that behave badly, byte by byte, and what a service says to them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

PATIENCE = 30.0  # of a machine with more to do; what is waited for comes within seconds on a quiet one
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


async def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@dataclass(slots=True)
class Line:
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> bytes:
        """One answer with a length, whole; what came instead when the connection ends before."""
        head = b""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            async with asyncio.timeout(PATIENCE):
                head = await self.reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"content-length: (\d+)", head)
                return head + (await self.reader.readexactly(int(found[1])) if found else b"")
        return head

    async def hear_the_end(self) -> bytes:
        """All there is until the service closes."""
        heard = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while piece := await self.reader.read(65536):
                    heard += piece
        return heard

    async def drip(self, data: bytes, pause: float) -> float:
        """A byte at a time until the service closes; how many seconds it took it."""
        began = time.monotonic()
        ended = asyncio.create_task(self.hear_the_end())
        with contextlib.suppress(ConnectionError):
            for at in range(len(data)):
                await self.say(data[at : at + 1])
                done, _ = await asyncio.wait({ended}, timeout=pause)
                if done:
                    break
        await ended
        return time.monotonic() - began


@contextlib.asynccontextmanager
async def line(port: int) -> AsyncIterator[Line]:
    opened = await open_line(port)
    try:
        yield opened
    finally:
        opened.writer.transport.abort()


async def open_line(port: int) -> Line:
    return Line(*await asyncio.open_connection("127.0.0.1", port))


async def is_answering(port: int) -> bool:
    async with line(port) as one:
        await one.say(HEALTH)
        return (await one.hear()).startswith(b"HTTP/1.1 200")
