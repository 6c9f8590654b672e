"""A thread of one's own for blocking calls, awaited from the event loop.

The loop's shared pool has a handful of threads, and a mailbox in IDLE holds one for minutes: twenty mailboxes would
stop everything else. This one is a daemon, too: a name server that never answers cannot hold up the end of the
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class SoloThread:
    """Runs calls one after the other. Belongs to the loop it was made on."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """A future of what ``work`` answers or raises. Cancelling it does not end the work: it is the caller's business
        to make it end."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((lambda: work(*args), future))
        return future

    def close(self) -> None:
        """Lets the thread end after what it does now."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            try:
                answer, fault = work(), None
            except BaseException as raised:
                answer, fault = None, raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_settle, future, answer, fault)


def _settle(future: asyncio.Future[Any], answer: Any, fault: BaseException | None) -> None:
    if future.done():
        return
    if fault is None:
        future.set_result(answer)
    else:
        future.set_exception(fault)
