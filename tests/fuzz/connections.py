"""What comes over a connection: requests, and what is none.

Each input is sent to our own connection, which has a short way for most requests (see ``web.protocol``), and to one
without it: both have to answer alike. In two pieces it has to be met without a fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.server import ServerState

from tests.fuzz.target import Feed, Target
from wherefrom.load import Load
from wherefrom.settings import Limits
from wherefrom.web.asked import Asked
from wherefrom.web.bounds import BoundedProtocol, Bounds
from wherefrom.web.front import DirectRoute, Front
from wherefrom.web.protocol import HotProtocol
from wherefrom.web.wire import fixed

_GIF = fixed(200, [(b"content-type", b"image/gif")], b"GIF")
_TAKEN = fixed(202, [(b"content-type", b"text/plain")], b"taken")
_LARGE = fixed(413, [(b"content-type", b"text/plain")], b"large")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_TURNS = 12  # of the loop, after which a request is answered

WORDS = (
    b"\r\n", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"GET ", b"HEAD ", b"POST ", b"OPTIONS * ", b"CONNECT a:1 ",
    b"content-length: 5\r\n",
    b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"connection: close\r\n",
    b"connection: keep-alive\r\n", b"expect: 100-continue\r\n", b"upgrade: websocket\r\nconnection: upgrade\r\n",
    b"transfer-encoding: identity\r\n", b"\t", b"\x0b", b": ", b"%2e%2e/", b"?", b"#", b"//", b"http://x/o/", b"\n",
    b"GET /o/a.gif HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)  # fmt: skip


def _pixel(asked: Asked) -> None:
    asked.answer(_GIF)


def _page(asked: Asked) -> None:
    async def take() -> None:
        await asyncio.sleep(0)
        asked.answer(_LARGE if asked.body is None else _TAKEN)

    asked.run(take())


async def _slow_way(request: Request) -> Response:
    body = await request.body()
    return PlainTextResponse("read", 200 if len(body) < 1000 else 413)


async def _tell_nobody(_request: Request, _gone: Exception) -> Response:
    return Response(status_code=400)


async def _tell(_request: Request, error: Exception) -> Response:
    raise error


def seeds() -> Sequence[bytes]:
    get, post = b"GET /o/a.gif HTTP/1.1\r\nhost: x\r\nuser-agent: y\r\n\r\n", b"POST /v1/visits HTTP/1.1\r\nhost: x\r\n"
    return [
        get, post + b"content-length: 5\r\n\r\nhello",
        post + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        get + get, post + b"content-length: 5\r\n\r\nhello" + get, b"GET /x?a=b HTTP/1.1\r\nhost: x\r\n\r\n" + get,
        b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nok", get.replace(b"GET", b"HEAD"),
        get.replace(b"user-agent: y", b"connection: close"), get.replace(b"1.1", b"1.0"),
        post + b"content-length: 2000\r\n\r\n",
    ]  # fmt: skip


class _Server:
    def __init__(self) -> None:
        routes = [
            DirectRoute("/o/", _pixel, ("GET", "HEAD"), is_prefix=True),
            DirectRoute("/v1/visits", _page, ("POST", "OPTIONS"), limit=1000),
            Route("/x", _slow_way, methods=["GET", "POST"]),
        ]
        app = Front(routes, tell=_tell, exception_handlers={ClientDisconnect: _tell_nobody})
        self._faults: list[dict[str, Any]] = []
        self._config = uvicorn.Config(
            app,
            proxy_headers=False,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            ws="none",
        )
        self._config.load()
        self._state = ServerState()
        self._bounds = Bounds(Limits(), Load())

    async def ask(self, kind: type[BoundedProtocol], pieces: Sequence[bytes]) -> tuple[list[bytes], bool]:
        """The statuses of what is answered, and whether the connection is closed then."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, met: self._faults.append(met))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        make = functools.partial(
            kind, config=self._config, server_state=self._state, app_state={}, _loop=loop, bounds=self._bounds
        )
        transport, _ = await loop.connect_accepted_socket(make, theirs)
        heard, closed = b"", False
        for piece in pieces:
            with contextlib.suppress(OSError):
                ours.send(piece)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
                with contextlib.suppress(BlockingIOError, ConnectionResetError):
                    told = ours.recv(1 << 20)
                    heard, closed = heard + told, closed or not told
        ours.close()
        transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)
        if self._faults:
            met = self._faults.pop()
            raise AssertionError(met.get("message")) from met.get("exception")
        return [status for status in _STATUS.findall(heard) if status != b"100"], closed


@contextlib.contextmanager
def open_connections() -> Iterator[Feed]:
    with asyncio.Runner() as runner:
        server = _Server()

        def feed(data: bytes) -> None:
            short = runner.run(server.ask(HotProtocol, [data]))
            long = runner.run(server.ask(BoundedProtocol, [data]))
            assert short == long, f"the short way {short}, the long one {long}"
            middle = sum(data[:64]) * 31 % max(1, len(data))
            parted = runner.run(server.ask(HotProtocol, [data[:middle], data[middle:]]))
            assert b"500" not in short[0] + parted[0]

        yield feed


TARGETS = (Target("connection", seeds, open_connections, WORDS, share=4, seconds=10.0),)
