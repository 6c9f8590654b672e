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
ODD = st.sampled_from(
    [
        "content-length: 3", "content-length: 5, 5", "content-length: -1", "content-length : 5", "content-length:\t5",
        "Transfer-Encoding: gzip, chunked", "transfer-encoding: identity", "connection: close", "upgrade: websocket",
        "x: a\0b", " folded", ":", "x", "x: a\rb", "x: a\nb", "x: a\n\nb",
    ]
)  # fmt: skip
TARGETS = st.sampled_from(
    [
        "/o/x", "/fixed", "/echo", "/fixed?a=%31", "/o/", "/o/%2e%2e", "/o/a#b", "/o/a?b#c", "//o/x", "/o//", "/usual",
        "/o/a b", "/o/ä", "/echo/", "http://t/o/x", "*", "/o/a\r", "/none",
    ]
)  # fmt: skip
BODIES = st.sampled_from([b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"abc"])


def build(method: str, target: str, version: str, lines: list[str], end: str, body: bytes) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", *lines]).encode("latin-1") + end.encode() + body


WHOLE = st.builds(build, st.sampled_from(["GET", "HEAD"]), TARGETS, st.just("1.1"), st.lists(GOOD, max_size=4),
                  st.just("\r\n\r\n"), st.just(b"")) | st.builds(
    build, st.just("POST"), TARGETS, st.just("1.1"),
    st.builds(lambda good, length: [*good, length], st.lists(GOOD, max_size=3), LENGTH), st.just("\r\n\r\n"), BODIES,
)  # fmt: skip
REQUESTS = st.builds(
    build,
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "get", "GETS", "PRI"]),
    TARGETS,
    st.sampled_from(["1.1", "1.0", "1.2", "2.0", "0.9"]),
    st.lists(GOOD | LENGTH | ODD, max_size=4),
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


async def hear(server: uvicorn.Server, said: bytes) -> list[bytes]:
    """The answers, in order, each with its lines sorted: headers stand in no particular order. The request that ends
    the connection is said when the first bytes are read and answered as far as they will be: uvicorn answers what it
    does not understand before what came in the same piece."""
    loop, heard = asyncio.get_running_loop(), b""
    port = server.servers[0].sockets[0].getsockname()[1]
    with socket.socket() as line:
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            await loop.sock_sendall(line, said)
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
    """Whether the server has read all that was said, or has answered it already."""
    if _waiting(line.fileno(), termios.TIOCOUTQ):
        return False  # it has not even arrived
    with contextlib.suppress(BlockingIOError, ConnectionError):
        line.recv(1, socket.MSG_PEEK)
        return True
    mine = [one for one in server.server_state.connections if one.client == line.getsockname()]
    return any(not _waiting(one.transport.get_extra_info("socket").fileno(), termios.FIONREAD) for one in mine)


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
