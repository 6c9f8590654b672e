"""Whatever bytes come, they are answered as uvicorn's own connections answer them: nobody can make the two parts of
ours see different requests in the same bytes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import re
import socket
import sys
import termios
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flood.wire import PATIENCE, until
from tests.support.stock import stock_config
from tests.web.hot import Doors, ask, serving
from wherefrom.web.serve import bind

_TURNS = 50  # of the event loop, in which a request here is answered many times over
_END = ask("/fixed", "GET", "1.1", b"", "connection: close")
GOOD = st.sampled_from(["host: t", "x: ", "X: a\tb", "x: ä", "connection: keep-alive", "accept: */*", "te: trailers"])
LENGTH = st.sampled_from(["content-length: 5", "Content-Length: 5", "content-length: 0", "transfer-encoding: chunked"])
SMUGGLING = st.sampled_from(
    [
        "content-length: 05", "content-length: +5", "content-length: 0x5", "content-length: 5 5", "content-length:",
        "content-length: 5;a", "content-length: 18446744073709551621", "content_length: 5", "x-content-length: 5",
        "content-length: 5\x0b", "content-length: 5\0", "transfer-encoding: chunked, chunked", "TE: chunked",
        "transfer-encoding: chunked, identity", "Transfer-Encoding: CHUNKED", "transfer-encoding : chunked",
        "transfer-encoding:\x0bchunked", "transfer-encoding: xchunked", "transfer-encoding: chunked;a",
        "transfer-encoding:\r\n chunked", "transfer_encoding: chunked", "transfer-encoding: \"chunked\"",
        "x: y\r\n content-length: 5", "x: y\r\n\ttransfer-encoding: chunked",
    ]
)  # fmt: skip
ODD = st.sampled_from(
    [
        "content-length: 3", "content-length: 5, 5", "content-length: -1", "content-length : 5", "content-length:\t5",
        "Transfer-Encoding: gzip, chunked", "transfer-encoding: identity", "connection: close", "upgrade: websocket",
        "x: a\0b", " folded", ":", "x", "x: a\rb", "x: a\nb", "x: a\n\nb", "host: other", "host:", "Host: t, u",
        "host: t\0", "host: http://t/", "x: \xff", "\xff: x", "x\0: y", "x : y", "(x): y", "x[]: y",
        "connection: upgrade", "connection: keep-alive, close", "connection: x, close", "proxy-connection: close",
        "connection: \xff", "upgrade: h2c", "http2-settings: x", "sec-websocket-key: x",
    ]
)  # fmt: skip
TARGETS = st.sampled_from(
    [
        "/o/x", "/fixed", "/echo", "/fixed?a=%31", "/o/", "/o/%2e%2e", "/o/a#b", "/o/a?b#c", "//o/x", "/o//", "/usual",
        "/o/a b", "/o/ä", "/echo/", "http://t/o/x", "*", "/o/a\r", "/none", "HTTP://t/fixed", "http:///o/x", "t:443",
        "http://t", "http://t?/o/x", "/./fixed", "/fixed/.", "/fixed;a", "/%66ixed", "/%2Ffixed", "/o%2Fx", "/o/%",
        "/o/%zz", "/o/%00", "/o/a\\b", "\\o\\x", "/o/a?\x7f", "/o/a?b#", "#/o/a", "?/o/a", "", "/fixed?", "/echo?a=/o/",
        "/o/\0", "/o/a\tb", "/o/\xff", "/O/x", "/echo#", "o/x",
    ]
)  # fmt: skip
BODIES = st.sampled_from(
    [
        b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"abc", b"5\nhello\n0\n\n",
        b"5;a=b\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"005\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n",
        b"5;\0\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"fffffffffffffffff\r\nhello", b"-5\r\nhello\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\ncontent-length: 5\r\n\r\n", b"5\r\nhello\r\n0\r\n",
        b"helloGET /fixed HTTP/1.1\r\nhost: t\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\nGET /o/x HTTP/1.1\r\n\r\n",
        b"\r\n", b"\n",
    ]
)  # fmt: skip


def build(method: str, target: str, version: str, lines: list[str], end: str, body: bytes) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", *lines]).encode("latin-1") + end.encode() + body


WHOLE = st.builds(build, st.sampled_from(["GET", "HEAD"]), TARGETS, st.just("1.1"), st.lists(GOOD, max_size=4),
                  st.just("\r\n\r\n"), st.just(b"")) | st.builds(
    build, st.just("POST"), TARGETS, st.just("1.1"),
    st.builds(lambda good, length: [*good, length], st.lists(GOOD, max_size=3), LENGTH), st.just("\r\n\r\n"), BODIES,
)  # fmt: skip
REQUESTS = st.builds(
    build,
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "CONNECT", "get", "GETS", "PRI", "\r\nGET", " GET"]),
    TARGETS,
    st.sampled_from(["1.1", "1.0", "1.2", "2.0", "0.9"]),
    st.lists(GOOD | LENGTH | SMUGGLING | ODD, max_size=4),
    st.sampled_from(["\r\n\r\n", "\n\n", "\r\n", "\r\n\n", "\n\r\n", "\r\n\r\n\r\n"]),
    BODIES,
)
ALTERED = st.builds(
    lambda raw, at, byte: raw[: at % len(raw)] + byte + raw[at % len(raw) + 1 :],
    WHOLE,
    st.integers(0, 500),
    st.sampled_from([bytes([one]) for one in (0, 9, 10, 13, 32, 35, 37, 58, 63, 127, 128, 255)] + [b"", b"\r\n"]),
)


@pytest_asyncio.fixture(scope="module")
async def servers() -> AsyncIterator[tuple[uvicorn.Server, uvicorn.Server]]:
    """Ours, and uvicorn's own, with the same routes."""
    stock, listening = uvicorn.Server(stock_config(Doors().app())), bind("127.0.0.1", 0)
    task = asyncio.create_task(stock.serve([listening]))
    async with serving(Doors()) as ours:
        await until(lambda: stock.started)
        yield ours, stock
    stock.should_exit = True
    await task


async def hear(server: uvicorn.Server, *said: bytes) -> list[bytes]:
    """The answers, in order, each with its lines sorted: headers stand in no particular order. The pieces come by
    themselves. The request that ends the connection is said when the bytes before it are read and answered as far as
    they will be: uvicorn answers what it does not understand before what came in the same piece."""
    loop, heard = asyncio.get_running_loop(), b""
    port = server.servers[0].sockets[0].getsockname()[1]
    with socket.socket() as line:
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", port))
        await until(lambda: bool(_connections(server, line)))
        with contextlib.suppress(ConnectionError):
            for piece in filter(None, said):
                await loop.sock_sendall(line, piece)
                await until(lambda: _is_read(server, line))
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
            await loop.sock_sendall(line, _END)
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(loop.sock_recv(line, 65536), PATIENCE):
                heard += piece
    heard = heard.replace(b"%d" % port, b"port")
    return [b"\r\n".join(sorted(one.split(b"\r\n"))) for one in re.split(rb"(?=HTTP/1\.1 )", heard)]


def _is_read(server: uvicorn.Server, line: socket.socket) -> bool:
    """Whether the server has read all that was said, or has answered it already, or has closed the connection."""
    mine = _connections(server, line)
    if not mine:
        return True
    if _waiting(line.fileno(), termios.TIOCOUTQ):
        return False  # it has not even arrived
    with contextlib.suppress(BlockingIOError, ConnectionError):
        line.recv(1, socket.MSG_PEEK)
        return True
    return any(not _waiting(one.transport.get_extra_info("socket").fileno(), termios.FIONREAD) for one in mine)


def _connections(server: uvicorn.Server, line: socket.socket) -> list[Any]:
    return [one for one in server.server_state.connections if one.client == line.getsockname()]


def _waiting(number: int, queue: int) -> int:
    """Bytes in a queue of a socket; none where it is closed."""
    if number < 0:
        return 0
    return int.from_bytes(fcntl.ioctl(number, queue, bytes(4)), sys.byteorder)


@settings(max_examples=150)
@given(st.lists(WHOLE | ALTERED | REQUESTS, min_size=1, max_size=2))
async def test_the_same_bytes_get_the_same_answers(
    servers: tuple[uvicorn.Server, uvicorn.Server], requests: list[bytes]
) -> None:
    ours, theirs = await asyncio.gather(*(hear(server, b"".join(requests)) for server in servers))
    assert ours == theirs


@settings(max_examples=150)
@given(st.lists(WHOLE | ALTERED | REQUESTS, min_size=1, max_size=2), st.integers(0, 300), st.booleans())
async def test_the_same_bytes_in_two_pieces_get_the_same_answers(
    servers: tuple[uvicorn.Server, uvicorn.Server], requests: list[bytes], at: int, behind_the_head: bool
) -> None:
    said = b"".join(requests)
    cut = said.find(b"\r\n\r\n") + 4 if behind_the_head else at % len(said)
    ours, theirs = await asyncio.gather(*(hear(server, said[:cut], said[cut:]) for server in servers))
    assert ours == theirs
