"""What became of a send: one status, made from everything that was told, in whatever order it was told (I01). Pure.

    accepted ─▶ rejected            it was never handed over
       ├──────▶ failed ◀──▶ delivered      a refusal may follow a delivery, and a later try may succeed
       │          │             │
       └──────────┴─────────────┴─▶ opened ─▶ clicked       a person's act proves that it arrived
                                       │         │
                                       └─────────┴─▶ unsubscribed ─▶ complained   (and from any before, but rejected)

All notices are kept. The status is what they lead to in the order of the times they *happened* at, so a notice that is
late, or told twice, or overtaken by another changes nothing that is right already. A move that is not drawn leaves the
status as it is: "delivered" after "opened" is late news.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class SendStatus(StrEnum):
    """Closed list; the values are stored and told."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DELIVERED = "delivered"
    FAILED = "failed"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


A = SendStatus
_ACTS = frozenset({A.OPENED, A.CLICKED, A.UNSUBSCRIBED, A.COMPLAINED})
MOVES: dict[SendStatus, frozenset[SendStatus]] = {
    A.ACCEPTED: _ACTS | {A.REJECTED, A.DELIVERED, A.FAILED},
    A.REJECTED: frozenset(),
    A.DELIVERED: _ACTS | {A.FAILED},
    A.FAILED: _ACTS | {A.DELIVERED},
    A.OPENED: _ACTS - {A.OPENED},
    A.CLICKED: _ACTS - {A.OPENED, A.CLICKED},
    A.UNSUBSCRIBED: frozenset({A.COMPLAINED}),
    A.COMPLAINED: frozenset(),
}
"""Where each status may go. Staying is no move."""

TOLD = (A.REJECTED, A.DELIVERED, A.FAILED, A.UNSUBSCRIBED, A.COMPLAINED)
"""What others may tell of a send; the rest is known here."""

_ORDER = {one: number for number, one in enumerate(SendStatus)}


class Notice(NamedTuple):
    """Something happened to the send, at ``happened_at``."""

    status: SendStatus
    happened_at: datetime


def find_status(accepted_at: datetime, notices: Iterable[Notice]) -> Notice:
    """The status all ``notices`` lead to, with the time it dates from. Their order does not matter, nor how often each
    is there; one that is said to have happened before the send was accepted (clocks differ) counts as just after."""
    shown = Notice(A.ACCEPTED, accepted_at)
    for one in sorted(notices, key=lambda one: (max(one.happened_at, accepted_at), _ORDER[one.status])):
        if one.status in MOVES[shown.status]:
            shown = Notice(one.status, max(one.happened_at, accepted_at))
    return shown
