"""Answers are the same bytes, whichever way they go."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from wherefrom.web.wire import Head, Reply, fixed, reply_of, send_reply


async def as_asgi(reply: Reply) -> bytes:
    """What a server makes of the reply's parts."""
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    await send_reply(send, reply)
    start, body = told
    head = b"".join(b"%b: %b\r\n" % pair for pair in start["headers"])
    return reply.raw.partition(b"\r\n")[0] + b"\r\n" + head + b"\r\n" + body["body"]


@pytest.mark.parametrize(
    ("reply", "raw"),
    [
        (fixed(200, [(b"a", b"1")], b"hi"), b"HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 2\r\n\r\nhi"),
        (fixed(204, [(b"a", b"1")]), b"HTTP/1.1 204 No Content\r\na: 1\r\n\r\n"),
        (Head(200, []).reply(), b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        (
            Head(307, [(b"a", b"1")]).reply(b"", b"location", b"https://shop.example/"),
            b"HTTP/1.1 307 Temporary Redirect\r\na: 1\r\nlocation: https://shop.example/\r\ncontent-length: 0\r\n\r\n",
        ),
    ],
)
async def test_an_answer_is_spelled_once_for_both_ways(reply: Reply, raw: bytes) -> None:
    assert reply.raw == raw == await as_asgi(reply)


def test_the_last_answer_says_that_it_is() -> None:
    assert fixed(200, [], b"\r\n").raw_at_last() == (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n\r\n"
    )


def test_what_starlette_made_says_the_same() -> None:
    reply = reply_of(PlainTextResponse("hello", 404, {"x-one": "1"}))
    assert (reply.status, reply.body) == (404, b"hello")
    assert sorted(reply.headers()) == [
        (b"content-length", b"5"), (b"content-type", b"text/plain; charset=utf-8"), (b"x-one", b"1"),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: a=b", b"a\nb", b"a\0b", b"\x7f"])
def test_a_value_cannot_add_a_header(value: bytes) -> None:
    with pytest.raises(ValueError, match="location has a control character"):
        Head(307, []).reply(b"", b"location", value)
