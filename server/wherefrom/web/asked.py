"""A request of a hot route, and the way back: the same for both ways it may have come.

    web.protocol   parsed from the connection, answered to the connection
    AsgiAsked      told by any ASGI server, answered by ASGI; below, since ``web.front`` needs it

A *door* is the route itself: it is given a request and answers it, at once or later, exactly once. What it raises is
told by ``fail``, which it also calls itself where nobody else would catch it: in a callback.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from wherefrom.web.wire import Headers, Reply


class Asked(ABC):
    """``path`` without the query. ``headers`` as ASGI has them, names in lower case. ``body`` is None when it is larger
    than the route takes. ``peer``: the address at the other end of the connection, which may be a proxy's."""

    __slots__ = ("body", "headers", "method", "path", "peer")

    method: str
    path: str
    headers: Headers
    body: bytes | None
    peer: str

    def find_headers(self, names: Collection[bytes]) -> dict[bytes, str]:
        """The first header of each of ``names`` (lower case) that is there."""
        found: dict[bytes, str] = {}
        for name, value in self.headers:
            if name in names and name not in found:
                found[name] = value.decode("latin-1")
        return found

    @abstractmethod
    def answer(self, reply: Reply) -> None:
        """Once; nothing happens where the asker has gone."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Answers what was not expected."""

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """For a door that has to await: ``work`` answers. What it raises is told by ``fail``."""


Door = Callable[[Asked], None]


class AsgiAsked(Asked):
    """``replied`` is the answer, or raises what there is instead."""

    __slots__ = ("_work", "replied")

    def __init__(self, scope: Scope, body: bytes | None) -> None:
        self.method = scope["method"]
        self.path = scope["path"]
        self.headers = scope["headers"]
        self.peer = (scope.get("client") or ("",))[0]
        self.body = body
        self.replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._work: asyncio.Task[None] | None = None

    def answer(self, reply: Reply) -> None:
        if not self.replied.done():
            self.replied.set_result(reply)

    def fail(self, error: Exception) -> None:
        if not self.replied.done():
            self.replied.set_exception(error)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = asyncio.create_task(self._finish(work))
        self.replied.add_done_callback(self._end)

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
            if not self.replied.done():
                raise RuntimeError(f"{self.path} was not answered")
        except Exception as error:
            self.fail(error)

    def _end(self, replied: asyncio.Future[Reply]) -> None:
        if replied.cancelled() and self._work is not None:
            self._work.cancel()


async def receive_body(receive: Receive, headers: Headers, limit: int) -> bytes | None:
    """The body, or None where it has more than ``limit`` bytes, read no further than that. ClientDisconnect when the
    sender has gone."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            return None
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return body
