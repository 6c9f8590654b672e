"""Starlette, behind a front where the most asked routes are answered.

    request ─▶ a direct route's path? ─▶ its door, as it is
               no ─▶ Starlette: middleware, router, exception handlers

Middleware, router and exception handlers take about a third of what a small answer costs, and do nothing for a route
that writes its own headers and meets its own errors. Below a Starlette of its own, as in tests, a direct route works
like any other. Where the connection is our own (``web.protocol``), the front is passed by: see ``Doors``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import URLPath
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from wherefrom.web.asked import AsgiAsked, Asked, Door, receive_body
from wherefrom.web.wire import Reply, fixed, reply_of, send_reply

Tell = Callable[[Request, Exception], Awaitable[Response]]

Note = Callable[[str, str, int, float], None]
"""Is told the method, path, status and seconds of what was answered."""


class DirectRoute(BaseRoute):
    """``door`` at ``path``, or (``is_prefix``) at all paths that begin with it, for some methods. ``limit`` is how many
    bytes a body may have."""

    def __init__(
        self, path: str, door: Door, methods: Collection[str], *, is_prefix: bool = False, limit: int = 0
    ) -> None:
        self.path = path
        self.is_prefix = is_prefix
        self.door = door
        self.methods = frozenset(methods)
        self.limit = limit
        self._not_allowed = fixed(405, [(b"allow", ", ".join(methods).encode())])

    def has(self, path: str) -> bool:
        return path.startswith(self.path) if self.is_prefix else path == self.path

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's router asks. A wrong method is met here, too: nobody else has the path."""
        mine = self.has(scope["path"] if scope["type"] == "http" else "")
        return (Match.FULL, {"endpoint": self.door}) if mine else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self.methods:
            await send_reply(send, self._not_allowed)
            return
        body: bytes | None = b""
        if self.limit and scope["method"] == "POST":
            try:
                body = await receive_body(receive, scope["headers"], self.limit)
            except ClientDisconnect:
                return
        asked = AsgiAsked(scope, body)
        self.door(asked)
        await send_reply(send, await asked.replied)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)


class Doors:
    """The direct routes, for a connection that hands requests to them by itself. ``beginnings``: how requests begin
    that may be for one of them. ``by_url``: those found by the whole of what is asked. ``note`` (None: nobody) is told
    what was answered."""

    def __init__(self, routes: Sequence[BaseRoute], tell: Tell) -> None:
        direct = [route for route in routes if isinstance(route, DirectRoute)]
        self._exact = {route.path: route for route in direct if not route.is_prefix}
        self._prefixes = tuple((route.path, route) for route in direct if route.is_prefix)
        self.by_url = {
            path.encode(): route for path, route in self._exact.items() if path.isascii() and self.find(path) is route
        }
        self._tell = tell
        self.note: Note | None = None
        self.beginnings = tuple(
            f"{method} {route.path}".encode()
            for route in direct
            for method in ("POST" if route.limit else "GET", "OPTIONS")
            if method in route.methods and route.path.isascii()
        )

    def find(self, path: str) -> DirectRoute | None:
        for prefix, route in self._prefixes:
            if path.startswith(prefix):
                return route
        return self._exact.get(path)

    async def tell(self, asked: Asked, error: Exception) -> Reply:
        """The answer to what a door raised."""
        scope = {"type": "http", "method": asked.method, "path": asked.path, "headers": asked.headers}
        return reply_of(await self._tell(Request(scope), error))


class Front(Starlette):
    """``tell`` answers what a direct route raises."""

    def __init__(self, routes: Sequence[BaseRoute], *, tell: Tell, **more: Any) -> None:
        super().__init__(routes=routes, **more)
        self.doors = Doors(routes, tell)
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.doors.find(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await super().__call__(scope, receive, send)
            return
        try:
            await route.handle(scope, receive, send)
        except Exception as error:
            answer = await self._tell(Request(scope), error)
            await answer(scope, receive, send)
