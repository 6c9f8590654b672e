"""K05: who sends slowly, much, or nothing at all is refused or closed, and the service goes on answering others."""

from __future__ import annotations

import asyncio
import contextlib
import re

import httpx

from tests.acceptance.service import Service
from tests.flood.wire import HEALTH, PATIENCE, Line, is_answering, line, open_line

VISITS = b"POST /v1/visits HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n"


ENDLESS = HEALTH[:-2] + b"x-slow: " + b"s" * 1000


async def test_who_says_nothing_or_a_byte_at_a_time_is_closed_and_all_others_are_answered(narrow: Service) -> None:
    ended = asyncio.create_task(_be_slow(narrow.port))
    while not ended.done():
        assert await is_answering(narrow.port)
        await asyncio.wait({ended}, timeout=0.1)
    assert await ended < len(ENDLESS) * 0.1


async def _be_slow(port: int) -> float:
    """The longest time that a slow head was listened to."""
    async with line(port) as silent, line(port) as slow, line(port) as second:
        await second.say(HEALTH)
        assert (await second.hear()).startswith(b"HTTP/1.1 200")
        told, *seconds = await asyncio.gather(silent.hear_the_end(), slow.drip(ENDLESS, 0.1), second.drip(ENDLESS, 0.1))
        assert told.startswith(b"HTTP/1.1 408")
        return max(seconds)


async def test_a_body_that_comes_a_byte_at_a_time_is_answered_408_and_closed(narrow: Service) -> None:
    async with line(narrow.port) as slow:
        await slow.say(VISITS + b"content-length: 1000\r\n\r\n")
        heard = asyncio.create_task(slow.hear_the_end())
        with contextlib.suppress(ConnectionError):
            while not heard.done():
                await slow.say(b" ")
                await asyncio.wait({heard}, timeout=0.1)
        assert (await heard).startswith(b"HTTP/1.1 408")


async def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(narrow: Service) -> None:
    async with line(narrow.port) as large:
        await large.say(VISITS + b"content-length: 1000000000\r\n\r\n")
        assert (await large.hear()).startswith(b"HTTP/1.1 413")


async def test_a_body_in_pieces_is_read_no_further_than_it_may_be_and_not_for_ever(narrow: Service) -> None:
    async with line(narrow.port) as large:
        await large.say(VISITS + b"transfer-encoding: chunked\r\n\r\n")
        heard = asyncio.create_task(large.hear_the_end())
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while not heard.done():
                    await large.say(b"1000\r\n" + b" " * 4096 + b"\r\n")
                    await asyncio.sleep(0)
        assert (await heard).startswith(b"HTTP/1.1 413")


async def test_large_heads_and_many_headers_are_refused(narrow: Service) -> None:
    start = HEALTH[:-2]
    for head in (
        start + b"x-large: " + b"l" * 40_000 + b"\r\n\r\n",
        b"GET /?" + b"q" * 40_000 + b" HTTP/1.1\r\n\r\n",
        start + b"".join(b"x-%d: y\r\n" % number for number in range(200)) + b"\r\n",
    ):
        async with line(narrow.port) as large:
            await large.say(head)
            assert (await large.hear_the_end()).startswith(b"HTTP/1.1 431"), head[:80]


async def test_a_head_without_end_is_refused_long_before_it_fills_anything(narrow: Service) -> None:
    async with line(narrow.port) as large:
        await large.say(HEALTH[:-2])
        heard, sent = asyncio.create_task(large.hear_the_end()), 0
        with contextlib.suppress(ConnectionError):
            while not heard.done() and sent < 50_000_000:
                await large.say(b"x-more: " + b"m" * 8000 + b"\r\n")
                sent += 8000
                await asyncio.sleep(0)
        await heard
        assert sent < 20_000_000  # most of it in the kernel's buffers


async def test_few_requests_may_be_sent_ahead_and_thousands_not(narrow: Service) -> None:
    async with line(narrow.port) as one:
        await one.say(HEALTH * 5)
        answers = [await one.hear() for _ in range(5)]
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    async with line(narrow.port) as one:
        with contextlib.suppress(ConnectionError):
            await one.say(HEALTH * 3000)
        assert (await one.hear_the_end()).count(b"HTTP/1.1 200") < 3000


async def test_what_is_no_http_is_refused_and_not_written_down_each_time(narrow: Service) -> None:
    before = len(narrow.log())
    for _ in range(30):
        async with line(narrow.port) as one:
            await one.say(b"\x16\x03\x01\x02\x00 hello?\r\n\r\n")
            assert (await one.hear_the_end()).startswith(b"HTTP/1.1 400")
    assert len(narrow.log()) - before < 30 * 10


async def test_an_address_that_is_not_ascii_is_refused_before_anybody_reads_it(narrow: Service) -> None:
    for path in (b"/sites/1/messages?q=\x8a\xff", b"/o/a..b.gif?\xe4", b"/\xc3\xa4", b"/v1/visits?\xff"):
        async with line(narrow.port) as one:
            await one.say(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await one.hear_the_end()).startswith(b"HTTP/1.1 400")


async def test_who_hangs_up_in_the_middle_of_a_body_is_not_written_down(narrow: Service) -> None:
    before = len(narrow.log())
    for path in (b"/login", b"/api/v1/sites", b"/v1/visits", b"/u/a..b") * 8:
        async with line(narrow.port) as one:
            await one.say(b"POST " + path + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nemail=a")
        assert await is_answering(narrow.port)
    assert len(narrow.log()) - before < 32 * 10, narrow.log()[before:][-3000:]


async def test_idle_connections_give_way_to_new_ones(narrow: Service) -> None:
    idle = [await open_line(narrow.port) for _ in range(30)]
    try:
        for one in idle:
            await one.say(HEALTH)
            assert (await one.hear()).startswith(b"HTTP/1.1 200")
        for _ in range(60):  # more than there is room for, all kept open
            one = await open_line(narrow.port)
            idle.append(one)
            await one.say(HEALTH)
            if not (await one.hear()).startswith(b"HTTP/1.1 200"):
                await asyncio.sleep(0.1)  # those before it have been idle for no look yet
        assert await _answers_soon(narrow.port)
    finally:
        _drop(idle)
    assert (await _counts(narrow))["evicted"] > 0


async def test_where_all_connections_are_at_work_a_new_one_hears_503_until_there_is_room(narrow: Service) -> None:
    heard = b""
    async with asyncio.timeout(PATIENCE):
        while b" 503 " not in heard:
            heard = b"".join(await asyncio.gather(*(_begin_a_body(narrow.port) for _ in range(60))))
    assert b"retry-after: " in heard
    assert b" 408 " in heard
    assert await _answers_soon(narrow.port)
    counts = await _counts(narrow)
    assert counts["connections"] > 0
    assert counts["slow_body"] > 0


async def _begin_a_body(port: int) -> bytes:
    async with line(port) as one:
        with contextlib.suppress(ConnectionError):
            await one.say(VISITS + b"content-length: 10\r\n\r\n")
        return await one.hear_the_end()


def _drop(lines: list[Line]) -> None:
    for one in lines:
        one.writer.transport.abort()


async def _answers_soon(port: int) -> bool:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await is_answering(port):
                return True
            await asyncio.sleep(0.05)


async def _counts(service: Service) -> dict[str, float]:
    """What was turned away, by the metrics."""
    await _answers_soon(service.port)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        text = (await client.get(service.url + "/metrics", headers={"Authorization": "Bearer flood"})).text
    found = re.findall(r'^wherefrom_turned_away_total\{what="(\w+)"\} ([\d.]+)', text, re.M)
    return {name: float(value) for name, value in found}
