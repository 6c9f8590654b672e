"""Names are looked up without one that hangs holding up another."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from wherefrom.lookup import MOST_AT_ONCE, Found, Lookup


class _Resolver:
    """In place of the system's: names that begin with "hang" are answered when ``answer`` is set."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked: Counter[str] = Counter()

    def __call__(self, host: str, port: int, **_: int) -> Found:
        self.asked[host] += 1
        if host.startswith("hang"):
            self.answer.wait(30)
        if host.startswith("none"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Resolver]:
    made = _Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.answer.set()


async def test_a_hundred_names_that_hang_hold_up_no_other_and_no_address(resolver: _Resolver) -> None:
    lookup = Lookup()
    hanging = [asyncio.create_task(lookup.find(f"hang{number}.example", 25)) for number in range(100)]
    await asyncio.sleep(0)
    for host in ("well.example", "127.0.0.1", "::1"):
        assert (await asyncio.wait_for(lookup.find(host, 25), 60))[0][4][1] == 25
    assert not any(task.done() for task in hanging)
    resolver.answer.set()
    assert len(await asyncio.gather(*hanging)) == 100


async def test_a_name_that_is_being_asked_for_is_not_asked_for_again(resolver: _Resolver) -> None:
    lookup = Lookup()
    for _ in range(3):  # each gives up, and the question goes on
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lookup.find("hang.example", 443), 0.01)
    late = asyncio.create_task(lookup.find("hang.example", 443))
    await asyncio.sleep(0)
    resolver.answer.set()
    await late
    assert resolver.asked["hang.example"] == 1
    await lookup.find("hang.example", 443)
    assert resolver.asked["hang.example"] == 2  # an answer is not kept: names move


async def test_where_no_thread_can_be_started_it_is_told_and_asked_again_the_next_time(
    resolver: _Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a container may have no more of them."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    lookup = Lookup()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(socket.gaierror, match="no thread"):
            await lookup.find("well.example", 25)
    assert (await asyncio.wait_for(lookup.find("well.example", 25), 60))[0][4][1] == 25


async def test_a_name_that_is_not_there_is_told_as_the_system_tells_it(resolver: _Resolver) -> None:
    with pytest.raises(socket.gaierror, match="no such name"):
        await Lookup().find("none.example", 25)


async def test_questions_that_nobody_answers_do_not_become_more_and_more(resolver: _Resolver) -> None:
    lookup = Lookup()
    hanging = [asyncio.create_task(lookup.find(f"hang{number}.example", 25)) for number in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(socket.gaierror, match="answers none"):
        await lookup.find("one.more.example", 25)
    resolver.answer.set()
    await asyncio.gather(*hanging)
    assert await lookup.find("one.more.example", 25)
