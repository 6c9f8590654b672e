"""Group commit: pieces of work that arrive while a commit is under way share the next one.

    submit ─▶ queue ─▶ ┌ BEGIN
                       │  SAVEPOINT work 1 … RELEASE | ROLLBACK TO
                       │  SAVEPOINT work 2 …
                       └ COMMIT ──────────────────────────────▶ every submitter gets its answer, or its own exception
                           │ conflict anywhere in it: ROLLBACK                          ▲
                           └─▶ once more, one by one: BEGIN work 1 COMMIT, BEGIN work 2 COMMIT …

A conflict is PostgreSQL's deadlock or serialisation failure: two processes wrote the same rows in opposite order, and
one of them has to begin again. The server has undone it by then, so what runs again was not written before. Alone a
piece keeps the locks of no other, hence meets no conflict of their making; one that meets another is told it.

No timer gathers a batch: the first piece is written at once, and what comes during its fsync is the next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from wherefrom.errors import Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[Any]]

_MOST_IN_A_BATCH = 64
_MOST_WAITING = 4096
_CONFLICTS = frozenset({"40001", "40P01"})  # SQLSTATE serialization_failure, deadlock_detected


@dataclass(slots=True)
class _Piece:
    work: Work
    future: asyncio.Future[Any]
    answer: Any = None
    fault: Exception | None = None


class Batcher:
    """Owns the queue and the one task that empties it."""

    def __init__(self, begin: Callable[[], AbstractAsyncContextManager[AsyncConnection]]) -> None:
        self._begin = begin
        self._waiting: list[_Piece] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        if self._closed:
            raise Unavailable("the service is shutting down", hint="try again in a moment")
        if len(self._waiting) >= _MOST_WAITING:
            raise Unavailable("the database does not keep up with the writes", hint="try again in a moment")
        piece = _Piece(work, asyncio.get_running_loop().create_future())
        self._waiting.append(piece)
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="db batch")
        answer: T = await piece.future
        return answer

    async def close(self) -> None:
        self._closed = True
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:_MOST_IN_A_BATCH]
                del self._waiting[:_MOST_IN_A_BATCH]
                await self._commit([piece for piece in batch if not piece.future.cancelled()])
        finally:
            self._task = None

    async def _commit(self, batch: list[_Piece]) -> None:
        try:
            async with self._begin() as tx:
                for piece in batch:
                    await _run(tx, piece)
        except Exception as fault:  # a conflict, the COMMIT itself, a connection lost: nothing of the batch is written
            if _is_conflict(fault):
                log.info("writes met those of another process; each is tried again", pieces=len(batch))
                await self._commit_each(batch)
            else:
                for piece in batch:
                    piece.fault = fault
        for piece in batch:
            if piece.future.done():
                continue
            if piece.fault is None:
                piece.future.set_result(piece.answer)
            else:
                piece.future.set_exception(piece.fault)

    async def _commit_each(self, batch: list[_Piece]) -> None:
        for piece in batch:
            piece.answer = piece.fault = None
            try:
                async with self._begin() as tx:
                    piece.answer = await piece.work(tx)
            except Exception as fault:
                piece.fault = fault


async def _run(tx: AsyncConnection, piece: _Piece) -> None:
    """Runs the piece in a savepoint. Its fault is kept for its submitter; a conflict is raised, for it is of the whole
    transaction: the locks of the pieces before would be in the way of a second try."""
    try:
        async with tx.begin_nested():
            piece.answer = await piece.work(tx)
    except Exception as fault:
        if _is_conflict(fault):
            raise
        piece.fault = fault


def _is_conflict(fault: Exception) -> bool:
    return isinstance(fault, DBAPIError) and getattr(fault.orig, "sqlstate", None) in _CONFLICTS
