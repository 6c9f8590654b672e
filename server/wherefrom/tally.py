"""What a process has done since its start, counted by queue and result.

One ``Tally`` a process, in ``Services``: whoever has ended a piece of background work notes it here, after the commit;
``/metrics`` tells it. Refuses to know what waits: that is the database's, and the same for all processes.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

Queue = Literal["letters", "deliveries", "outgoing", "hits"]

RESULTS: dict[Queue, tuple[str, ...]] = {
    "letters": ("sorted", "unreadable", "postponed"),
    "deliveries": ("taken", "refused", "unanswered"),
    "outgoing": ("sent", "deferred", "rejected"),
    "hits": ("judged", "failed"),
}
"""Closed lists; both are labels of a metric."""


class Tally:
    """``counts`` by queue and result, each of which is there from the start."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Queue, str]] = Counter(
            {(queue, result): 0 for queue, results in RESULTS.items() for result in results}
        )

    def note(self, queue: Queue, result: str, count: int = 1) -> None:
        assert result in RESULTS[queue]
        self.counts[queue, result] += count
