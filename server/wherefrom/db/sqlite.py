"""SQLite: one writer, which lives in a thread of its own, and readers that cannot write.

    write()   ─▶ lock ─▶ a hop to the thread for BEGIN, for each statement, for COMMIT
    batch()   ─▶ lock ─▶ one hop: BEGIN, all pieces of work, COMMIT
                              └─ pieces are coroutines whose awaits complete at once; ``drive`` runs them to their end

Both use the writer's one connection, whose page cache therefore stays warm, and the lock keeps them apart. Other
processes on the same file are waited for by ``busy_timeout``: in the thread, never in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from wherefrom.db.batch import Piece, commit_batch
from wherefrom.db.tx import Tx
from wherefrom.errors import SettingsError, Unavailable

T = TypeVar("T")

_BUSY_MS = 15_000
_CACHED_STATEMENTS = 512


class Writer:
    """The one connection that writes."""

    def __init__(self, url: URL) -> None:
        _make_folder(url.database)
        self.engine = _open(url)
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="db writer")
        self._closed = False

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction, a hop for each statement."""
        async with self._lock:
            transaction = _Transaction(self.engine)
            try:
                await self._hop(transaction.begin)
                yield Tx(lambda call, *arguments: self._hop(transaction.call, call, *arguments), self.engine.dialect)
                await self._hop(transaction.commit)
            finally:  # also when cancelled in the middle of a statement: the thread ends that one first
                await asyncio.shield(self._hop(transaction.end))

    async def commit(self, batch: list[Piece]) -> None:
        """A batch, by one hop."""
        async with self._lock:
            await self._hop(drive, commit_batch(batch, self._begin_here))

    async def close(self) -> None:
        if not self._closed:
            await self._hop(self.engine.dispose)
            self._closed = True
            self._thread.shutdown(wait=False)

    @contextlib.asynccontextmanager
    async def _begin_here(self, *, gathers: bool = False) -> AsyncIterator[Tx]:
        """In the writer's thread: every await completes at once."""
        with self.engine.begin() as connection:

            async def run(call: Callable[..., T], *arguments: Any) -> T:
                return call(connection, *arguments)

            yield Tx(run, self.engine.dialect, gathers=gathers)

    def _hop(self, call: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        if self._closed:
            raise Unavailable("the database is closed: the service is shutting down", hint="try again in a moment")
        return asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


class _Transaction:
    """Steps of one transaction, each taken in the writer's thread, one after the other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def begin(self) -> None:
        self._connection = self._engine.connect()
        self._connection.begin()

    def call(self, call: Callable[..., T], *arguments: Any) -> T:
        return call(self._connection, *arguments)

    def commit(self) -> None:
        assert self._connection is not None
        self._connection.commit()

    def end(self) -> None:
        """Undoes what is not committed."""
        if self._connection is not None:
            self._connection.close()


class Suspended(RuntimeError):
    """A piece of work awaited something else than the database."""


def drive(work: Coroutine[Any, Any, T]) -> T:
    """The answer of a coroutine whose awaits all complete at once. ``Suspended`` is raised where it awaits anything
    else: a batch that waits would keep every other writer waiting."""
    try:
        work.send(None)
        while True:
            work.throw(Suspended("work for Database.batch may await nothing but its transaction; do the rest outside"))
    except StopIteration as done:
        answer: T = done.value
        return answer


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


def _open(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={
            "check_same_thread": False,  # made in the thread, and so are all its statements
            "factory": _Connection,
            "cached_statements": _CACHED_STATEMENTS,
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
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut: what was shown stays true
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -32000")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _make_folder(file: str | None) -> None:
    if not file:
        return
    try:
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # letters are in there
    except OSError as error:
        raise SettingsError(
            f"database.url: the folder {Path(file).parent} cannot be made: {error.strerror}",
            hint="name a place that the service's user may write to",
        ) from None
