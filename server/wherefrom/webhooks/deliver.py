"""Posts what is due, several at once, and keeps what came of each try.

    due ─▶ claimed (one conditional write) ─▶ signed, posted ─▶ what follows is written (``outcome.py``)

At least once: when the process dies between the post and the write, the claim runs out and the same body goes again
under the same webhook-id. A process that is asked to stop lets go of what has not been answered within the grace: the
next one posts it at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from wherefrom.db.insist import insist
from wherefrom.errors import SettingsError
from wherefrom.services import Services
from wherefrom.supervise import work_until
from wherefrom.webhooks.answer import Answer
from wherefrom.webhooks.lead import sequence_headers
from wherefrom.webhooks.outcome import Outcome, record_outcome
from wherefrom.webhooks.signature import sign_headers, webhook_id
from wherefrom.webhooks.store import due
from wherefrom.webhooks.store.due import Claimed
from wherefrom.webhooks.turns import PER_ENDPOINT, Due, pick

log = structlog.get_logger(__name__)

TOPIC = "deliveries"
SLOTS = 32
IDLE_SECONDS = 1.0  # how long what another process has made due waits at most
_SHORTEST_IDLE = 0.002
_CLAIM_MARGIN = timedelta(seconds=45)
_PROBE_MARGIN = timedelta(seconds=2)  # a second probe does no harm; silence after a crash does
_MOST_LOOKED_AT = 1000
_RELEASE_SECONDS = 2.0  # of those a process has to close


class Courier:
    """Keeps up to ``slots`` deliveries on the way. ``chance`` gives numbers in [0, 1) for the jitter."""

    def __init__(self, services: Services, *, slots: int = SLOTS, chance: Callable[[], float] = random.random) -> None:
        self._services = services
        self._slots = slots
        self._chance = chance
        self._running: dict[asyncio.Task[None], Due] = {}
        self._unanswered: list[Claimed] = []

    @property
    def busy(self) -> bool:
        """Whether anything is on the way."""
        return bool(self._running)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set, then lets what is on the way arrive. When cancelled, what is on the way is
        dropped, and due again at once. A fault in here (the database is away) leaves it on its way."""
        try:
            await work_until(stop, self._services.bell, TOPIC, self.step, self._idle_seconds)
            await self.settle()
        except asyncio.CancelledError:
            await self._drop()
            raise

    async def step(self) -> bool:
        """Claims and starts what there are free slots for, without waiting for answers; False when nothing is due."""
        if len(self._running) >= self._slots:
            return False
        db, now = self._services.db, self._services.clock.now()
        async with db.read() as tx:
            waiting = await due.list_due(tx, now, PER_ENDPOINT, _MOST_LOOKED_AT)
        chosen = pick(waiting, self._running.values(), self._slots)
        if not chosen:
            return False
        answered = now + timedelta(seconds=self._services.settings.webhooks.timeout_seconds)
        async with db.write() as tx:
            taken = await due.claim_deliveries(tx, chosen, now, answered + _CLAIM_MARGIN, answered + _PROBE_MARGIN)
        by_id = {(one.site_id, one.delivery_id): one for one in chosen}
        for one in taken:
            task = asyncio.create_task(self._deliver(one), name=f"delivery {one.delivery.id}")
            self._running[task] = by_id[one.delivery.site_id, one.delivery.id]
            task.add_done_callback(self._finished)
        return bool(taken)

    async def _idle_seconds(self) -> float:
        """How long there is nothing to do: until the next delivery is due, ``IDLE_SECONDS`` at most."""
        now = self._services.clock.now()
        async with self._services.db.read() as tx:
            next_at = await due.find_next_due(tx, now)
        if next_at is None:
            return IDLE_SECONDS
        return min(max((next_at - now).total_seconds(), _SHORTEST_IDLE), IDLE_SECONDS)

    async def settle(self) -> None:
        """Waits until nothing is on the way."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _drop(self) -> None:
        """Breaks off what is on the way, and lets go of it. What was answered and could not be written down stays
        claimed: it is not to come a second time while whoever answered still works on the first."""
        dropped = list(self._running)
        for task in dropped:
            task.cancel()
        await asyncio.gather(*dropped, return_exceptions=True)
        if not self._unanswered:
            return
        releasing = asyncio.create_task(self._release(), name="release of deliveries")
        await asyncio.wait({releasing}, timeout=_RELEASE_SECONDS)
        if not releasing.done() or releasing.exception() is not None:
            releasing.cancel()
            log.warning("deliveries not answered are due again when their claims run out", number=len(dropped))

    async def _release(self) -> None:
        async with self._services.db.write() as tx:
            await due.release_claims(tx, self._unanswered)

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._services.bell.ring(TOPIC)  # a slot is free
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("delivery not recorded, due again when its claim runs out", task=task.get_name(), exc_info=fault)

    async def _deliver(self, claimed: Claimed) -> None:
        services = self._services
        started_at, clock = services.clock.now(), time.monotonic()
        try:
            answer = await self._post(claimed, started_at)
        except asyncio.CancelledError:
            self._unanswered.append(claimed)
            raise
        milliseconds = round((time.monotonic() - clock) * 1000)
        outcome = Outcome(services.ids.next(), claimed, answer, started_at, milliseconds, self._chance())
        log.info(
            "webhook attempt",
            delivery=claimed.delivery.id,
            endpoint=claimed.delivery.endpoint_id,
            status=answer.status,
            error=answer.error,
            milliseconds=milliseconds,
        )
        services.tally.note("deliveries", _result(answer))
        await insist(services.db, lambda tx: record_outcome(tx, services, outcome))

    async def _post(self, claimed: Claimed, at: datetime) -> Answer:
        from wherefrom.webhooks.post import post  # late: see webhooks.client

        services = self._services
        sealed = [claimed.secret, *filter(None, [claimed.previous_secret])]
        try:
            secrets = [services.tokens.decrypt(one) for one in sealed]
        except SettingsError as error:
            return Answer(None, f"not sent, it cannot be signed: {error}", fault="unsigned")
        body = claimed.body.encode()
        one = claimed.delivery
        headers = sign_headers(secrets, webhook_id(one.id), at, body) | sequence_headers(one.lead, one.sequence)
        return await post(services.http(), claimed.url, headers, body, services.settings.webhooks.timeout_seconds)


def _result(answer: Answer) -> str:
    if answer.status is None:
        return "unanswered"
    return "taken" if answer.accepted else "refused"
