"""Requests as ASGI has them, for the routes that every page shown goes through. (Answers are in ``web.wire``.)

Starlette's Request and Response cost such a route half of its time, its middleware and router a third (see
``web.front``). Whatever is rare in such a route may still use them.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from wherefrom.web.requests import too_large


def read_headers(scope: Scope, names: Collection[bytes]) -> dict[bytes, str]:
    """The first header of each of ``names`` (lower case) that is there."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in names and name not in found:
            found[name] = value.decode("latin-1")
    return found


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
