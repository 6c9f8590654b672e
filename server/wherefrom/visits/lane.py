"""Pages on their way through the group commit, without a task of their own.

    entry ─▶ group commit ─▶ told what was recorded
                └▶ not within the time limit: told so, and not written unless that is under way

A task, a future and a timer for each page cost as much as deciding whose visit it is. All pages have the same time, so
they are over in the order they came in, and one timer, for the oldest, serves them all.
"""

from __future__ import annotations

import asyncio
import time
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
        self._waiting: deque[Piece] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, entry: Entry, tell: Tell) -> None:
        """Unavailable when too much waits; else ``tell`` is called once, later."""
        piece = self._db.hand_in(self._work, entry, tell, beside=True)
        line = self._waiting
        while line and line[0].heard is None:
            line.popleft()
        line.append(piece)
        if self._timer is None:
            self._look_later()

    def _look_later(self) -> None:
        wait = self._waiting[0].begun + self.seconds - time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(wait, self._end_what_is_due)

    def _end_what_is_due(self) -> None:
        line, begun_before = self._waiting, time.monotonic() - self.seconds
        while line and (line[0].heard is None or line[0].begun <= begun_before):
            _expire(line.popleft())
        self._timer = None
        if line:
            self._look_later()


def _expire(piece: Piece) -> None:
    tell, piece.heard = piece.heard, None
    if tell is not None:  # else it has been told
        piece.given_up = True
        tell(None, TimeoutError())
