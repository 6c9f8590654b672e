"""Keeps connections to the mail servers of accounts that have letters to send: who works for which site, and when.

    letter due ─▶ a lane of its site that rests is woken, or a new one set to work ─▶ … ─▶ it rests, then ends (lane)

One lane is one connection. The account's row says how many there may be over all processes; a second one is set to work
only when the first has taken a letter and there is another. A stop lets each letter that is on its way arrive, within
the supervisor's grace.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from wherefrom.outbound.lane import Lane
from wherefrom.outbound.sender import TOPIC
from wherefrom.outbound.store import outgoing
from wherefrom.services import Services
from wherefrom.supervise import work_until

log = structlog.get_logger(__name__)

MOST_LANES = 32
IDLE_SECONDS = 1.0  # how long what another process has made due waits at most
LINGER_SECONDS = 10.0  # how long a connection is kept open for the next letter
CROWDED = timedelta(minutes=5)
"""How long one connection does where a server would not take another beside it."""
_SHORTEST_IDLE = 0.002


class Postman:
    """Keeps up to ``MOST_LANES`` lanes. ``chance`` gives numbers in [0, 1) for the jitter; ``linger`` in seconds."""

    def __init__(
        self, services: Services, *, chance: Callable[[], float] = random.random, linger: float = LINGER_SECONDS
    ) -> None:
        self._services = services
        self._chance = chance
        self._linger = linger
        self._lanes: dict[asyncio.Task[None], Lane] = {}
        self._crowded: dict[int, datetime] = {}  # sites whose server takes one connection for now

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set, then lets what is on its way arrive. When cancelled, what is on its way is
        dropped, and due again when its claim runs out. A fault in here (the database is away) leaves it on its way."""
        stopping = asyncio.create_task(self._stop_lanes(stop))
        try:
            await work_until(stop, self._services.bell, TOPIC, self.step, self._idle_seconds)
            await self.close()
        except asyncio.CancelledError:
            for task in self._lanes:
                task.cancel()
            await asyncio.gather(*self._lanes, return_exceptions=True)
            raise
        finally:
            stopping.cancel()

    async def _stop_lanes(self, stop: asyncio.Event) -> None:
        """At once, while the database may still be asked what else is due."""
        await stop.wait()
        for lane in self._lanes.values():
            lane.stop()

    @property
    def busy(self) -> bool:
        """Whether any lane is there."""
        return bool(self._lanes)

    async def step(self) -> bool:
        """Sets a lane to work for each site that has a letter to send, without waiting for it; False when there was
        nothing to set to work."""
        now = self._services.clock.now()
        self._crowded = {site_id: until for site_id, until in self._crowded.items() if until > now}
        async with self._services.db.read() as tx:
            sites = await outgoing.list_due_sites(tx, now)
        begun = False
        for site_id, connections in sites:
            mine = [lane for lane in self._lanes.values() if lane.site_id == site_id]
            if any(lane.choosing for lane in mine):
                continue
            resting = next((lane for lane in mine if lane.resting), None)
            if resting is not None:
                resting.wake()
            elif len(mine) < (1 if site_id in self._crowded else connections) and len(self._lanes) < MOST_LANES:
                self._begin(Lane(self._services, site_id, self._chance, self._linger))
                begun = True
        return begun

    async def settle(self) -> None:
        """Waits until nothing is due, on its way, or open."""
        while await self.step() or self._lanes:
            await asyncio.wait(set(self._lanes), return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Lets what is on its way arrive, starts nothing more, and closes the connections."""
        for lane in self._lanes.values():
            lane.stop()
        while self._lanes:
            await asyncio.wait(set(self._lanes))

    def _begin(self, lane: Lane) -> None:
        task = asyncio.create_task(lane.run(), name=f"letters of site {lane.site_id}")
        self._lanes[task] = lane
        task.add_done_callback(self._finished)

    async def _idle_seconds(self) -> float:
        """How long there is nothing to do: until the next letter is due, ``IDLE_SECONDS`` at most."""
        now = self._services.clock.now()
        async with self._services.db.read() as tx:
            next_at = await outgoing.find_next_at(tx, now)
        if next_at is None:
            return IDLE_SECONDS
        return min(max((next_at - now).total_seconds(), _SHORTEST_IDLE), IDLE_SECONDS)

    def _finished(self, task: asyncio.Task[None]) -> None:
        lane = self._lanes.pop(task)
        if lane.crowded:
            self._crowded[lane.site_id] = self._services.clock.now() + CROWDED
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("letters not sent, due again when their claim runs out", task=task.get_name(), exc_info=fault)
