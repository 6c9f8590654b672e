"""The database: transactions that read, that write, and the group commit, on either engine.

SQLite has one writer at a time, so ``write()`` queues here (a lock in the process) rather than fails there
(SQLITE_BUSY); see ``sqlite``. PostgreSQL takes several writers.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from wherefrom.db.batch import Batcher, Together
from wherefrom.db.postgresql import BatchWriter
from wherefrom.db.sqlite import Writer, open_readers
from wherefrom.db.tx import Tx
from wherefrom.errors import SettingsError

T = TypeVar("T")
Item = TypeVar("Item")

_DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}


class Database:
    """One database, by URL: ``sqlite:///relative/or//absolute/path.db`` or ``postgresql://user@host/name``."""

    def __init__(self, url: str, *, readers: int = 4, writers: int = 8) -> None:
        parsed = _parse(url)
        self.dialect = _DIALECTS[parsed.drivername.partition("+")[0]]
        self._writer: Writer | None = None
        self._batches: BatchWriter | None = None
        if self.dialect == "sqlite":
            self._writer = Writer(parsed)
            self._engine = open_readers(parsed, readers)
            self._batcher = Batcher(self._writer)
        else:
            parsed = _as_asyncpg_spells_it(parsed.set(drivername="postgresql+asyncpg"))
            self._engine = create_async_engine(parsed, pool_size=writers, pool_pre_ping=True)
            self._batches = BatchWriter(self._engine)
            self._batcher = Batcher(self._batches)

    @property
    def sync_engine(self) -> Engine:
        """SQLAlchemy's engine of the connections that write, to listen to its events."""
        return self._writer.engine if self._writer else self._engine.sync_engine

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that only reads; it sees what was committed before it began (SQLite) or each statement
        began (PostgreSQL)."""
        async with self._engine.connect() as connection:
            yield _tx(connection)
            await connection.rollback()

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction, committed at the end of the block, undone when the block raises."""
        async with self._writer.write() if self._writer else self._begin() as tx:
            yield tx

    async def batch(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs ``work`` in a transaction shared with whatever else waits to be written, and answers after the COMMIT:
        durable as ``write()``, at a fraction of its cost when many come at once. An exception in ``work`` undoes that
        work alone and is raised here.

        ``work`` does nothing but read and write in the transaction it is given: it may be run twice (see ``db.batch``),
        of which one run is committed. On SQLite it goes on in the writer's thread from its first question to the
        database on, and awaiting anything else than the transaction raises ``Suspended``."""
        return await self._batcher.submit(work)

    async def batch_together(self, work: Together[Item, T], item: Item) -> T:
        """As ``batch``, for work that costs less when it is done for many at once: ``work`` is called with the items of
        all that wait with the same ``work``, and answers for each, as if one had come after the other."""
        return await self._batcher.join(work, item)

    async def close(self) -> None:
        """Waits for batched work, then closes all connections."""
        await self._batcher.close()
        if self._batches:
            await self._batches.close()
        if self._writer:
            await self._writer.close()
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def _begin(self) -> AsyncIterator[Tx]:
        async with self._engine.begin() as connection:
            yield _tx(connection)


def _tx(connection: AsyncConnection) -> Tx:
    return Tx(connection.run_sync, connection.dialect)


def _parse(url: str) -> URL:
    hint = "write sqlite:///data/wherefrom.db or postgresql://user:password@host/name"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("database.url is no database URL", hint=hint) from None
    if parsed.drivername.partition("+")[0] not in _DIALECTS:
        raise SettingsError(
            f"database.url begins with {parsed.drivername}, which is not supported",
            hint=hint,
        )
    return parsed


def _as_asyncpg_spells_it(url: URL) -> URL:
    """``sslmode``, which other PostgreSQL programs read from a URL, is ``ssl`` to asyncpg, with the same values."""
    if "sslmode" not in url.query:
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
