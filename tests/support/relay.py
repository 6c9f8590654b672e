"""A TCP relay on loopback that stands between a client and its server, to be cut and mended like a cable.

mended   bytes go both ways
cut      connections are reset, new ones refused: a switch that was turned off
silent   nothing goes through and nobody is told: a cable that was pulled out; told when it is mended
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from tests.support.ports import LOOPBACK, free_port

_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Leads from ``port`` to ``target`` on loopback; belongs to the event loop it was started in."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()

    async def mend(self) -> None:
        """Lets through what comes from now on; connections of before a silence have ended by then, unheard."""
        if not self._flows.is_set():
            self._reset()
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    def cut(self) -> None:
        """Resets all connections and refuses new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._reset()

    def silence(self) -> None:
        """Lets nothing through, and tells nobody. New connections are taken and hear nothing."""
        self._flows.clear()

    async def stop(self) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _reset(self) -> None:
        for writer in list(self._writers):
            plug: socket.socket | None = writer.get_extra_info("socket")
            if plug is not None:
                with contextlib.suppress(OSError):
                    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            # Ended by ``stop``, too: the stream's own callback takes a cancelled task for a fault.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target)
        self._writers.add(far_writer)
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(far_writer)
            far_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            await self._flows.wait()
            sink.write(piece)
            await sink.drain()
