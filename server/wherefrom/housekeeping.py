"""What has to be done now and then: the list of it, and the worker that goes through the list.

Every chore is safe to run in several processes at once, and to miss. What an owner can see is removed only after as
many days as ``[retention]`` in the settings says, and not at all unless it says so.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from wherefrom.accounts.login import forget_expired
from wherefrom.archive.retention import forget_old as forget_what_is_kept_no_longer
from wherefrom.archive.retention import remove_loose_blobs
from wherefrom.grants.ask import forget_requests
from wherefrom.inbox.readiness import count_leases
from wherefrom.outbound.outcome import give_up_expired
from wherefrom.probes.rounds import forget_old as forget_probes
from wherefrom.services import Services
from wherefrom.substitution.use import forget_shortages
from wherefrom.vault.vault import tidy

log = structlog.get_logger(__name__)

LONGEST_START = timedelta(minutes=10)
"""Within this time after the start every chore is done once: at a moment of its own, so that several processes started
together do not all come to the database at once."""


class Chore(Struct, frozen=True):
    """``run`` says how many things it did; it is called again ``period`` after it ended, well or badly."""

    name: str
    run: Callable[[Services], Awaitable[int]]
    period: timedelta


async def _sweep_blobs(services: Services) -> int:
    return await services.blobs.sweep()


CHORES: tuple[Chore, ...] = (
    Chore("forget expired logins", forget_expired, timedelta(hours=1)),
    Chore("forget sign-ins nobody completed", forget_requests, timedelta(hours=1)),
    Chore("give up letters nobody took", give_up_expired, timedelta(minutes=10)),
    Chore("forget old probes", forget_probes, timedelta(hours=6)),
    Chore("forget old shortages", forget_shortages, timedelta(hours=1)),
    Chore("count what leases came to", count_leases, timedelta(hours=1)),
    Chore("forget what is kept no longer", forget_what_is_kept_no_longer, timedelta(hours=6)),
    Chore("remove files no letter names", remove_loose_blobs, timedelta(hours=6)),
    Chore("sweep unfinished blobs", _sweep_blobs, timedelta(hours=6)),
    Chore("remove copies of shared blobs", tidy, timedelta(hours=6)),
)


class Housekeeping:
    """Knows when each chore is due next; the supervisor's worker calls ``step`` and sleeps between."""

    def __init__(
        self, services: Services, chores: tuple[Chore, ...] = CHORES, chance: random.Random | None = None
    ) -> None:
        self._services = services
        self._chores = chores
        chance = chance or random.SystemRandom()
        now = services.clock.now()
        self._due = {one.name: now + chance.random() * min(one.period, LONGEST_START) for one in chores}

    def due_at(self, name: str) -> datetime:
        """When the chore of this name runs next."""
        return self._due[name]

    async def step(self) -> bool:
        """Runs what is due, one after the other, or further off than it can be: the clock was set back. Always False:
        there is nothing more to do at once."""
        for chore in self._chores:
            now = self._services.clock.now()
            if self._due[chore.name] <= now or self._due[chore.name] > now + max(chore.period, LONGEST_START):
                await self._run(chore)
                self._due[chore.name] = self._services.clock.now() + chore.period
        return False

    async def _run(self, chore: Chore) -> None:
        try:
            removed = await chore.run(self._services)
        except Exception:  # one chore's fault is no reason to leave out the others
            log.exception("housekeeping failed", chore=chore.name, again_in_seconds=chore.period.total_seconds())
        else:
            log.debug("housekeeping", chore=chore.name, removed=removed)
