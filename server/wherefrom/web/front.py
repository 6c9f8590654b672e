"""Starlette, behind a front where the most asked routes are answered.

    request ─▶ a direct route's path? ─▶ its callable, as it is
               no ─▶ Starlette: middleware, router, exception handlers

Middleware, router and exception handlers take about a third of what a small answer costs, and do nothing for a route
that writes its own headers and meets its own errors. Below a Starlette of its own, as in tests, a direct route works
like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import URLPath
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from wherefrom.web.wire import send_answer

Tell = Callable[[Request, Exception], Awaitable[Response]]


class DirectRoute(BaseRoute):
    """A door to ``app`` at ``path``, or (``is_prefix``) at all paths that begin with it, for some methods. ``app`` is a
    plain ASGI callable (see ``web.plain``, ``web.wire``) that sets all headers itself and reads ``scope["path"]``."""

    def __init__(self, path: str, app: ASGIApp, methods: Collection[str], *, is_prefix: bool = False) -> None:
        self.path = path
        self.is_prefix = is_prefix
        self.app = app
        self.methods = frozenset(methods)
        self._allow = ", ".join(methods).encode()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's router asks. A wrong method is met here, too: nobody else has the path."""
        path = scope["path"] if scope["type"] == "http" else ""
        mine = path.startswith(self.path) if self.is_prefix else path == self.path
        return (Match.FULL, {"endpoint": self.app}) if mine else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in self.methods:
            await self.app(scope, receive, send)
        else:
            await send_answer(send, 405, [(b"allow", self._allow)])

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)


class Front(Starlette):
    """``tell`` answers what a direct route raises, before it has begun to answer."""

    def __init__(self, routes: Sequence[BaseRoute], *, tell: Tell, **more: Any) -> None:
        super().__init__(routes=routes, **more)
        direct = [route for route in routes if isinstance(route, DirectRoute)]
        self._exact = {route.path: route for route in direct if not route.is_prefix}
        self._prefixes = tuple((route.path, route) for route in direct if route.is_prefix)
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._find(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await super().__call__(scope, receive, send)
            return
        try:
            if scope["method"] in route.methods:
                await route.app(scope, receive, send)
            else:
                await route.handle(scope, receive, send)
        except Exception as error:
            answer = await self._tell(Request(scope), error)
            await answer(scope, receive, send)

    def _find(self, path: str) -> DirectRoute | None:
        for prefix, route in self._prefixes:
            if path.startswith(prefix):
                return route
        return self._exact.get(path)
