"""Requests and answers as ASGI has them, for the routes that every page shown goes through.

Starlette's Request and Response cost such a route half of its time, its middleware and router a third (see
``web.front``). Whatever is rare in such a route may still use them.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from wherefrom.web.requests import too_large

Headers = list[tuple[bytes, bytes]]


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


class Fixed:
    """An answer that is always the same, made once. The server looks through each header it is given and takes a
    microsecond for it, so such an answer has no header that nobody needs."""

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        told = [*headers, (b"content-length", b"%d" % len(body))]
        self._start: Message = {"type": "http.response.start", "status": status, "headers": told}
        self._body: Message = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self._start)
        await send(self._body)


async def send_answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """The whole answer; its length is added to ``headers``, unless the status has no body."""
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
