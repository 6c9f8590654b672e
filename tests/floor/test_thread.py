"""The thread that works for an event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator

import pytest

from wherefrom.db.thread import LoopThread


@pytest.fixture
async def thread() -> AsyncIterator[LoopThread]:
    thread = LoopThread("test thread")
    yield thread
    thread.close()


async def test_calls_are_made_in_one_other_thread_in_their_order(thread: LoopThread) -> None:
    order: list[int] = []

    def note(number: int) -> int:
        order.append(number)
        return threading.get_ident()

    names = set(await asyncio.gather(*(thread.call(note, number) for number in range(50))))
    assert (order, len(names)) == (list(range(50)), 1)
    assert names != {threading.get_ident()}


async def test_what_is_raised_there_is_raised_here_and_the_next_call_is_made(thread: LoopThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread.call(divmod, 1, 0)
    assert await thread.call(divmod, 7, 2) == (3, 1)


async def test_a_call_that_nobody_waits_for_is_made_all_the_same(thread: LoopThread) -> None:
    begun, may_end, made = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        may_end.wait(60)

    under_way, waiting = thread.call(first), thread.call(made.set)
    await asyncio.to_thread(begun.wait, 10)
    assert not thread.is_idle
    under_way.cancel()
    waiting.cancel()
    may_end.set()
    assert await thread.call(made.is_set)
    assert thread.is_idle


async def test_a_call_that_is_made_now_has_begun_when_it_returns_however_busy_the_event_loop_stays() -> None:
    thread = LoopThread("test thread", handover=60)  # a machine with much else to do wakes it when it may
    await thread.call(int)
    begun, may_end = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        may_end.wait(60)
        return "done"

    before = sys.getswitchinterval()
    sys.setswitchinterval(60)  # nobody takes the turn of who does not give it away
    try:
        answer = thread.call_now(work)
        has_begun = begun.is_set()
    finally:
        sys.setswitchinterval(before)
        may_end.set()
    assert has_begun
    assert await answer == "done"
    thread.close()


async def test_a_call_now_of_a_thread_that_is_at_work_is_made_later_and_the_event_loop_goes_on(
    thread: LoopThread,
) -> None:
    may_end = threading.Event()
    first = thread.call(may_end.wait, 60)
    second = thread.call_now(divmod, 7, 2)
    assert not first.done()
    assert not second.done()
    may_end.set()
    assert await second == (3, 1)
    assert await thread.call_now(divmod, 9, 2) == (4, 1)


async def test_it_ends_after_what_it_was_called_for() -> None:
    thread = LoopThread("test thread")
    worker = await thread.call(threading.current_thread)
    last = thread.call(divmod, 9, 3)
    thread.close()
    assert await last == (3, 0)
    await asyncio.to_thread(worker.join, 10)
    assert not worker.is_alive()
