"""Group commit: pieces of work that arrive while a commit is under way share the next one.

    submit ─▶ queue ─▶ ┌ BEGIN
                       │  work 1, work 2 … what they append is gathered
                       │  the gathered rows, by one statement a table
                       └ COMMIT ──────────────────────────────▶ every submitter gets its answer, or its own exception
                           │ a piece or its rows failed: ROLLBACK                       ▲
                           ├─▶ once more, apart: BEGIN, SAVEPOINT work 1 RELEASE | ROLLBACK TO, …, COMMIT
                           │ conflict: ROLLBACK                                         │
                           └─▶ once more, one by one: BEGIN work 1 COMMIT, BEGIN work 2 COMMIT …

Faults are rare and commits are not, so savepoints are paid for only after a fault. A conflict is PostgreSQL's deadlock
or serialisation failure: two processes wrote the same rows in opposite order, and one of them has to begin again. The
server has undone it by then, so what runs again was not written before. Alone a piece keeps the locks of no other,
hence meets no conflict of their making; one that meets another is told it.

No timer gathers a batch: the first piece is written at once, and what comes during its fsync is the next batch. Where
all who wait would be one batch, and the next one empty, disk and processor would take turns: so a batch takes no more
than lets the next one be as large (``_take``). The engines differ in who runs the pieces, and how many batches may be
under way at once (``Ways``, one for each): on PostgreSQL the next one is decided while the server still writes the last
one. They may end in any order and meet in the server, as those of two processes do. That is for work that says so
(``beside``); all else is in one batch at a time, so that in one process a piece sees what those before it have written.

Pieces with one ``together`` are run as one: what each of them would ask and write by itself is asked and written by few
statements for all (``piece.parts``). Apart, or one by one, it is the same function, told of one.

Who hands in thousands a second is told by a call instead of a future, a whole batch in one turn of the event loop, when
the next batch is under way.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from wherefrom.db.faults import describe
from wherefrom.db.piece import Piece, Together
from wherefrom.db.refuse import RefusedLate
from wherefrom.db.tx import Tx
from wherefrom.errors import Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")

_MOST_IN_A_BATCH = 64
_FEW = 24
_HARDLY_ANY = 4
_MOST_WAITING = 4096
_CONFLICTS = frozenset({"40001", "40P01"})  # SQLSTATE serialization_failure, deadlock_detected


class Begin(Protocol):
    """Begins a transaction, committed at the end of the block and undone when the block raises."""

    def __call__(self, *, gathers: bool = False) -> AbstractAsyncContextManager[Tx]: ...


Commit = Callable[[list[Piece], Begin], Coroutine[Any, Any, None]]


class Undone(Exception):
    """What a piece or its rows met is the cause; nothing of the transaction is written."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


class Ways(Protocol):
    """How an engine writes pieces."""

    async def commit_together(self, batch: list[Piece]) -> None:
        """In one gathering transaction; Undone when a piece or its rows failed."""

    async def commit_again(self, commit: Commit, batch: list[Piece]) -> None:
        """By ``commit``, which awaits nothing but the database and the pieces."""


@dataclass(slots=True)
class Tally:
    """What became of pieces since the start: ``batches`` of how many ``pieces``, which waited ``seconds`` altogether,
    each from being handed in to its answer; ``refused`` were not taken. ``written_at``, by the monotonic clock: when
    something was last written."""

    batches: int = 0
    pieces: int = 0
    seconds: float = 0.0
    refused: int = 0
    written_at: float = -math.inf


class Batcher:
    """Owns the queue and the tasks that empty it, one for each of the ``ways``. ``tally`` is for reading."""

    def __init__(self, ways: Sequence[Ways], note: Callable[[Exception], None]) -> None:
        """``note`` hears of each fault that is told by a call (``hand_in``)."""
        self.tally = Tally()
        self._note = note
        self._waiting: list[Piece] = []
        self._resting = list(reversed(ways))
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_starting = False
        self._under_way = 0
        self._is_one_alone = False  # of those under way one has work that is not for beside
        self._beside = 0  # of those that wait
        self._closed = False

    async def submit(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enqueue(Piece(future, alone=work))
        return await future

    async def join(self, together: Together[Item, T], item: Item, beside: bool = False) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enqueue(Piece(future, together=together, item=item, beside=beside))
        return await future

    def hand_in(
        self,
        together: Together[Item, T],
        item: Item,
        heard: Callable[[T, Exception | None], None],
        beside: bool = False,
    ) -> Piece:
        """As ``join``; ``heard`` is told. The answer is None where there is a fault."""
        piece = Piece(None, heard, together, item, beside)
        self._enqueue(piece)
        return piece

    def _enqueue(self, piece: Piece) -> None:
        if self._closed:
            raise Unavailable("the service is shutting down", hint="try again in a moment")
        if len(self._waiting) >= _MOST_WAITING:
            self.tally.refused += 1
            raise Unavailable("the database does not keep up with the writes", hint="try again in a moment")
        self._waiting.append(piece)
        self._beside += piece.beside
        if self._resting and not self._is_starting and self._is_worth_it(0):
            self._is_starting = True  # in the next turn of the event loop, so that whoever comes in this one is with it
            task = asyncio.get_running_loop().create_task(self._drain(self._resting.pop()), name="db batch")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def waiting(self) -> int:
        """How many pieces wait for the next batch."""
        return len(self._waiting)

    async def close(self) -> None:
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _drain(self, ways: Ways) -> None:
        self._is_starting = False
        before = 0
        try:
            while self._waiting and self._is_worth_it(before):
                batch = self._take(before)
                before = len(batch)
                alone = not all(piece.beside for piece in batch)
                self._under_way += before
                self._is_one_alone |= alone
                try:
                    await self._write([piece for piece in batch if piece.is_wanted], ways)
                finally:
                    self._under_way -= before
                    self._is_one_alone &= not alone
        finally:
            self._resting.append(ways)

    def _is_worth_it(self, before: int) -> bool:
        """Whether what waits may begin: beside another batch only one that is as large, for each has its price,
        whatever its size. Where there is hardly anybody, nobody waits."""
        if not self._under_way:
            return True
        may_begin = self._beside if self._is_one_alone else len(self._waiting)
        half = self._half(before)
        return may_begin >= half or (may_begin > 0 and half <= _HARDLY_ANY)

    def _take(self, before: int) -> list[Piece]:
        """The next batch: half of all, unless these are few; of those that may begin."""
        size = min(_MOST_IN_A_BATCH, max(_FEW, self._half(before)))
        waiting = self._waiting
        if self._is_one_alone:
            may_begin = [piece for piece in waiting if piece.beside]
            batch, later = may_begin[:size], set(may_begin[size:])
            self._waiting = [piece for piece in waiting if not piece.beside or piece in later]
        else:
            batch, self._waiting = waiting[:size], waiting[size:]
        self._beside -= sum(piece.beside for piece in batch)
        return batch

    def _half(self, before: int) -> int:
        """Of all that wait, are under way, or are the ``before`` who have just been answered and may soon be back; at
        most a batch."""
        return min(_MOST_IN_A_BATCH, (len(self._waiting) + self._under_way + before + 1) // 2)

    async def _write(self, batch: list[Piece], ways: Ways) -> None:
        if not batch:
            return
        try:
            await commit_batch(batch, ways)
        except Exception as fault:
            for piece in batch:
                piece.fault = fault
        ended = time.monotonic()
        self.tally.batches += 1
        self.tally.pieces += len(batch)
        self.tally.seconds += sum(ended - piece.begun for piece in batch)
        if any(piece.fault is None for piece in batch):
            self.tally.written_at = ended
        asyncio.get_running_loop().call_soon(self._tell_all, batch)

    def _tell_all(self, batch: list[Piece]) -> None:
        for piece in batch:
            if piece.fault is not None and piece.future is None:
                self._note(piece.fault)
            try:
                piece.tell()
            except Exception:  # one asker's trouble keeps no other's answer back
                log.exception("an answer of the database could not be told")


async def commit_batch(batch: list[Piece], ways: Ways) -> None:
    """Writes the pieces by as few commits as their faults allow; ``answer`` or ``fault`` of each says what came of
    it."""
    try:
        await ways.commit_together(batch)
    except Undone as undone:
        if _is_hopeless(undone.cause):
            raise undone.cause from undone
        if _is_conflict(undone.cause):
            await ways.commit_again(_commit_one_by_one, batch)
        elif len(batch) == 1 and not isinstance(undone.cause, RefusedLate):
            batch[0].fault = undone.cause
        else:
            await ways.commit_again(_commit_apart, batch)
    except Exception as fault:  # the COMMIT failed, a connection was lost: nothing of the batch is written
        if not _is_conflict(fault):
            raise
        await ways.commit_again(_commit_one_by_one, batch)


async def _commit_apart(batch: list[Piece], begin: Begin) -> None:
    """Each piece in a savepoint. Its fault is kept for its submitter; a conflict is of the whole transaction, for the
    locks of the pieces before would be in the way of a second try."""
    try:
        async with begin() as tx:
            for piece in batch:
                await _run_apart(tx, piece)
    except Exception as fault:
        if not _is_conflict(fault):
            raise
        await _commit_one_by_one(batch, begin)


async def _run_apart(tx: Tx, piece: Piece) -> None:
    piece.answer = piece.fault = None
    try:
        async with tx.savepoint():
            await piece.run(tx)
    except Exception as fault:
        if _is_conflict(fault) or _is_hopeless(fault):
            raise
        piece.fault = fault


async def _commit_one_by_one(batch: list[Piece], begin: Begin) -> None:
    log.info("writes met those of another process; each is tried again", pieces=len(batch))
    hopeless: Exception | None = None
    for piece in batch:
        piece.answer, piece.fault = None, hopeless
        if hopeless is not None:
            continue
        try:
            async with begin() as tx:
                await piece.run(tx)
        except Exception as fault:
            piece.fault = fault
            hopeless = fault if isinstance(fault, Unavailable) or _is_hopeless(fault) else None


def _is_hopeless(fault: Exception) -> bool:
    """The disk is full, a lock is not given, the server is gone or silent: each piece would wait for it anew, and meet
    it."""
    return not _is_conflict(fault) and (isinstance(fault, TimeoutError) or describe(fault) is not None)


def _is_conflict(fault: Exception) -> bool:
    return isinstance(fault, DBAPIError) and getattr(fault.orig, "sqlstate", None) in _CONFLICTS
