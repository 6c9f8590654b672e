"""Work that is handed in for a group commit, piece by piece, and what came of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct, field

from wherefrom.db.tx import Tx

T = TypeVar("T")
Item = TypeVar("Item")
Work = Callable[[Tx], Awaitable[Any]]
Together = Callable[[Tx, Sequence[Item]], Awaitable[Sequence[T]]]
"""Work for many at once: an answer for each, in their order, as if one had come after the other."""

Heard = Callable[[Any, Exception | None], None]
"""Is told the answer, or what there was instead. What it raises is logged, and holds up nobody else."""


class Piece(Struct, eq=False):
    """A piece of work, and what came of it. Its work is ``alone``, or ``together`` with others, by its ``item``;
    ``beside``: it may be written while others are. Who handed it in waits for ``future``, or is told by ``heard``;
    ``given_up`` before that nobody is told any more."""

    future: asyncio.Future[Any] | None = None
    heard: Heard | None = None
    together: Together[Any, Any] | None = None
    item: Any = None
    beside: bool = False
    given_up: bool = False
    alone: Work | None = None
    answer: Any = None
    fault: Exception | None = None
    begun: float = field(default_factory=time.monotonic)

    @property
    def is_wanted(self) -> bool:
        return not (self.given_up if self.future is None else self.future.cancelled())

    def tell(self) -> None:
        """What came of it, to who handed it in."""
        future = self.future
        if future is None:
            heard, self.heard = self.heard, None  # else the two would hold each other
            if heard is not None and not self.given_up:
                heard(self.answer, self.fault)
        elif future.done():
            return
        elif self.fault is None:
            future.set_result(self.answer)
        else:
            future.set_exception(self.fault)

    async def run(self, tx: Tx) -> None:
        """By itself."""
        if self.together is not None:
            (self.answer,) = await self.together(tx, (self.item,))
        elif self.alone is not None:
            self.answer = await self.alone(tx)


class Part:
    """Pieces of a batch that are run as one."""

    def __init__(self, together: Together[Any, Any], pieces: Sequence[Piece]) -> None:
        self._together = together
        self._pieces = pieces

    async def run(self, tx: Tx) -> None:
        answers = await self._together(tx, [piece.item for piece in self._pieces])
        for piece, answer in zip(self._pieces, answers, strict=True):
            piece.answer = answer


def parts(batch: Sequence[Piece]) -> list[Piece | Part]:
    """What is to be run for ``batch``: each piece that is alone, and those with one ``together`` at the place of the
    first of them."""
    found: dict[Any, list[Piece]] = {}
    for piece in batch:
        found.setdefault(piece.together or piece, []).append(piece)
    return [
        pieces[0] if len(pieces) == 1 or pieces[0].together is None else Part(pieces[0].together, pieces)
        for pieces in found.values()
    ]
