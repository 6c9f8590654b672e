"""A server with a few hot routes, and clients that say bytes and hear bytes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.flood.wire import PATIENCE, until
from wherefrom.load import Load
from wherefrom.settings import Limits
from wherefrom.web.asked import AsgiAsked, Asked
from wherefrom.web.bounds import Bounds, Place
from wherefrom.web.front import DirectRoute, Front
from wherefrom.web.protocol import HotProtocol
from wherefrom.web.requests import Proxies
from wherefrom.web.serve import bind
from wherefrom.web.wire import Head, fixed

LARGE = b"#" * 4_000_000  # more than the kernel takes
_FOUND, _PICTURE = Head(200, [(b"vary", b"Origin")]), fixed(200, [(b"content-type", b"image/gif")], b"picture")
_NOTHING, _MOVED = fixed(204, []), Head(307, [])


@dataclass(slots=True)
class Doors:
    """``ways``: how each request came, by hand of our connection or by ASGI. ``gate`` lets those below ``/later`` go
    on, ``ended`` has those that did."""

    ways: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Front:
        routes = [
            DirectRoute("/fixed", lambda asked: asked.answer(_PICTURE), ("GET", "HEAD")),
            DirectRoute("/nothing", lambda asked: asked.answer(_NOTHING), ("GET",)),
            DirectRoute("/moved", lambda asked: asked.answer(_MOVED.reply(b"", b"location", b"/x")), ("GET", "HEAD")),
            DirectRoute("/split", lambda asked: asked.answer(_MOVED.reply(b"", b"location", b"/\r\na: b")), ("GET",)),
            DirectRoute("/o/", self._echo, ("GET", "POST"), is_prefix=True),
            DirectRoute("/echo", self._echo, ("POST", "OPTIONS"), limit=1000),
            DirectRoute("/who", self._who, ("GET",)),
            DirectRoute("/twice", self._twice, ("GET",)),
            DirectRoute("/large", self._large, ("GET",)),
            DirectRoute("/later/", self._later, ("GET",), is_prefix=True),
            DirectRoute("/broken/", self._broken, ("GET",), is_prefix=True),
            Route("/usual", self._usual),
        ]
        return Front(routes, tell=_tell)

    def _note(self, asked: Asked) -> None:
        self.ways.append("asgi" if isinstance(asked, AsgiAsked) else "direct")
        self.arrived.set()

    def _echo(self, asked: Asked) -> None:
        self._note(asked)
        told = b"too large" if asked.body is None else asked.body
        asked.answer(_FOUND.reply(b"<%b %b>" % (asked.path.encode(), told)))

    def _who(self, asked: Asked) -> None:
        self._note(asked)
        who = Proxies(("127.0.0.0/8", "10.0.0.0/8")).find_visitor(asked.peer, asked.headers)
        asked.answer(_FOUND.reply(who.encode()))

    def _twice(self, asked: Asked) -> None:
        asked.answer(_FOUND.reply(b"first"))
        asked.answer(_FOUND.reply(b"second"))
        asked.fail(ValueError("too late"))

    def _large(self, asked: Asked) -> None:
        self._note(asked)
        asked.answer(_FOUND.reply(LARGE))

    def _later(self, asked: Asked) -> None:
        self._note(asked)

        async def work() -> None:
            await self.gate.wait()
            self.ended.append(asked.path)
            asked.answer(_FOUND.reply(b"<%b>" % asked.path.encode()))

        asked.run(work())

    def _broken(self, asked: Asked) -> None:
        self._note(asked)

        async def work() -> None:
            if asked.path.endswith("/late"):
                raise ValueError("no luck")

        if asked.path.endswith("/now"):
            raise ValueError("no luck")
        asked.run(work())

    async def _usual(self, _request: Request) -> Response:
        self.ways.append("usual")
        return PlainTextResponse("usual")


async def _tell(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path}: {error}", 500)


class Served(uvicorn.Server):
    """On ``port``, over our connections; they are kept open for ``quiet`` seconds."""

    def __init__(self, doors: Doors, quiet: int = 60) -> None:
        bounds = Bounds(Limits(), Load())
        super().__init__(
            uvicorn.Config(
                doors.app(), http=functools.partial(HotProtocol, bounds=bounds), timeout_keep_alive=quiet,
                log_config=None, access_log=False, server_header=False, date_header=False, proxy_headers=False,
                lifespan="off",
            )
        )  # fmt: skip
        self.listening = bind("127.0.0.1", 0)
        self.port = self.listening.getsockname()[1]

    async def read_on(self, place: Place = "head") -> None:
        """Until some connection is in the middle of a request's head, or body."""
        await until(lambda: any(one.place == place for one in self.server_state.connections))  # type: ignore[union-attr]


@contextlib.asynccontextmanager
async def serving(doors: Doors, quiet: int = 60) -> AsyncIterator[Served]:
    server = Served(doors, quiet)
    task = asyncio.create_task(server.serve([server.listening]))
    try:
        yield server
    finally:
        server.should_exit = True
        await task


async def talk(port: int, *said: bytes) -> bytes:
    """All that comes back until the server closes. Each piece after the first is said when an answer to it has begun,
    so that it comes by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    for piece in said[:-1]:
        writer.write(piece)
        heard += await asyncio.wait_for(reader.read(65536), PATIENCE)
    writer.write(said[-1])
    heard += await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return heard


def ask(path: str, method: str = "GET", version: str = "1.1", body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "host: t", *headers]
    lines += [f"content-length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


CLOSING = ask("/usual", "GET", "1.1", b"", "connection: close")
