"""Our connection answers as uvicorn's own would, and in time, in order, to the end."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.flood.wire import PATIENCE, until
from tests.web.hot import CLOSING, LARGE, Doors, Served, ask, serving, talk
from wherefrom.web.serve import bind, serve_http


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest_asyncio.fixture
async def server(doors: Doors) -> AsyncIterator[Served]:
    async with serving(doors) as server:
        yield server


def told(raw: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The first answer: status line, headers in any order, what comes after."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    return first, sorted(headers), rest


FOUND_HELLO = b"HTTP/1.1 200 OK\r\nvary: Origin\r\ncontent-length: 13\r\n\r\n</echo hello>"
ASKED: list[tuple[Any, ...]] = [
    ("/fixed",), ("/fixed", "HEAD"), ("/moved",), ("/moved", "HEAD"), ("/nothing",), ("/fixed?a=1",), ("/o/a?b=/c",),
    ("/echo", "POST", "1.1", b"hello"), ("/echo", "POST"),
    ("/echo", "POST", "1.1", b"x" * 1000), ("/echo", "POST", "1.1", b"x" * 1001), ("/broken/now",), ("/broken/late",),
    ("/broken/never",), ("/split",), ("/fixed", "DELETE"), ("/echo", "GET"), ("/o/x", "POST"), ("/echo", "OPTIONS"),
    ("/echo", "OPTIONS", "1.1", b"hello"), ("/fixed", "OPTIONS"), ("/o/x", "GET", "1.1", b"hello"),
    ("/fixed", "GET", "1.0"), ("/fixed", "GET", "1.0", b"", "connection: keep-alive"),
    ("/fixed", "GET", "1.1", b"", "connection: close"), ("/fixed", "GET", "1.1", b"", "Connection: Close"),
    ("/fixed", "GET", "1.1", b"a body"), ("/fixed", "GET", "1.1", b"", "upgrade: h2c"),
]  # fmt: skip


async def test_what_came_whole_is_answered_as_what_came_in_pieces(doors: Doors, server: Served) -> None:
    """In pieces it is for uvicorn."""
    for asked in ASKED:
        whole = ask(*asked)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(whole[:1])
        await server.read_on()
        writer.write(whole[1:] + CLOSING)
        in_pieces = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        closes = b"connection: close\r\n" in in_pieces.partition(b"\r\n\r\n")[0]
        direct = await (talk(server.port, whole) if closes else talk(server.port, whole, CLOSING))
        assert told(direct) == told(in_pieces), asked


async def test_the_short_way_is_taken_where_it_may_be(doors: Doors, server: Served) -> None:
    await talk(
        server.port,
        ask("/o/1"),
        ask("/echo", "POST", "1.1", b"x"),
        ask("/echo", "OPTIONS"),
        ask("/o/%31"),
        ask("/o/1", "POST"),
        CLOSING,
    )
    assert doors.ways == ["direct", "direct", "direct", "asgi", "asgi", "usual"]


async def test_a_body_that_comes_behind_its_head_is_awaited_and_taken(doors: Doors, server: Served) -> None:
    asked = ask("/echo", "POST", "1.1", b"hello")
    head = len(asked) - 5
    for cuts in ((head,), (head + 2,), (head, head + 1, head + 4)):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for begin, end in itertools.pairwise((0, *cuts)):
            writer.write(asked[begin:end])
            await server.read_on("body")
        writer.write(asked[cuts[-1] :])
        assert await asyncio.wait_for(reader.readuntil(b">"), PATIENCE) == FOUND_HELLO
        writer.write(ask("/o/next") + CLOSING)
        assert (await asyncio.wait_for(reader.read(), PATIENCE)).count(b"HTTP/1.1 200 OK") == 2
        writer.close()
    assert doors.ways == ["direct", "asgi", "usual"] * 3  # two at once are for uvicorn


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        (("content-length: 1001",), b"", b"</echo too large>"),
        (("content-length: 5", "expect: 100-continue"), b"hello", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (("transfer-encoding: chunked",), b"5\r\nhello\r\n0\r\n\r\n", b"</echo hello>"),
        (("content-length: 5", "upgrade: h2c"), b"hello", b"</echo hello>"),
        (("content-length: 5", "x: a", "x: b"), b"hello", b"</echo hello>"),
        (("content-length: 5", "content-length: 5"), b"", b"HTTP/1.1 400 Bad Request"),
    ],
)
async def test_a_body_of_which_anything_is_unclear_is_for_uvicorn(
    doors: Doors, server: Served, headers: tuple[str, ...], body: bytes, told: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ask("/echo", "POST", "1.1", b"", *headers))
    if body:
        await server.read_on("body")
        writer.write(body)
    heard = b""
    while told not in heard:
        piece = await asyncio.wait_for(reader.read(65536), PATIENCE)
        assert piece, heard
        heard += piece
    writer.close()
    assert "direct" not in doors.ways


async def test_what_follows_a_body_that_was_awaited_is_a_request_of_its_own(doors: Doors, server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    asked = ask("/echo", "POST", "1.1", b"hello")
    writer.write(asked[:-3])
    await server.read_on("body")
    writer.write(asked[-3:] + ask("/o/next") + CLOSING)
    heard = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    parts = [heard.index(part) for part in (b"</echo hello>", b"</o/next >", b"usual")]
    assert parts == sorted(parts)
    assert doors.ways == ["asgi", "asgi", "usual"]


async def test_a_body_that_is_awaited_when_the_server_ends_is_awaited_still(doors: Doors) -> None:
    listening, stop = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_http(doors.app(), listening, stop))
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
    writer.write(ask("/o/1"))
    assert await asyncio.wait_for(reader.readuntil(b">"), PATIENCE)
    asked = ask("/echo", "POST", "1.1", b"hello")
    writer.write(asked[:-3])
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.sleep(0.05)
    assert not serving.done()
    writer.write(asked[-3:])
    heard = await asyncio.wait_for(reader.read(), PATIENCE)
    assert heard.endswith(b"</echo hello>")
    assert b"connection: close" in heard
    await asyncio.wait_for(serving, PATIENCE)
    writer.close()


async def test_who_goes_away_in_the_middle_of_a_body_leaves_nothing_behind(doors: Doors, server: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ask("/echo", "POST", "1.1", b"hello")[:-3])
    await server.read_on("body")
    writer.transport.abort()
    await until(lambda: not server.server_state.connections)
    assert doors.ways == []


async def test_a_connection_that_went_uvicorns_way_comes_back(doors: Doors, server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for said in (ask("/o/1"), ask("/usual"), ask("/o/2"), ask("/o/3")):
        if b"/2" in said:
            writer.write(said[:-1])
            await server.read_on()
            said = said[-1:]
        writer.write(said)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
    writer.close()
    assert doors.ways == ["direct", "usual", "asgi", "direct"]


async def test_requests_sent_at_once_are_answered_in_their_order(server: Served) -> None:
    said = ask("/echo", "POST", "1.1", b"one") + ask("/fixed") + ask("/echo", "POST", "1.1", b"two") + CLOSING
    heard = await talk(server.port, said)
    parts = [heard.index(part) for part in (b"/echo one>", b"picture", b"/echo two>")]
    assert parts == sorted(parts)
    assert heard.count(b"HTTP/1.1 200 OK") == 4


async def test_what_comes_while_another_is_under_way_waits_for_its_turn(doors: Doors, server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ask("/later/1"))
    await asyncio.wait_for(doors.arrived.wait(), PATIENCE)
    for piece in (ask("/o/2"), ask("/later/3"), ask("/usual"), ask("/o/5")[:20]):
        writer.write(piece)
        await asyncio.sleep(0)
    assert doors.ways == ["direct"], "nothing overtakes"
    doors.gate.set()
    writer.write(ask("/o/5")[20:] + CLOSING)
    heard = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    parts = [heard.index(part) for part in (b"</later/1>", b"</o/2 >", b"</later/3>", b"usual", b"</o/5 >")]
    assert parts == sorted(parts)
    assert heard.count(b"HTTP/1.1 200 OK") == 6


async def test_a_body_is_awaited_when_the_sender_awaits_our_word(server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ask("/echo", "POST", "1.1", b"", "expect: 100-continue", "content-length: 5"))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"hello" + CLOSING)
    assert b"</echo hello>" in await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    at_once = await talk(server.port, ask("/echo", "POST", "1.1", b"hello", "expect: 100-continue"), CLOSING)
    assert at_once.startswith(b"HTTP/1.1 200 OK\r\n"), "who has sent the body awaits nothing (RFC 9110, 10.1.1)"


async def test_a_body_that_nobody_takes_is_not_taken_for_the_next_request(doors: Doors, server: Served) -> None:
    smuggled = ask("/o/smuggled")
    heard = await talk(server.port, ask("/fixed", "GET", "1.1", smuggled), CLOSING)
    assert heard.count(b"HTTP/1.1 200 OK") == 2
    assert doors.ways == ["usual"]


async def test_an_answer_is_given_once(server: Served) -> None:
    heard = await talk(server.port, ask("/twice"), ask("/o/next"), CLOSING)
    assert heard.count(b"HTTP/1.1 200 OK") == 3
    assert b"first" in heard
    assert b"second" not in heard


async def test_who_goes_away_stops_nothing(doors: Doors, server: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ask("/later/gone"))
    await asyncio.wait_for(doors.arrived.wait(), PATIENCE)
    writer.transport.abort()
    assert b"</o/still >" in await talk(server.port, ask("/o/still"), CLOSING)
    doors.gate.set()
    await until(lambda: doors.ended == ["/later/gone"])


async def test_who_does_not_take_the_answers_gets_no_more_of_them_and_all_in_the_end(
    doors: Doors, server: Served
) -> None:
    asks = 10
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    held.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(held, ("127.0.0.1", server.port))
    await loop.sock_sendall(held, ask("/large"))
    await until(lambda: doors.ways == ["direct"])
    for _ in range(asks - 1):
        await loop.sock_sendall(held, ask("/large"))
    assert b"</o/other >" in await talk(server.port, ask("/o/other"), CLOSING)
    assert doors.ways.count("asgi") <= 1, "answers pile up in memory"
    await loop.sock_sendall(held, CLOSING)
    heard = 0
    async with asyncio.timeout(PATIENCE):
        while piece := await loop.sock_recv(held, 1 << 20):
            heard += piece.count(b"#")
    held.close()
    assert heard == asks * len(LARGE)


async def test_only_trusted_proxies_are_believed_about_the_visitor(server: Served) -> None:
    forwarded = ("X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 203.0.113.9, 10.0.0.2")
    assert b"203.0.113.9" in await talk(server.port, ask("/who", "GET", "1.1", b"", *forwarded), CLOSING)
    assert b"127.0.0.1" in await talk(server.port, ask("/who"), CLOSING)


async def test_what_is_under_way_when_the_server_ends_is_answered_and_the_connection_closed(doors: Doors) -> None:
    listening, stop = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_http(doors.app(), listening, stop))
    port = listening.getsockname()[1]
    idle = await asyncio.open_connection("127.0.0.1", port)
    idle[1].write(ask("/o/1"))
    assert await asyncio.wait_for(idle[0].readuntil(b">"), PATIENCE)
    doors.arrived.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ask("/later/last"))
    await asyncio.wait_for(doors.arrived.wait(), PATIENCE)
    stop.set()
    assert await asyncio.wait_for(idle[0].read(), PATIENCE) == b"", "who asks nothing is let go"
    assert not serving.done()
    doors.gate.set()
    heard = await asyncio.wait_for(reader.read(), PATIENCE)
    assert heard.startswith(b"HTTP/1.1 200 OK\r\nconnection: close\r\n")
    assert heard.endswith(b"</later/last>")
    await asyncio.wait_for(serving, PATIENCE)
    idle[1].close()
    writer.close()


async def test_a_connection_is_closed_when_nothing_comes_and_not_before(doors: Doors) -> None:
    """Each answer begins the time anew, and what is under way may take longer."""
    quiet = 2  # a busy machine may let a second pass between an answer and the next question
    async with serving(doors, quiet) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        began = asked = time.monotonic()
        while asked - began < 1.2 * quiet:
            asked = time.monotonic()
            writer.write(ask("/o/1"))
            await asyncio.wait_for(reader.readuntil(b">"), PATIENCE)
        writer.write(ask("/later/1"))
        await asyncio.sleep(1.2 * quiet)
        asked = time.monotonic()
        doors.gate.set()
        assert (await asyncio.wait_for(reader.readuntil(b">"), PATIENCE)).endswith(b"</later/1>")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        assert time.monotonic() - asked >= quiet - 0.01
        assert set(doors.ways) == {"direct"}
        assert server.server_state.total_requests == len(doors.ways)
        writer.close()
