"""A time limit for work that thousands of requests do at once, each allowed the same time.

``asyncio.timeout`` gives each block a timer of its own, which costs more than most of the work here. All blocks of one
``TimeLimit`` have the same length, so they end in the order they began: one timer, for the oldest, serves them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType


class TimeLimit:
    """``with limit.block():`` raises TimeoutError where the block awaits, ``seconds`` after it began."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._blocks: deque[_Block] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def block(self) -> _Block:
        """To be entered at once, in a task."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None, "a time limit needs a task to interrupt"
        block = _Block(task, loop.time() + self.seconds)
        self._blocks.append(block)
        if self._timer is None:
            self._timer = loop.call_at(block.deadline, self._end_what_is_due, loop)
        return block

    def _end_what_is_due(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._blocks and (self._blocks[0].task is None or self._blocks[0].deadline <= now):
            self._blocks.popleft().expire()
        self._timer = loop.call_at(self._blocks[0].deadline, self._end_what_is_due, loop) if self._blocks else None


class _Block:
    __slots__ = ("_cancelling", "_expired", "deadline", "task")

    def __init__(self, task: asyncio.Task[object], deadline: float) -> None:
        self.task: asyncio.Task[object] | None = task
        self.deadline = deadline
        self._cancelling = task.cancelling()
        self._expired = False

    def expire(self) -> None:
        if self.task is not None:
            self._expired = True
            self.task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        task, self.task = self.task, None
        if not self._expired or task is None:
            return
        mine = task.uncancel() <= self._cancelling  # else somebody else cancelled the task, too
        if mine and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from fault
