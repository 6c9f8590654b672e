"""Many who come at once are taken in at once, over connections that are new: see ``web.porter``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import uvloop

from tests.flood.wire import PATIENCE, until
from tests.web.hot import LARGE, Doors
from wherefrom.load import Load, Shed
from wherefrom.settings import Limits
from wherefrom.web import porter
from wherefrom.web.asked import Asked
from wherefrom.web.bounds import Bounds
from wherefrom.web.busy import BUSY
from wherefrom.web.front import DirectRoute, Front
from wherefrom.web.serve import bind, serve_http

MANY = 100
FEW_TURNS = 20
KEPT = 1 + porter.MANY
ECHO = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"
LATER = b"GET /later/a HTTP/1.1\r\nhost: x\r\n\r\n"
USUAL = b"GET /usual HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def tireless(monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not rest between two crowds of one test."""
    monkeypatch.setattr(porter, "REST", 0.0)


@dataclass(slots=True)
class House:
    """A server in this loop; ``front`` and ``doors`` are what it serves."""

    doors: Doors = field(default_factory=Doors)
    bounds: Bounds = field(default_factory=lambda: Bounds(Limits(), Load()))
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    serving: asyncio.Task[None] | None = None
    port: int = 0

    async def open(self, front: Front) -> None:
        listening = bind("127.0.0.1", 0)
        self.port = listening.getsockname()[1]
        self.serving = asyncio.create_task(serve_http(front, listening, self.stop, self.bounds))
        with self.come(1, USUAL) as (first,):
            await hear(first, 1)
        self.doors.ways.clear()

    @contextlib.contextmanager
    def come(self, count: int, said: bytes) -> Iterator[list[socket.socket]]:
        """So many new connections, made by the kernel before the loop hears of any."""
        lines = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(count)]
        for line in lines:
            line.sendall(said)
            line.setblocking(False)
        try:
            yield lines
        finally:
            for line in lines:
                line.close()


@contextlib.asynccontextmanager
async def house(front: Front | None = None) -> AsyncIterator[House]:
    one = House()
    await one.open(front or one.doors.app())
    try:
        yield one
    finally:
        one.doors.gate.set()
        one.stop.set()
        assert one.serving is not None
        await one.serving


async def hear(line: socket.socket, most: int = 0) -> bytes:
    """All until the server hangs up; or, where ``most``, until there are so many bytes."""
    heard = b""
    async with asyncio.timeout(PATIENCE):
        while piece := await asyncio.get_running_loop().sock_recv(line, 1 << 20):
            heard += piece
            if 0 < most <= len(heard):
                break
    return heard


async def turns(count: int = FEW_TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def run(work: Coroutine[None, None, None]) -> None:
    """In the loop that a service runs in: asyncio's own takes in all who wait in any case."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(work)).result()


def test_all_who_wait_are_taken_in_within_a_few_turns_and_their_lines_are_closed_after_the_answer() -> None:
    async def work() -> None:
        async with house() as one:
            with one.come(MANY, LATER) as lines:
                await turns()
                assert len(one.doors.ways) == MANY
                one.doors.gate.set()
                heard = await asyncio.gather(*map(hear, lines[KEPT:]))
        assert {answer.partition(b"\r\n")[0] for answer in heard} == {b"HTTP/1.1 200 OK"}
        assert all(b"connection: close" in answer and answer.endswith(b"\r\n\r\n</later/a>") for answer in heard)

    run(work())


def test_who_is_turned_away_hears_when_to_come_again_and_the_door_is_asked_once_for_all_of_them() -> None:
    asked_for = []

    def door(asked: Asked) -> None:
        asked_for.append(asked.path)
        asked.answer(BUSY)

    async def work() -> None:
        front = Front([DirectRoute("/visits", door, ("POST",), limit=100)], tell=Doors().app()._tell)
        async with house(front) as one:
            with one.come(MANY, ECHO.replace(b"/echo", b"/visits")) as lines:
                heard = await asyncio.gather(*map(hear, lines[KEPT:]))
            assert one.bounds.load.counts[Shed.VISITS] >= MANY - KEPT - 1
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in heard)
        assert all(b"retry-after: 2\r\n" in answer and b"in a moment" in answer for answer in heard)
        assert len(asked_for) <= KEPT + 1

    run(work())


def test_a_request_that_is_not_whole_or_of_no_hot_route_is_answered_over_a_connection() -> None:
    async def work() -> None:
        async with house() as one:
            some = MANY // 2  # of each: all of them have to find room in the kernel
            with one.come(some, ECHO[:-1]) as torn, one.come(some, USUAL) as usual, one.come(some, b"") as silent:
                await turns()
                for line in torn:
                    line.sendall(b"i")
                for line in silent:
                    line.sendall(ECHO)
                heard = await asyncio.gather(*(hear(line, 20) for line in (*torn, *usual, *silent)))
                assert {answer.partition(b"\r\n")[0] for answer in heard} == {b"HTTP/1.1 200 OK"}
                assert not any(b"connection: close" in answer for answer in heard)

    run(work())


def test_nothing_is_done_for_who_told_of_a_page_and_has_gone_while_it_waited() -> None:
    async def work() -> None:
        async with house() as one:
            with one.come(MANY, ECHO):
                pass
            await until(lambda: one.bounds.load.counts[Shed.VISITS] >= MANY - KEPT - 1)
            assert len(one.doors.ways) <= KEPT

    run(work())


@pytest.mark.parametrize("path", ["/broken/now", "/broken/late", "/broken/never"])
def test_what_a_door_raises_is_answered(path: str) -> None:
    async def work() -> None:
        async with house() as one:
            with one.come(MANY, b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode()) as lines:
                heard = await asyncio.gather(*map(hear, lines[KEPT:]))
        assert {answer.partition(b"\r\n")[0] for answer in heard} == {b"HTTP/1.1 500 Internal Server Error"}

    run(work())


def test_an_answer_that_is_larger_than_the_kernel_takes_is_said_whole() -> None:
    async def work() -> None:
        async with house() as one:
            with one.come(30, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n") as lines:
                assert all(await asyncio.gather(*map(_is_large, lines[KEPT:])))

    async def _is_large(line: socket.socket) -> bool:
        head, _, body = (await hear(line)).partition(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 200") and body == LARGE

    run(work())


def test_beyond_so_many_pages_are_turned_away_and_all_else_becomes_a_connection() -> None:
    async def work() -> None:
        one = House()
        one.bounds.at_door = 20
        await one.open(one.doors.app())
        with one.come(MANY, LATER) as later:
            await turns()
            assert len(one.doors.ways) == MANY
            with one.come(MANY, ECHO) as pages:
                heard = await asyncio.gather(*(hear(line, 20) for line in pages))
                assert sum(answer.startswith(b"HTTP/1.1 503") for answer in heard) >= MANY - KEPT - 1
            one.doors.gate.set()
            kept = [
                b"connection: close" not in answer for answer in await asyncio.gather(*(hear(x, 20) for x in later))
            ]
            assert sum(kept) >= MANY - 20
        one.stop.set()
        assert one.serving is not None
        await one.serving

    run(work())


def test_who_is_under_way_when_the_service_stops_is_answered_first() -> None:
    async def work() -> None:
        async with house() as one:
            with one.come(MANY, LATER) as lines:
                await turns()
                one.stop.set()
                await asyncio.sleep(0.3)
                assert one.serving is not None
                assert not one.serving.done()
                one.doors.gate.set()
                heard = await asyncio.gather(*map(hear, lines))
        assert all(answer.endswith(b"</later/a>") for answer in heard)

    run(work())
