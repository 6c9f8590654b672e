"""Answers of the hot routes: their heads are spelled once, and an answer is bytes.

The same answer can be told as ASGI has it (``send_reply``), for what is not on the short way (see ``web.protocol``).
"""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Send

Headers = list[tuple[bytes, bytes]]

_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = b"content-length"
_NO_BODY = (204, 304)


class Reply:
    """A whole answer: ``raw``, as it goes over the wire to who asked by GET or POST, and its parts."""

    __slots__ = ("_headers", "body", "raw", "status")

    def __init__(self, status: int, raw: bytes, headers: Headers, body: bytes) -> None:
        self.status = status
        self.raw = raw
        self.body = body
        self._headers = headers

    def headers(self) -> Headers:
        """With the length, unless the status has no body."""
        length = [] if self.status in _NO_BODY else [(_LENGTH, b"%d" % len(self.body))]
        return [*self._headers, *length]

    def raw_at_last(self) -> bytes:
        """``raw`` of the last answer on a connection."""
        return self.raw.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


class Head:
    """Status and headers of answers. None that nobody needs: each costs."""

    def __init__(self, status: int, headers: Headers) -> None:
        self.status = status
        self._headers = headers
        lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
        lines += [name + b": " + value for name, value in headers]
        self._lines = b"\r\n".join(lines) + b"\r\n"
        self._sized = self._lines.replace(b"%", b"%%") + b"content-length: %d\r\n\r\n%b"
        self._ending = b"\r\n" if status in _NO_BODY else b"content-length: 0\r\n\r\n"
        self._bare = self._lines + self._ending

    def plus(self, name: bytes, value: bytes) -> Head:
        """With one more header, for many answers. ValueError when ``value`` would end its line."""
        _refuse_unsafe(name, value)
        return Head(self.status, [*self._headers, (name, value)])

    def reply(self, body: bytes = b"", name: bytes = b"", value: bytes = b"") -> Reply:
        """The whole answer, with one more header (``name``). ValueError when ``value`` would end its line."""
        if not name:
            raw = self._sized % (len(body), body) if body else self._bare
            return Reply(self.status, raw, self._headers, body)
        _refuse_unsafe(name, value)
        ending = b"content-length: %d\r\n\r\n" % len(body) if body else self._ending
        raw = b"".join((self._lines, name, b": ", value, b"\r\n", ending, body))
        return Reply(self.status, raw, [*self._headers, (name, value)], body)


def _refuse_unsafe(name: bytes, value: bytes) -> None:
    if _UNSAFE.search(value) is not None:
        raise ValueError(f"the value of {name.decode()} has a control character")


def fixed(status: int, headers: Headers, body: bytes = b"") -> Reply:
    """An answer that is always the same."""
    return Head(status, headers).reply(body)


def reply_of(response: Response) -> Reply:
    """What Starlette has made, for where it is rare."""
    headers = [(name, value) for name, value in response.raw_headers if name != _LENGTH]
    return Head(response.status_code, headers).reply(bytes(response.body))


async def send_reply(send: Send, reply: Reply) -> None:
    """The answer as ASGI has it."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers()})
    await send({"type": "http.response.body", "body": reply.body})
