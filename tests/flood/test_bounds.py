"""An answer that nobody takes."""

from __future__ import annotations

import asyncio
import socket

from starlette.types import Receive, Scope, Send

from tests.flood.wire import until
from wherefrom.load import Load, Shed
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
