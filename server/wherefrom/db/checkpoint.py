"""SQLite's log, moved into the file beside the writing, so that no commit waits for it.

    commits ─▶ log ─▶ _COMMITS of them ─▶ moved by a connection and a thread of its own, again and again,
                                          until little was written meanwhile
                                            └─▶ that little by the writer before it begins: the log starts anew

SQLite does this in every commit that finds a thousand pages in the log, which then takes ten times as long. Another
connection can do it while commits go on, but never catches up with them, and a log that is never at its end grows for
ever: so the writer itself has the last word. Were it never asked, SQLite's own way still ends a log of _LONGEST pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

import structlog

log = structlog.get_logger(__name__)

LONGEST = 20_000
"""Pages of the log (80 MB) at which SQLite moves it within a commit."""

_COMMITS = 64
_FEW = 256  # pages
_MOST_TURNS = 4
_MOVE = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """``connect`` opens the connection; called in the thread, when there is first something to move."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._orders: SimpleQueue[bool] = SimpleQueue()
        self._thread: Thread | None = None
        self._commits = 0
        self.is_moving = False
        self.is_nearly_moved = False

    def note_commit(self) -> None:
        """One more is in the log."""
        self._commits += 1
        if self._commits < _COMMITS or self.is_moving:
            return
        self._commits, self.is_moving = 0, True
        if self._thread is None:
            self._thread = Thread(target=self._work, name="db checkpoint", daemon=True)
            self._thread.start()
        self._orders.put(True)

    def move_rest(self, writer: sqlite3.Connection) -> None:
        """What was written while the log was moved, by the connection that writes, between two transactions."""
        self.is_nearly_moved = False
        _move(writer)

    def close(self) -> None:
        """Waits for what is under way."""
        if self._thread is not None:
            self._orders.put(False)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        while self._orders.get():
            connection = connection or self._open()
            if connection is not None:
                moved = before = 0
                for _ in range(_MOST_TURNS):
                    before, moved = moved, _move(connection)
                    if moved - before < _FEW:
                        break
                self.is_nearly_moved = True
            self.is_moving = False
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection | None:
        """None where that fails: it is tried again after as many commits."""
        try:
            return self._connect()
        except sqlite3.Error as fault:
            log.warning("the database's log could not be moved into its file", fault=str(fault))
            return None


def _move(connection: sqlite3.Connection) -> int:
    """How many pages of the log are in the file now. A disk that fails fails the writer, too, which tells of it."""
    try:
        ((_, _, moved),) = connection.execute(_MOVE).fetchall()
    except sqlite3.Error as fault:
        log.warning("the database's log could not be moved into its file", fault=str(fault))
        return 0
    return int(moved)
