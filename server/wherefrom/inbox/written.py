"""When was the letter written? Three clocks have an opinion, and none is always right.

| stamp | whose clock | goes wrong by |
| --- | --- | --- |
| Date | the writer's device | wrong clock, wrong zone, forged, missing |
| first Received | the server that took the letter | rarely; missing in letters appended by hand |
| INTERNALDATE | the mailbox's server | letters moved by hand keep it or get a new one |

The hop (first Received, else INTERNALDATE) is the latest possible moment. Date is believed when it lies in the 3 days
before it; a clock up to any amount fast is corrected to the hop. When Date is more than 2 minutes before the hop,
either the letter waited in an outbox (more common by far) or the clock is slow: both moments then count, 80 to 20.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

_LONGEST_WAIT = timedelta(days=3)
_SAME = timedelta(minutes=2)
_OUTBOX = 0.8


class Written(Struct, frozen=True):
    """``moments`` are (moment, share), shares sum to 1, earliest first; ``words`` say whose clock was believed."""

    moments: tuple[tuple[datetime, float], ...]
    words: str

    @property
    def likeliest(self) -> datetime:
        return max(self.moments, key=lambda one: one[1])[0]

    @property
    def latest(self) -> datetime:
        return self.moments[-1][0]


def estimate_written(header_at: datetime | None, first_hop_at: datetime | None, arrived_at: datetime) -> Written:
    """The moment of writing, never after ``arrived_at``."""
    hop, whose = arrived_at, "the arrival in the mailbox"
    if first_hop_at is not None and arrived_at - _LONGEST_WAIT <= first_hop_at <= arrived_at:
        hop, whose = first_hop_at, "the first mail server's stamp"
    if header_at is None:
        return Written(((hop, 1.0),), f"by {whose}: the letter has no usable Date")
    if header_at > hop:
        return Written(((hop, 1.0),), f"by {whose}: the letter's Date is later than that")
    if header_at < hop - _LONGEST_WAIT:
        return Written(((hop, 1.0),), f"by {whose}: the letter's Date is too far before it")
    if header_at < hop - _SAME:
        return Written(((header_at, _OUTBOX), (hop, 1 - _OUTBOX)), "by its Date, although a server took it later")
    return Written(((header_at, 1.0),), "by its Date")
