"""The clock is set back: what was planned by the old time is planned by the new one.

A retry, a claim, an address's lease of before would else last longer by as much as the clock was wrong. All moments
that lie in the future are moved back by that much. One of another host whose clock was right comes early by it: a
webhook is tried before its time, and nothing worse. What has been recorded stays as it was; new ids grow all the same.

While it runs, a process notices by a clock that cannot be set. That it happened while nothing ran, the first one to
start notices by the time its machine has seen last, which is written down every ``MARK_SECONDS``: nothing then waits
longer than it was to wait at the stop. The mark also tells the processes of a machine who of them has moved all.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from wherefrom.archive.store import forget_marks, lock_mark, move_back, set_mark
from wherefrom.clock import LEAST_STEP, BackwardSteps
from wherefrom.services import Services

log = structlog.get_logger(__name__)

MARK_SECONDS = 20.0
"""Less than ``LEAST_STEP``: by the mark a clock that was set back is always told from one that was not."""

KEPT = timedelta(days=90)
"""A machine that was away for longer is taken for one that starts for the first time."""

_TOPICS = ("deliveries", "messages", "hits", "mailboxes", "letters", "alarms")


@dataclass(slots=True)
class ClockWatch:
    """The supervisor's worker calls ``step`` every few seconds."""

    services: Services
    steps: BackwardSteps = field(init=False)
    _owed: timedelta = timedelta(0)
    _marked_at: float | None = None

    def __post_init__(self) -> None:
        self.steps = BackwardSteps(self.services.clock)

    async def step(self) -> bool:
        """Always False: there is nothing more to do at once."""
        self._owed += self.steps.look()  # kept where the database is away: it is moved when that is back
        if self._owed or self._marked_at is None or time.monotonic() - self._marked_at >= MARK_SECONDS:
            await self._mark()
        return False

    async def _mark(self) -> None:
        services, machine = self.services, _machine(self.services)
        async with services.db.write() as tx:
            seen_at, now = await lock_mark(tx, machine), services.clock.now()
            back = self._find_step(seen_at, now)
            if back:
                await move_back(tx, now, back)
            if back or seen_at is None or seen_at < now:
                await set_mark(tx, machine, now)
            if self._marked_at is None:
                await forget_marks(tx, now - KEPT)
        if seen_at is not None:
            services.ids.pass_by(seen_at)
        self._owed, self._marked_at = timedelta(0), time.monotonic()
        if back:
            log.warning("the clock was set back; what was planned by it is moved", seconds=round(back.total_seconds()))
            for topic in _TOPICS:
                services.bell.ring(topic)

    def _find_step(self, seen_at: datetime | None, now: datetime) -> timedelta:
        """By how much all has to be moved; nothing where another process of the machine has done so."""
        ahead = timedelta(0) if seen_at is None else seen_at - now
        if self._owed:
            return self._owed if seen_at is None or ahead > timedelta(0) else timedelta(0)
        return ahead if self._marked_at is None and ahead > LEAST_STEP else timedelta(0)


def _machine(services: Services) -> str:
    """A file is one machine's, by whatever name it goes after a move."""
    return "" if services.db.dialect == "sqlite" else socket.gethostname()[:255]
