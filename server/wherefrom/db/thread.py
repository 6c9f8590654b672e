"""A thread that does one thing after the other for an event loop.

``ThreadPoolExecutor`` does the same for three times the cost: a future of its own for each call, chained to the loop's,
and a semaphore for threads it may have to start.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]


_LONGEST_HANDOVER = 0.005
"""Seconds that the event loop stands still at most, should the thread not be idle after all, or not be woken."""


class LoopThread:
    """Started by the first call; ended by ``close``, or with the process. ``handover``: seconds, see ``call_now``."""

    def __init__(self, name: str, handover: float = _LONGEST_HANDOVER) -> None:
        self._name = name
        self._handover = handover
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._called = 0  # counted by who calls
        self._done = 0  # and by the thread

    @property
    def is_idle(self) -> bool:
        """Whether all it was called for is done. As long as nobody calls it stays so."""
        return self._called == self._done

    def call(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """What ``function`` answers or raises in the thread, after all that was called before. Called in a
        running event loop. A future that is cancelled stops nothing: what was handed over is done."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._called += 1
        self._jobs.put((loop, answer, function, arguments))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        return answer

    def call_now(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """As ``call``, of an idle thread: returns when it has begun.

        Python runs one thread at a time, and who is woken asks for its turn when the event loop has long gone on: a
        wait for the disk would begin when there is nothing left to do beside it. So the turn is handed over, which
        takes the time to wake a thread; ``handover`` at the most, and then it begins when it may."""
        waits = threading.Lock()
        waits.acquire()

        def begin() -> T:
            waits.release()
            return function(*arguments)

        answer = self.call(begin)
        waits.acquire(timeout=self._handover)
        return answer

    def close(self) -> None:
        """Ends the thread after what it was called for; does not wait."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, function, arguments = job
            answer: Any = None
            fault: BaseException | None = None
            try:
                answer = function(*arguments)
            except BaseException as raised:
                fault = raised
            self._done += 1
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, answer, fault)
            del job, future, function, arguments, answer, fault  # not kept until the next call


def _settle(future: asyncio.Future[Any], answer: Any, fault: BaseException | None) -> None:
    if future.done():
        return
    if fault is not None:
        future.set_exception(fault)
    else:
        future.set_result(answer)
