"""Rows that may not be written, because of what is there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wherefrom.db.prepared import Prepared


class Refused(Exception):
    """A row may not be written; what was about to write it can write another one instead."""


class RefusedLate(Exception):
    """Of the rows that a transaction holds back one may not be written. Whose it is nobody knows, so no piece may take
    it for its own: the batch is undone, and each piece is run once more by itself."""


class Unless:
    """Refuses rows for which ``query`` finds anything that was there before them. ``ask``: the sets of values to ask it
    with; raises ``Refused`` where the rows are in each other's way."""

    def __init__(self, query: Prepared, ask: Callable[[Sequence[Any]], Sequence[Mapping[str, Any]]]) -> None:
        self.query = query
        self.ask = ask
