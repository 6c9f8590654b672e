"""SQLite: one writer, which lives in a thread of its own, and readers that cannot write.

    write()           ─▶ lock ─▶ a hop to the thread for BEGIN, for each statement, for COMMIT
    batch()           ─▶ lock ─▶ ┌ in the event loop: each piece, up to the first answer it needs of the database
                                 └ one hop: BEGIN, those pieces to their ends, what all have appended, COMMIT
    batch_together()  ─▶ lock ─▶ ┌ in the event loop: BEGIN, all pieces, what they have appended
                                 └ one hop: COMMIT

Python runs one thread at a time, and handing over costs more than most statements: SQLite's driver lets others run four
times a statement, and a busy event loop is slow to let it go on. So work that was made to be done for many at once, a
few short statements for all of them (visits), is done where everything else is done, and the thread is left with the
wait for the disk. That holds while the file is free and its pages are at hand: where another process holds it, or
a batch took longer than _QUICK seconds, batches go the other way for a while, each time for twice as long.

The other way a piece that asks is parked at its question and goes on in the thread, after those before it: whatever it
asks, the event loop does not wait. Pieces are coroutines whose awaits complete at once there; ``drive`` runs them to
their end. What is recalled of earlier answers is believed before BEGIN and looked at after it: has another process
written meanwhile, all pieces run once more in the thread.

Both ways use the writer's one connection, whose page cache therefore stays warm, and the lock keeps them apart. Other
processes on the same file are waited for by ``busy_timeout``: in the thread, never in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from wherefrom.db.batch import Commit, Piece, Undone, parts
from wherefrom.db.checkpoint import LONGEST, Checkpoints
from wherefrom.db.prepared import told_by_driver
from wherefrom.db.thread import LoopThread
from wherefrom.db.tx import Recalled, Tx
from wherefrom.errors import SettingsError, Unavailable

T = TypeVar("T")

_BUSY_MS = 15_000
_QUICK = 0.02
_REST, _LONGEST_REST = 0.05, 5.0
CACHED = 256
"""Statements that the driver keeps."""


class Writer:
    """The one connection that writes."""

    def __init__(self, url: URL) -> None:
        _make_folder(url.database)
        self.engine = _open(url)
        self._lock = asyncio.Lock()
        self._thread = LoopThread("db writer")
        self._checkpoints = Checkpoints(lambda: _connect(url.database or ""))
        self._transaction = _Transaction(self.engine, self._checkpoints)
        self._closed = False
        self._recalled: Recalled = {}
        self._version: int | None = None
        self._quick_from = 0.0
        self._rest = _REST

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction, a hop for each statement."""
        async with self._lock:
            transaction = self._transaction
            self._recalled.clear()
            try:
                await self._hop(transaction.begin)
                yield Tx(lambda call, *arguments: self._hop(transaction.call, call, *arguments), self.engine.dialect)
                await self._hop(transaction.commit)
            except BaseException:  # also when cancelled in the middle of a statement: the thread ends that one first
                await self._undo()
                raise

    async def commit_together(self, batch: list[Piece]) -> None:
        """As ``db.batch.Ways`` has it."""
        async with self._lock:
            try:
                if await self._begins_here(batch):
                    self._run_here(batch)
                    await self._hop(self._transaction.commit)
                else:
                    await self._run_there(batch)
            except BaseException:
                self._recalled.clear()  # it may be of what is undone now
                await self._undo()
                raise

    async def _begins_here(self, batch: list[Piece]) -> bool:
        """Whether the batch is for the event loop, and its transaction has begun."""
        if time.monotonic() < self._quick_from or any(piece.together is None for piece in batch):
            return False
        if not self._transaction.is_ready:
            await self._hop(self._transaction.get_ready)
        # who was cancelled twice has left its end to the thread
        return self._thread.is_idle and self._transaction.begin_at_once()

    def _run_here(self, batch: list[Piece]) -> None:
        """In the event loop. Undone when a piece or its rows fail."""
        began = time.monotonic()
        self._look_who_wrote()
        tx = Tx(self._transaction.run, self.engine.dialect, gathers=True, recalled=self._recalled)
        try:
            for part in parts(batch):
                drive(part.run(tx))
            drive(tx.flush())
        except Exception as fault:
            raise Undone(fault) from fault
        ended = time.monotonic()
        if ended - began <= _QUICK:
            self._rest = _REST
        else:
            self._quick_from = ended + self._rest
            self._rest = min(2 * self._rest, _LONGEST_REST)

    async def _run_there(self, batch: list[Piece]) -> None:
        """In the event loop up to the first questions, then in the thread."""
        parking = _Parking()
        run = self._transaction.run
        tx = Tx(run, self.engine.dialect, gathers=True, recalled=self._recalled, arrive=parking.arrive)
        parked = _start(batch, tx)
        parking.is_over = True
        await self._hop(self._finish, tx, parked, batch)

    def _finish(self, tx: Tx, parked: list[Coroutine[Any, Any, None]], batch: list[Piece]) -> None:
        """In the thread. Undone when a piece or its rows fail."""
        transaction = self._transaction
        try:
            transaction.begin()
            if self._look_who_wrote():  # what is recalled was no more
                tx = Tx(transaction.run, self.engine.dialect, gathers=True, recalled=self._recalled)
                _close(parked)
                parked = [part.run(tx) for part in parts(batch)]
            try:
                for piece in parked:
                    drive(piece)
                drive(tx.flush())
            except Exception as fault:
                raise Undone(fault) from fault
        finally:
            _close(parked)
        transaction.commit()

    def _look_who_wrote(self) -> bool:
        """Forgets what is recalled where another process has written since; whether there was any."""
        version = self._transaction.version()
        if version == self._version:
            return False
        self._version = version
        had = bool(self._recalled)
        self._recalled.clear()
        return had

    async def commit_again(self, commit: Commit, batch: list[Piece]) -> None:
        """As ``db.batch.Ways`` has it: by one hop."""
        async with self._lock:
            self._recalled.clear()
            await self._hop(drive, commit(batch, self._begin_here))

    async def close(self) -> None:
        if not self._closed:
            await self._hop(self._checkpoints.close)
            await self._hop(self._transaction.close)
            await self._hop(self.engine.dispose)
            self._closed = True
            self._thread.close()

    @contextlib.asynccontextmanager
    async def _begin_here(self, *, gathers: bool = False) -> AsyncIterator[Tx]:
        """In the writer's thread: every await completes at once."""
        transaction = self._transaction
        try:
            transaction.begin()
            yield Tx(transaction.run, self.engine.dialect, gathers=gathers)
            transaction.commit()
        finally:
            transaction.end()

    async def _undo(self) -> None:
        """The lock is kept until the thread is done with the transaction, however often that is cancelled: what comes
        next may begin its own in the event loop."""
        ending = self._hop(self._transaction.end)
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({ending})
        ending.result()

    def _hop(self, call: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        if self._closed:
            raise Unavailable("the database is closed: the service is shutting down", hint="try again in a moment")
        return self._thread.call(call, *arguments)


class _Transaction:
    """One after the other on the writer's connection, which is opened once. All steps are taken in the thread, but for
    those of batches that run in the event loop, up to their COMMIT.

    Begun and ended by the driver, which costs a tenth of SQLAlchemy's way; that one begins its own, inside, when it is
    first asked something."""

    def __init__(self, engine: Engine, checkpoints: Checkpoints) -> None:
        self._engine = engine
        self._checkpoints = checkpoints
        self._connection: Connection | None = None
        self._driver: Any = None
        self._is_patient = True

    @property
    def is_ready(self) -> bool:
        return self._connection is not None and not self._checkpoints.is_nearly_moved

    def get_ready(self) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._driver = self._connection.connection.driver_connection
            self._is_patient = True
        if self._checkpoints.is_nearly_moved:
            self._checkpoints.move_rest(self._driver)

    def begin(self) -> None:
        self.get_ready()
        self._wait_for_others(True)
        self._execute("BEGIN IMMEDIATE")

    def begin_at_once(self) -> bool:
        """When ``is_ready``. Not in the thread, so it waits for nobody: False while another process writes."""
        self._wait_for_others(False)
        try:
            self._driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:  # whatever it is, ``begin`` will meet it, too
            return False
        return True

    def _wait_for_others(self, patient: bool) -> None:
        if patient != self._is_patient:
            self._driver.execute(f"PRAGMA busy_timeout = {_BUSY_MS if patient else 0}")
            self._is_patient = patient

    def version(self) -> int:
        """Another one when another connection has written since; asked in a transaction."""
        ((version,),) = self._execute("PRAGMA data_version").fetchall()
        return int(version)

    def call(self, call: Callable[..., T], *arguments: Any) -> T:
        return call(self._connection, *arguments)

    async def run(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """In the thread already."""
        return call(self._connection, *arguments)

    def commit(self) -> None:
        assert self._connection is not None
        self._execute("COMMIT")
        if self._connection.in_transaction():  # SQLAlchemy's own, of which there is nothing left to commit
            self._connection.commit()
        self._checkpoints.note_commit()

    def end(self) -> None:
        """Undoes what is not committed."""
        if self._connection is None:
            return
        try:
            self._connection.rollback()
            if self._driver.in_transaction:
                self._execute("ROLLBACK")
        except BaseException:
            self.close()  # whatever is wrong with the connection: the next one is another
            raise

    def close(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            connection.close()

    def _execute(self, sql: str) -> sqlite3.Cursor:
        try:
            cursor: sqlite3.Cursor = self._driver.execute(sql)
        except sqlite3.Error as fault:
            raise told_by_driver(sql, (), fault, self._engine.dialect) from fault
        return cursor


class _Parking:
    """Keeps the pieces of a batch from the database while they are in the event loop."""

    def __init__(self) -> None:
        self.is_over = False

    async def arrive(self) -> None:
        if not self.is_over:
            await _Parked()


class _Parked:
    """What a piece awaits until the thread takes it up."""

    def __await__(self) -> Generator[_Parked, None, None]:
        yield self


def _start(batch: list[Piece], tx: Tx) -> list[Coroutine[Any, Any, None]]:
    """Runs each piece as far as it gets without the database; those that did not get to their ends. Undone when one
    fails.

    To run first what does not ask changes nothing for those that ask: it is as if it had come before them."""
    parked: list[Coroutine[Any, Any, None]] = []
    try:
        for part in parts(batch):
            work = part.run(tx)
            try:
                awaited = work.send(None)
            except StopIteration:
                continue
            if not isinstance(awaited, _Parked):
                drive(work, begun=True)
            parked.append(work)
    except Exception as fault:
        _close(parked)
        raise Undone(fault) from fault
    return parked


def _close(parked: list[Coroutine[Any, Any, None]]) -> None:
    for work in parked:
        work.close()


class Suspended(RuntimeError):
    """A piece of work awaited something else than the database."""


def drive(work: Coroutine[Any, Any, T], *, begun: bool = False) -> T:
    """The answer of a coroutine whose awaits all complete at once. ``Suspended`` is raised where it awaits anything
    else (``begun``: does so already): a batch that waits would keep every other writer waiting."""
    try:
        if not begun:
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


def _connect(file: str) -> sqlite3.Connection:
    """For the checkpoints."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=_BUSY_MS / 1000)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _open(url: URL) -> Engine:
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
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
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
            connection.exec_driver_sql("BEGIN")  # who writes has begun, see _Transaction


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
