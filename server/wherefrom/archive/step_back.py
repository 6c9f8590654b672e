"""The clock is set back: what was planned by the old time is planned by the new one.

A retry, a claim, an address's lease of before would else last longer by as much as the clock was wrong. All moments
that lie in the future are moved back by that much. One of another host whose clock was right comes early by it: a
webhook is tried before its time, and nothing worse. What has been recorded stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from wherefrom.archive.store import move_back
from wherefrom.clock import BackwardSteps
from wherefrom.services import Services

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ClockWatch:
    """The supervisor's worker calls ``step`` every few seconds."""

    services: Services
    steps: BackwardSteps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = BackwardSteps(self.services.clock)

    async def step(self) -> bool:
        """Always False: there is nothing more to do at once."""
        back = self.steps.look()
        if back:
            log.warning("the clock was set back; what was planned by it is moved", seconds=round(back.total_seconds()))
            async with self.services.db.write() as tx:
                await move_back(tx, self.services.clock.now(), back)
            for topic in ("deliveries", "messages", "hits", "mailboxes", "letters"):
                self.services.bell.ring(topic)
        return False
