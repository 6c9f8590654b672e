"""SQLite: one writer, which lives in a thread of its own, and readers that cannot write.

    write()           ─▶ lock ─▶ a hop to the thread for BEGIN, for each statement, for COMMIT
    batch()           ─▶ lock ─▶ ┌ in the event loop: each piece, up to the first answer it needs of the database
                                 └ one hop: BEGIN, those pieces to their ends, what all have appended, COMMIT
    batch_together()  ─▶ lock ─▶ ┌ in the event loop: BEGIN, all pieces, what they have appended
                                 └ one hop: COMMIT

Python runs one thread at a time, and handing over costs more than most statements: SQLite's driver lets others run four
times a statement, and a busy event loop is slow to let it go on. So work that was made to be done for many at once, a
few short statements for all of them (visits), is done where everything else is done, and the thread is left with the
wait for the disk, which it is handed at once (``LoopThread.call_now``). That holds while the file is free and its pages
are at hand: where another process holds it, or one of the kind took too long (``pace``), batches go the other way.

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
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any, TypeVar

from sqlalchemy import URL

from wherefrom.db.batch import Commit, Undone
from wherefrom.db.checkpoint import Checkpoints
from wherefrom.db.pace import Pace
from wherefrom.db.piece import Piece, parts
from wherefrom.db.sqlite_connection import connect, make_folder, open_writer
from wherefrom.db.sqlite_transaction import Transaction
from wherefrom.db.thread import LoopThread
from wherefrom.db.tx import Recalled, Tx
from wherefrom.errors import Unavailable

T = TypeVar("T")


class Writer:
    """The one connection that writes."""

    def __init__(self, url: URL) -> None:
        make_folder(url.database)
        self.engine = open_writer(url)
        self._lock = asyncio.Lock()
        self._thread = LoopThread("db writer")
        self._checkpoints = Checkpoints(lambda: connect(url.database or ""))
        self._transaction = Transaction(self.engine, self._checkpoints)
        self._closed = False
        self._recalled: Recalled = {}
        self._version: int | None = None
        self._pace = Pace()

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
                    await self._hop(self._transaction.commit, now=True)
                else:
                    await self._run_there(batch)
            except BaseException:
                self._recalled.clear()  # it may be of what is undone now
                await self._undo()
                raise

    async def _begins_here(self, batch: list[Piece]) -> bool:
        """Whether the batch is for the event loop, and its transaction has begun."""
        kinds = {piece.together for piece in batch}
        if None in kinds or not self._pace.admits(kinds, time.monotonic()):
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
        self._pace.note({piece.together for piece in batch}, began, time.monotonic())

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

    def _hop(self, call: Callable[..., T], *arguments: Any, now: bool = False) -> asyncio.Future[T]:
        if self._closed:
            raise Unavailable("the database is closed: the service is shutting down", hint="try again in a moment")
        return (self._thread.call_now if now else self._thread.call)(call, *arguments)


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
