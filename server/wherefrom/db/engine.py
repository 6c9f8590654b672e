"""Connections to the database: read-only ones, the writer, and the group commit.

SQLite has one writer at a time, so ``write()`` queues here (a lock in the process) rather than fails there
(SQLITE_BUSY); other processes on the same file are waited for by ``busy_timeout``. PostgreSQL takes several writers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from wherefrom.db.batch import Batcher
from wherefrom.errors import SettingsError

Tx = AsyncConnection
T = TypeVar("T")

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_BUSY_MS = 15_000


class Database:
    """One database, by URL: ``sqlite:///relative/or//absolute/path.db`` or ``postgresql://user@host/name``."""

    def __init__(self, url: str, *, readers: int = 4, writers: int = 8) -> None:
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            raise SettingsError(
                "database.url is no database URL",
                hint="write sqlite:///data/wherefrom.db or postgresql://user:password@host/name",
            ) from None
        name = parsed.drivername.partition("+")[0]
        if name not in _DRIVERS:
            raise SettingsError(
                f"database.url begins with {parsed.drivername}, which is not supported",
                hint="write sqlite:///data/wherefrom.db or postgresql://user:password@host/name",
            )
        self.dialect = "sqlite" if name == "sqlite" else "postgresql"
        parsed = parsed.set(drivername=_DRIVERS[name])
        if self.dialect == "sqlite":
            _make_folder(parsed.database)
            self._writer = _sqlite_engine(parsed, size=1, read_only=False)
            self._reader = _sqlite_engine(parsed, size=readers, read_only=True)
        else:
            parsed = _as_asyncpg_spells_it(parsed)
            self._writer = self._reader = create_async_engine(parsed, pool_size=writers, pool_pre_ping=True)
        self._lock = asyncio.Lock()
        self._batcher = Batcher(self.write)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that only reads; it sees what was committed before it began (SQLite) or each statement
        began (PostgreSQL)."""
        async with self._reader.connect() as connection:
            yield connection
            await connection.rollback()

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction, committed at the end of the block, undone when the block raises."""
        if self.dialect == "sqlite":
            async with self._lock, self._writer.begin() as connection:
                yield connection
        else:
            async with self._writer.begin() as connection:
                yield connection

    async def batch(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs ``work`` in a savepoint of a transaction shared with whatever else waits to be written, and answers
        after the COMMIT: durable as ``write()``, at a fraction of its cost when many come at once. An exception in
        ``work`` undoes that work alone and is raised here. ``work`` may be run twice (see ``db.batch``), of which one
        run is committed: it does nothing but write to the transaction it is given."""
        return await self._batcher.submit(work)

    async def close(self) -> None:
        """Waits for batched work, then closes all connections."""
        await self._batcher.close()
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


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


def _as_asyncpg_spells_it(url: URL) -> URL:
    """``sslmode``, which other PostgreSQL programs read from a URL, is ``ssl`` to asyncpg, with the same values."""
    if "sslmode" not in url.query:
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})


def _sqlite_engine(url: Any, *, size: int, read_only: bool) -> AsyncEngine:
    engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=size, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
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

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
