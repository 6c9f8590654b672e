"""Pieces of a batch side by side, so that what many of them ask is asked by one statement. For PostgreSQL, where a
statement costs a round trip.

    piece 1 ──▶ ask A ┐                     ┌──▶ change B ┐                    ┌──▶ end
    piece 2 ──▶ ask A ┼─▶ one statement A ──┼──▶ change B ┼─▶ one statement B ─┼──▶ end
    piece 3 ──▶ ask A ┘                     └──▶ end      ┘                    └

A piece is a coroutine that is driven by hand: it stops where it asks by a prepared statement (``Asked``), and goes on
with its own part of the answer. Any other statement is run at once, as ever; pieces take turns and never run at the
same time. What a piece writes is seen by those that ask later, so pieces must not decide on the same rows: they say by
``Tx.claim`` what they decide on, and the second to claim it begins anew when all of the first wave have ended. One that
must have the database for itself (``Tx.alone``) goes on after the others, to its end.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Hashable, Sequence
from typing import TYPE_CHECKING, Any

from wherefrom.db.prepared import Prepared

if TYPE_CHECKING:
    from wherefrom.db.batch import Piece
    from wherefrom.db.tx import Tx

Row = tuple[Any, ...]
_Work = Coroutine[Any, Any, Any]


class Asked:
    """What a piece awaits until its wave has been answered."""

    __slots__ = ("query", "values")

    def __init__(self, query: Prepared, values: Row) -> None:
        self.query = query
        self.values = values

    def __await__(self) -> Generator[Asked, Any, Any]:
        return (yield self)


class Alone:
    """What a piece awaits that goes on when the others have ended."""

    def __await__(self) -> Generator[Alone, Any, Any]:
        return (yield self)


class Taken(BaseException):
    """Another piece of the wave has claimed it; not an Exception, since no piece may catch it."""


class Wave:
    """Who claimed what; ``current`` is the piece that runs."""

    def __init__(self) -> None:
        self.current: Piece | None = None
        self._claimed: dict[Hashable, Piece | None] = {}

    def claim(self, key: Hashable) -> None:
        """Taken when another piece has it."""
        if self._claimed.setdefault(key, self.current) is not self.current:
            raise Taken


async def run_side_by_side(tx: Tx, pieces: Sequence[Piece]) -> None:
    """Runs the pieces to their ends, setting their answers. What one of them raises ends it all."""
    waiting = list(pieces)
    while waiting:
        again: list[Piece] = []
        alone: list[tuple[Piece, _Work]] = []
        going = [(piece, _start(tx, piece)) for piece in waiting]
        try:
            tx.wave = Wave()
            await _run_wave(tx, tx.wave, going, alone, again)
            tx.wave = None
            for piece, work in alone:
                piece.answer = await _Rest(work)
        finally:
            tx.wave = None
            for _, work in (*going, *alone):
                work.close()
        waiting = again


async def _run_wave(
    tx: Tx,
    wave: Wave,
    going: Sequence[tuple[Piece, _Work]],
    alone: list[tuple[Piece, _Work]],
    again: list[Piece],
) -> None:
    told: list[tuple[Piece, _Work, Any]] = [(piece, work, None) for piece, work in going]
    while told:
        asked: dict[Prepared, list[tuple[Piece, _Work, Row]]] = {}
        for piece, work, answer in told:
            wave.current = piece
            try:
                stopped = await _Step(work, answer)
            except StopAsyncIteration as end:
                (piece.answer,) = end.args
                continue
            except Taken:
                again.append(piece)
                continue
            if isinstance(stopped, Asked):
                asked.setdefault(stopped.query, []).append((piece, work, stopped.values))
            else:
                alone.append((piece, work))
        told = []
        for query, askers in asked.items():
            answers = await tx.ask_for_many(query, [values for *_, values in askers])
            told += [(piece, work, answers[values]) for piece, work, values in askers]


async def _start(tx: Tx, piece: Piece) -> Any:
    return await piece.work(tx)


class _Step:
    """Runs a piece on until it stops by itself, passing on to the event loop whatever else it awaits. What it stopped
    at, or StopAsyncIteration with its answer."""

    def __init__(self, work: _Work, answer: Any) -> None:
        self._work = work
        self._answer = answer

    def __await__(self) -> Generator[Any, Any, Asked | Alone]:
        work, sent, fault = self._work, self._answer, None
        while True:
            try:
                awaited = work.send(sent) if fault is None else work.throw(fault)
            except StopIteration as end:
                raise StopAsyncIteration(end.value) from None
            if isinstance(awaited, Asked | Alone):
                return awaited
            sent, fault = None, None
            try:
                sent = yield awaited
            except BaseException as thrown:
                fault = thrown


class _Rest:
    """Runs what is left of a piece that stopped to be alone."""

    def __init__(self, work: _Work) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._work.__await__())
