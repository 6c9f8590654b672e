"""The database: transactions that read, that write, and the group commit, on either engine.

SQLite has one writer at a time, so ``write()`` queues here (a lock in the process) rather than fails there
(SQLITE_BUSY); see ``sqlite``. PostgreSQL takes several writers.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection

from wherefrom.db import postgresql, sqlite
from wherefrom.db.batch import Batcher, Tally
from wherefrom.db.faults import describe, lurks
from wherefrom.db.piece import Piece, Together
from wherefrom.db.postgresql import connected, open_engine
from wherefrom.db.sqlite_connection import open_readers
from wherefrom.db.tx import Tx
from wherefrom.errors import SettingsError

log = structlog.get_logger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")

_CLOSE_SECONDS = 2.0

_DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a write met that others may not meet (``faults.lurks``), in words, and when, in monotonic seconds."""

    words: str
    at: float


class Database:
    """One database, by URL: ``sqlite:///relative/or//absolute/path.db`` or ``postgresql://user@host/name``.

    ``ways``: how many batches may be written at once.

    ``patience``: seconds a statement may take on PostgreSQL; None: any time, for what takes long by its nature."""

    def __init__(self, url: str, *, readers: int = 4, writers: int = 8, patience: float | None = None) -> None:
        parsed = _parse(url)
        self.trouble: Trouble | None = None
        self.dialect = _DIALECTS[parsed.drivername.partition("+")[0]]
        self._writer: sqlite.Writer | postgresql.Writer
        if self.dialect == "sqlite":
            self._writer = sqlite.Writer(parsed)
            self._engine = open_readers(parsed, readers)
        else:
            parsed = _as_asyncpg_spells_it(parsed.set(drivername="postgresql+asyncpg"))
            self._engine = open_engine(parsed, writers, patience)
            self._writer = postgresql.Writer(self._engine)
        ways = (self._writer,) if isinstance(self._writer, sqlite.Writer) else self._writer.lanes
        self._batcher = Batcher(ways, self._note)
        self.ways = len(ways)

    @property
    def tally(self) -> Tally:
        """What came of ``batch`` so far, in this process."""
        return self._batcher.tally

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the next group commit."""
        return self._batcher.waiting

    @property
    def sync_engine(self) -> Engine:
        """SQLAlchemy's engine of the connections that write, to listen to its events."""
        return self._writer.engine if isinstance(self._writer, sqlite.Writer) else self._engine.sync_engine

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that only reads; it sees what was committed before it began (SQLite) or each statement
        began (PostgreSQL)."""
        async with connected(self._engine) as connection:
            yield _tx(connection)
            await connection.rollback()

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction, committed at the end of the block, undone when the block raises."""
        try:
            async with self._writer.write() as tx:
                yield tx
        except Exception as fault:
            self._note(fault)
            raise

    async def batch(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs ``work`` in a transaction shared with whatever else waits to be written, and answers after the COMMIT:
        durable as ``write()``, at a fraction of its cost when many come at once. An exception in ``work`` undoes that
        work alone and is raised here.

        ``work`` does nothing but read and write in the transaction it is given: it may be run twice (see ``db.batch``),
        of which one run is committed. On SQLite it goes on in the writer's thread from its first question to the
        database on, and awaiting anything else than the transaction raises ``Suspended``."""
        try:
            return await self._batcher.submit(work)
        except Exception as fault:
            self._note(fault)
            raise

    async def batch_together(self, work: Together[Item, T], item: Item, *, beside: bool = False) -> T:
        """As ``batch``, for work that costs less when it is done for many at once: ``work`` is called with the items of
        all that wait with the same ``work``, and answers for each, as if one had come after the other. ``beside``: it
        is right, and counts nothing too little, while the same is written for others by another batch: on PostgreSQL
        two may be under way."""
        try:
            return await self._batcher.join(work, item, beside)
        except Exception as fault:
            self._note(fault)
            raise

    def hand_in(
        self,
        work: Together[Item, T],
        item: Item,
        heard: Callable[[T, Exception | None], None],
        *,
        beside: bool = False,
    ) -> Piece:
        """As ``batch_together``, for who is told by ``heard``: the answer, or (it is None then) the fault. To set
        ``given_up`` of what is returned is to be told nothing, and to have nothing written that is not under way.
        Unavailable when too much waits."""
        return self._batcher.hand_in(work, item, heard, beside)

    async def try_write(self) -> None:
        """Writes something that changes nothing, and raises what it meets: in the line of all batches, so that it waits
        for what they wait for."""
        await self.batch(_try_sqlite if self.dialect == "sqlite" else _try_postgresql)

    async def close(self) -> None:
        """Waits for batched work, then closes all connections. Neither a server that does not answer nor a lock of
        another process is waited for long: what is not written by then has been answered to nobody."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._batcher.close()
                await self._writer.close()
                await self._engine.dispose()
        except TimeoutError:
            log.warning("the database does not answer; its connections are left to it")

    def _note(self, fault: Exception) -> None:
        words = describe(fault)
        if words is not None and lurks(words):
            self.trouble = Trouble(words, time.monotonic())


async def _try_sqlite(tx: Tx) -> None:
    await tx.execute(text("PRAGMA user_version = 0"))  # which it is; the page is written all the same


async def _try_postgresql(tx: Tx) -> None:
    await tx.execute(text("SELECT txid_current()"))  # takes a number, which has to be written down


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
