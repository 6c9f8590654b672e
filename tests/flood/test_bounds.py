"""An answer that nobody takes, and who asks again at once after being turned away."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from tests.flood.wire import HEALTH, line, until
from wherefrom.app import build_app
from wherefrom.load import Load, Shed
from wherefrom.services import Services
from wherefrom.settings import Limits
from wherefrom.web.bounds import Bounds
from wherefrom.web.serve import bind, serve_http

SIZE = 50_000_000


async def _large(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % SIZE)]})
    await send({"type": "http.response.body", "body": bytes(SIZE)})


async def test_an_answer_that_is_not_taken_is_given_up() -> None:
    stop, load = asyncio.Event(), Load()
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(serve_http(_large, listening, stop, Bounds(Limits(), load, reader_seconds=0.5)))
    asker = socket.create_connection(("127.0.0.1", port))
    try:
        asker.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: load.counts[Shed.SLOW_READER] > 0)
    finally:
        asker.close()
        stop.set()
        await serving


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # it is not asked
async def test_who_is_turned_away_is_not_read_for_a_moment_and_others_are(services: Services) -> None:
    none = msgspec.structs.replace(services.settings, limits=Limits(waiting_writes=0))
    full = dataclasses.replace(services, settings=none, load=Load())
    stop, listening = asyncio.Event(), bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(serve_http(build_app(full), listening, stop))
    page = b"POST /v1/visits HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    try:
        async with line(port) as eager, line(port) as other:
            began = time.monotonic()
            await eager.say(page)
            first = await eager.hear()
            await eager.say(page)
            await other.say(HEALTH)
            assert (await other.hear()).startswith(b"HTTP/1.1 200")
            assert (await eager.hear()).startswith(b"HTTP/1.1 503")
            assert time.monotonic() - began > 0.2
    finally:
        stop.set()
        await serving
    assert first.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 2\r\n" in first
    assert full.load.counts[Shed.VISITS] == 2
    assert "visits (2 since the start)" in full.load.notices()[0]
