"""Answers written to the connection at once are what uvicorn would have made of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from wherefrom.web.plain import receive_body
from wherefrom.web.serve import bind, serve_http
from wherefrom.web.wire import Fixed, Head

FIXED = Fixed(200, [(b"content-type", b"image/gif"), (b"cache-control", b"no-store")], b"picture")
FOUND, MOVED, NOTHING = Head(200, [(b"vary", b"Origin")]), Head(307, [(b"x-robots-tag", b"noindex")]), Head(204, [])


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Below ``/usual`` uvicorn gets the answer as ASGI has it."""
    path = scope["path"]
    if path.startswith("/usual"):
        path = path.removeprefix("/usual")
        original = send

        async def send(message: Message) -> None:
            await original(message)

    if path == "/fixed":
        await FIXED(scope, receive, send)
    elif path == "/moved":
        await MOVED.send(send, b"", b"location", scope["query_string"] or b"https://shop.example/")
    elif path == "/nothing":
        await NOTHING.send(send)
    elif path == "/unread":
        await FOUND.send(send, b"too early")
    else:
        await FOUND.send(send, b"<%b>" % await receive_body(receive, "", 1000))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listening, stop = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_http(answer, listening, stop))
    yield listening.getsockname()[1]
    stop.set()
    await serving


async def talk(port: int, said: bytes, *, more: bytes = b"") -> bytes:
    """All that comes back until the server closes; ``more`` is said after the first answer has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    heard = b""
    if more:
        heard = await reader.read(1)
        writer.write(more)
    heard += await asyncio.wait_for(reader.read(), 10)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return heard


def ask(path: str, method: str = "GET", version: str = "1.1", body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "host: t", *headers]
    lines += [f"content-length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


CLOSING = ask("/usual/fixed", "GET", "1.1", b"", "connection: close")


def told(raw: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The first answer: status line, headers in any order, what comes after."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    return first, sorted(headers), rest


@pytest.mark.parametrize(
    "asked",
    [
        ("/fixed",), ("/fixed", "HEAD"), ("/moved",), ("/moved", "HEAD"), ("/nothing",), ("/echo",),
        ("/echo", "POST", "1.1", b"hello"), ("/echo", "POST", "1.1", b"x", "expect: 100-continue"),
    ],
)  # fmt: skip
async def test_both_ways_say_the_same_and_leave_the_connection_open(port: int, asked: tuple[str, ...]) -> None:
    path, *rest = asked
    at_once = await talk(port, ask(path, *rest), more=CLOSING)
    usual = await talk(port, ask("/usual" + path, *rest), more=CLOSING)
    assert told(at_once) == told(usual)
    assert at_once.count(b"HTTP/1.1 200") >= 1
    assert at_once.endswith(b"picture")


@pytest.mark.parametrize("asked", [("/fixed", "GET", "1.0"), ("/fixed", "GET", "1.1", b"", "connection: close")])
async def test_who_wants_the_connection_closed_gets_it_closed(port: int, asked: tuple[str, ...]) -> None:
    path, *rest = asked
    assert told(await talk(port, ask(path, *rest))) == told(await talk(port, ask("/usual" + path, *rest)))


async def test_requests_sent_at_once_are_answered_in_their_order(port: int) -> None:
    said = ask("/echo", "POST", "1.1", b"one") + ask("/fixed") + ask("/echo", "POST", "1.1", b"two") + CLOSING
    heard = await talk(port, said)
    parts = [heard.index(part) for part in (b"<one>", b"picture", b"<two>")]
    assert parts == sorted(parts)
    assert heard.count(b"HTTP/1.1 200 OK") == 4


async def test_a_body_that_nobody_read_is_not_taken_for_the_next_request(port: int) -> None:
    smuggled = ask("/fixed")
    asked = ask("/unread", "POST", "1.1", b"", f"content-length: {len(smuggled)}")
    heard = await talk(port, asked, more=smuggled + CLOSING)
    assert (heard.count(b"too early"), heard.count(b"picture")) == (1, 1)


async def test_a_value_cannot_add_a_header(port: int) -> None:
    async def split(scope: Scope, receive: Receive, send: Send) -> None:
        await MOVED.send(send, b"", b"location", b"https://a.example/\r\nset-cookie: a=b")

    listening, stop = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_http(split, listening, stop))
    heard = await talk(listening.getsockname()[1], ask("/"))
    stop.set()
    await serving
    assert b"set-cookie" not in heard
    assert heard == b"" or heard.startswith(b"HTTP/1.1 500")
