"""Answers written to the connection as they are, where uvicorn would take them apart and put them together again.

uvicorn looks through each header by two regular expressions, and takes the answer in two calls: a third of what a small
one costs. Whether it is safe to do without is asked of each request: only of uvicorn's own cycle on httptools, with
nothing sent before, a connection that stays open and keeps up, and no header that uvicorn itself would add. Whatever
else it is (HEAD, another server, a test's client, a later uvicorn that looks different) gets the answer as ASGI has it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from starlette.types import Scope, Send

Headers = list[tuple[bytes, bytes]]

_UNSAFE = re.compile(rb"[\x00-\x1f\x7f]")

_CYCLE = ("uvicorn.protocols.http.httptools_impl", "RequestResponseCycle")


class Head:
    """Status and headers of answers, spelled once for both ways. None that nobody needs: each costs."""

    def __init__(self, status: int, headers: Headers) -> None:
        self.status = status
        self._headers = headers
        lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
        lines += [name + b": " + value for name, value in headers]
        self._lines = b"\r\n".join(lines) + b"\r\n"

    async def send(self, send: Send, body: bytes = b"", name: bytes = b"", value: bytes = b"") -> None:
        """The whole answer, with its length unless the status has no body, and with one more header (``name``)."""
        told = b"%b: %b\r\n" % (name, value) if name else b""
        length = b"" if self.status == 204 else b"content-length: %d\r\n" % len(body)
        if _UNSAFE.search(value) is None and _write(send, b"%b%b%b\r\n%b" % (self._lines, told, length, body)):
            return
        headers = [*self._headers, (name, value)] if name else [*self._headers]
        await send_answer(send, self.status, headers, body)


class Fixed:
    """An answer that is always the same, as an ASGI application."""

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self._head = Head(status, [*headers, (b"content-length", b"%d" % len(body))])
        self._raw = self._head._lines + b"\r\n" + body
        self._start = {"type": "http.response.start", "status": status, "headers": self._head._headers}
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if not _write(send, self._raw):
            await send(self._start)
            await send(self._body)


async def send_answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """The whole answer as ASGI has it; its length is added to ``headers``, unless the status has no body."""
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _write(send: Send, raw: bytes) -> bool:
    """Whether the answer is written; else nothing is."""
    cycle: Any = getattr(send, "__self__", None)
    kind = type(cycle)
    if (kind.__module__, kind.__name__) != _CYCLE:
        return False
    try:
        if (
            cycle.response_started
            or cycle.disconnected
            or cycle.more_body  # what is left of the request would be taken for the next one
            or not cycle.keep_alive
            or cycle.flow.write_paused
            or cycle.default_headers
            or cycle.access_log
            or cycle.scope["method"] == "HEAD"
        ):
            return False
        write, wake, end = cycle.transport.write, cycle.message_event.set, cycle.on_response
    except AttributeError:
        return False
    cycle.response_started = cycle.response_complete = True
    write(raw)
    wake()
    end()
    return True
