"""Pages on their way through the group commit, without a task of their own.

    entry ─▶ group commit ─▶ told what was recorded
                └▶ not within the time limit: told so, and not written unless that is under way

A task, a future and a timer for each page cost as much as deciding whose visit it is. All pages have the same time, so
they are over in the order they came in, and one timer, for the oldest, serves them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from wherefrom.db import Database
from wherefrom.db.piece import Piece, Together
from wherefrom.visits.record import Entry, Recorded

Tell = Callable[[Recorded | None, Exception | None], None]
"""What was recorded, or the fault: one of the two is None. Raises nothing."""


class Lane:
    """One for a process. ``work`` is one object, by which the group commit knows what goes together; ``seconds`` a page
    waits at the most."""

    def __init__(self, db: Database, work: Together[Entry, Recorded], seconds: float) -> None:
        self.seconds = seconds
        self._db = db
        self._work = work
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, entry: Entry, tell: Tell) -> None:
        """Unavailable when too much waits; else ``tell`` is called once, later."""
        waiting = _Waiting(tell)
        waiting.piece = self._db.hand_in(self._work, entry, waiting.hear, beside=True)
        loop = asyncio.get_running_loop()
        waiting.deadline = loop.time() + self.seconds
        line = self._waiting
        while line and line[0].is_over:
            line.popleft()
        line.append(waiting)
        if self._timer is None:
            self._timer = loop.call_at(waiting.deadline, self._end_what_is_due, loop)

    def _end_what_is_due(self, loop: asyncio.AbstractEventLoop) -> None:
        now, line = loop.time(), self._waiting
        while line and (line[0].is_over or line[0].deadline <= now):
            line.popleft().expire()
        self._timer = loop.call_at(line[0].deadline, self._end_what_is_due, loop) if line else None


class _Waiting:
    __slots__ = ("deadline", "is_over", "piece", "tell")

    deadline: float
    piece: Piece | None

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.is_over = False

    def hear(self, recorded: Recorded | None, fault: Exception | None) -> None:
        self.is_over, self.piece = True, None
        self.tell(recorded, fault)

    def expire(self) -> None:
        piece = self.piece
        if piece is not None:
            piece.given_up = self.is_over = True
            self.piece = piece.heard = None  # else they would hold each other
            self.tell(None, TimeoutError())
