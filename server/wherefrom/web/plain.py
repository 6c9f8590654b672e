"""Requests and answers as ASGI has them, for the routes that every page shown goes through.

Starlette's Request and Response cost such a route half of its time. A route that is an object with ``__call__(scope,
receive, send)`` is called by Starlette's router as it is; whatever is rare in it may still use them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from starlette.datastructures import URLPath
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from wherefrom.web.requests import too_large

Headers = list[tuple[bytes, bytes]]


def read_headers(scope: Scope, names: Collection[bytes]) -> dict[bytes, str]:
    """The first header of each of ``names`` (lower case) that is there."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in names and name not in found:
            found[name] = value.decode("latin-1")
    return found


class PrefixRoute(BaseRoute):
    """A door for GET and HEAD at all paths that begin with ``prefix``; what follows is path parameter ``rest``.
    Starlette's own Route finds it by a regular expression, which costs five times as much."""

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self._prefix = prefix
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            return Match.NONE, {}
        found = {"path_params": {"rest": scope["path"][len(self._prefix) :]}, "endpoint": self._app}
        return Match.FULL if scope["method"] in ("GET", "HEAD") else Match.PARTIAL, found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        else:
            await send_answer(send, 405, [(b"allow", b"GET, HEAD")])

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)


async def receive_body(receive: Receive, announced: str, limit: int) -> bytes:
    """The body, read no further than ``limit`` bytes; TooLarge beyond, whatever the Content-Length that is
    ``announced``. ClientDisconnect when the sender has gone."""
    if announced.isdecimal() and int(announced) > limit:
        raise too_large(limit)
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return body


async def send_answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """The whole answer; its length is added to ``headers``, unless the status has no body."""
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
