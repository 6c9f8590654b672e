"""Who the visitor is behind proxies, and how much of a body is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from wherefrom.errors import TooLarge
from wherefrom.settings import Server, Settings
from wherefrom.web.requests import client_ip, read_body


def request(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "client": (peer, 1)})


def behind(*proxies: str) -> Settings:
    return Settings(server=Server(trusted_proxies=proxies))


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "visitor"),
    [
        ("198.51.100.7", ["203.0.113.9"], [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], ["10.0.0.0/8"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9, 10.0.0.2"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]"], ["10.0.0.0/8"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", ["unknown"], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", [], ["10.0.0.0/8"], "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: list[str], proxies: list[str], visitor: str) -> None:
    assert client_ip(request(peer, *forwarded), behind(*proxies)) == visitor


@given(st.lists(st.text(st.characters(max_codepoint=255, blacklist_categories=["Cc"]), max_size=40), max_size=4))
def test_no_header_breaks_it(forwarded: list[str]) -> None:
    assert client_ip(request("10.0.0.1", *forwarded), behind("10.0.0.0/8"))


async def stream(*chunks: bytes) -> Request:
    left = list(chunks)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def test_a_body_in_pieces_is_read_up_to_the_limit() -> None:
    assert await read_body(await stream(b"ab", b"c"), 3) == b"abc"


async def test_a_body_without_a_length_is_stopped_at_the_limit() -> None:
    with pytest.raises(TooLarge):
        await read_body(await stream(b"ab", b"cd", b"never read"), 3)
