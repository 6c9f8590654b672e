"""SQLite: connections, one that writes and those that cannot.

What every connection is set to stands here: WAL, a commit that survives a power cut, foreign keys, how long others are
waited for.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from wherefrom.db.checkpoint import LONGEST
from wherefrom.errors import SettingsError

BUSY_MS = 15_000
CACHED = 256
"""Statements that the driver keeps."""


# For what is neither a number nor text the driver looks for an adapter at each value, and where there is none it makes
# an error and throws it away: half a microsecond for each NULL, of which a visit has twenty.
_NOTHING: dict[None, None] = {}
sqlite3.register_adapter(type(None), _NOTHING.get)  # None for None, in C
sqlite3.register_adapter(bytes, bytes)


class _Cursor(sqlite3.Cursor):
    """Fetches in the thread that executes, so that answers can be read in another."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._rows: deque[Any] = deque()

    def execute(self, *arguments: Any) -> _Cursor:
        super().execute(*arguments)
        self._rows = deque(super().fetchall() if self.description else ())
        return self

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = min(self.arraysize if size is None else size, len(self._rows))
        return [self._rows.popleft() for _ in range(wanted)]

    def fetchall(self) -> list[Any]:
        rows = list(self._rows)
        self._rows.clear()
        return rows


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


def connect(file: str) -> sqlite3.Connection:
    """A bare one, for the checkpoints."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=BUSY_MS / 1000)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_writer(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={
            "check_same_thread": False,  # made in the thread, and so are all its statements
            "factory": _Connection,
            "cached_statements": CACHED,
        },
    )
    _prepare(engine, read_only=False)
    return engine


def open_readers(url: URL, size: int) -> AsyncEngine:
    """Connections that cannot write."""
    url = url.set(drivername="sqlite+aiosqlite")
    readers = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=size, max_overflow=0)
    _prepare(readers.sync_engine, read_only=True)
    return readers


def _prepare(engine: Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut: what was shown stays true
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -32000")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {LONGEST}")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if read_only:
            connection.exec_driver_sql("BEGIN")  # who writes has begun, see sqlite_transaction


def make_folder(file: str | None) -> None:
    if not file:
        return
    try:
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # letters are in there
    except OSError as error:
        raise SettingsError(
            f"database.url: the folder {Path(file).parent} cannot be made: {error.strerror}",
            hint="name a place that the service's user may write to",
        ) from None
