"""What the front of `docker/` does with its connections to the web processes."""

from __future__ import annotations

import asyncio
import time

import httpx
import uvicorn

from tests.flood.wire import until
from tests.support.components import CADDY, require
from tests.support.front import Front
from tests.support.ports import LOOPBACK, free_port

KEPT_BY_THE_SERVICE = uvicorn.Config("").timeout_keep_alive


async def test_the_front_lets_an_idle_connection_go_well_before_the_service_does() -> None:
    """Else it asks by one that is just being closed, and a visitor's page, which is asked for once, hears 502."""
    require(CADDY)
    port, all_asked = free_port(), asyncio.Event()
    answered_at: dict[asyncio.StreamWriter, float] = {}
    kept: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            while line := await reader.readline():
                if line == b"\r\n":
                    break
            if b"/page" in head:
                answered_at[writer] = time.monotonic()
                await all_asked.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        if writer in answered_at:
            kept.append(time.monotonic() - answered_at[writer])
        writer.close()

    front = Front([port])
    async with await asyncio.start_server(serve, LOOPBACK, port), httpx.AsyncClient(timeout=60) as client:
        try:
            await asyncio.to_thread(front.start)
            pages = [asyncio.create_task(client.get(front.url + "/page")) for _ in range(3)]
            await until(lambda: len(answered_at) == 3)
            all_asked.set()
            assert {(await page).status_code for page in pages} == {200}
            await until(lambda: len(kept) > 1)  # the third one is kept by the front's own questions whether all is well
        finally:
            await asyncio.to_thread(front.remove)
    assert min(kept) < KEPT_BY_THE_SERVICE - 1
