"""Posts what is due, several at once, and keeps what came of each try.

    due ─▶ claimed (one conditional write) ─▶ signed, posted ─┬ 2xx ▶ delivered, deal number kept
                                                              ├ else ▶ due later, or exhausted
                                                              ├ five in a row ▶ breaker open, then one probe at a time
                                                              └ 410, or five days of nothing else ▶ endpoint disabled
                                                               (one write: attempt, delivery, endpoint, deal, event)

At least once: when the process dies between the post and the write, the claim runs out and the same body goes again
under the same webhook-id.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from wherefrom.db import Tx
from wherefrom.errors import SettingsError, WherefromError
from wherefrom.events.snapshots import WebhookDisabled
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.webhooks import deal, retry
from wherefrom.webhooks.breaker import pause_after
from wherefrom.webhooks.lead import sequence_headers
from wherefrom.webhooks.post import Answer, post
from wherefrom.webhooks.signature import sign_headers, webhook_id
from wherefrom.webhooks.store import deals, deliveries, due, endpoints
from wherefrom.webhooks.store.due import Claimed
from wherefrom.webhooks.store.endpoints import Failing
from wherefrom.webhooks.turns import PER_ENDPOINT, Due, pick

log = structlog.get_logger(__name__)

TOPIC = "deliveries"
SLOTS = 32
IDLE_SECONDS = 1.0  # how long what another process has made due waits at most
_SHORTEST_IDLE = 0.002
_CLAIM_MARGIN = timedelta(seconds=45)
_PROBE_MARGIN = timedelta(seconds=2)  # a second probe does no harm; silence after a crash does
_MOST_LOOKED_AT = 1000


class Courier:
    """Keeps up to ``slots`` deliveries on the way. ``chance`` gives numbers in [0, 1) for the jitter."""

    def __init__(self, services: Services, *, slots: int = SLOTS, chance: Callable[[], float] = random.random) -> None:
        self._services = services
        self._slots = slots
        self._chance = chance
        self._running: dict[asyncio.Task[None], Due] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is on the way."""
        return bool(self._running)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set, then lets what is on the way arrive. When cancelled, what is on the way is
        dropped, and due again when its claim runs out."""
        bell = self._services.bell
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                before = bell.count(TOPIC)
                if await self.step():
                    continue
                waking = asyncio.create_task(bell.wait(TOPIC, await self._idle_seconds(), since=before))
                await asyncio.wait({waking, stopping}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
            await self.settle()
        finally:
            stopping.cancel()
            for task in self._running:
                task.cancel()

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

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._services.bell.ring(TOPIC)  # a slot is free
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("delivery not recorded, due again when its claim runs out", task=task.get_name(), exc_info=fault)

    async def _deliver(self, claimed: Claimed) -> None:
        services = self._services
        started_at, clock = services.clock.now(), time.monotonic()
        answer = await self._post(claimed, started_at)
        milliseconds = round((time.monotonic() - clock) * 1000)
        outcome = Outcome(claimed, answer, started_at, milliseconds, self._chance())
        log.info(
            "webhook attempt",
            delivery=claimed.delivery.id,
            endpoint=claimed.delivery.endpoint_id,
            status=answer.status,
            error=answer.error,
            milliseconds=milliseconds,
        )
        try:
            await services.db.batch(lambda tx: record_outcome(tx, services, outcome))
        except WherefromError:
            raise
        except Exception:  # such as a deadlock with another host's batch: the answer is too dear to throw away
            log.warning("attempt not written, trying once more", delivery=claimed.delivery.id, exc_info=True)
            await services.db.batch(lambda tx: record_outcome(tx, services, outcome))

    async def _post(self, claimed: Claimed, at: datetime) -> Answer:
        services = self._services
        sealed = [claimed.secret, *filter(None, [claimed.previous_secret])]
        try:
            secrets = [services.tokens.decrypt(one) for one in sealed]
        except SettingsError as error:
            return Answer(None, f"not sent, it cannot be signed: {error}", fault="unsigned")
        body = claimed.body.encode()
        one = claimed.delivery
        headers = sign_headers(secrets, webhook_id(one.id), at, body) | sequence_headers(one.lead, one.sequence)
        return await post(services.http, claimed.url, headers, body, services.settings.webhooks.timeout_seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try, with the number that decides its jitter."""

    claimed: Claimed
    answer: Answer
    started_at: datetime
    milliseconds: int
    chance: float


async def record_outcome(tx: Tx, services: Services, outcome: Outcome) -> None:
    """Everything that follows from one try, in the caller's transaction."""
    one, answer, now = outcome.claimed.delivery, outcome.answer, services.clock.now()
    attempt_id = services.ids.next()
    await deliveries.append_attempt(
        tx, one, attempt_id, outcome.started_at, outcome.milliseconds, answer.status, answer.error, answer.excerpt
    )
    if answer.accepted:
        await deliveries.mark_delivered(tx, one, now)
        await endpoints.mark_accepting(tx, one.site_id, one.endpoint_id)
        if outcome.claimed.failing:  # the probe's: any other quiet was asked for, perhaps by an answer meanwhile
            await endpoints.set_quiet(tx, one.site_id, one.endpoint_id, _rate_until(outcome))
        await _record_deal(tx, outcome, now)
    else:
        await deliveries.mark_failed(tx, one, _next_at(services, outcome, now), now)
        await _judge_endpoint(tx, services, outcome, now)


def _next_at(services: Services, outcome: Outcome, now: datetime) -> datetime | None:
    return retry.next_attempt_at(
        outcome.claimed.delivery.failures + 1,
        now,
        services.settings.webhooks.retry_seconds,
        outcome.chance,
        retry.parse_retry_after(outcome.answer.retry_after, now),
    )


def _rate_until(outcome: Outcome) -> datetime | None:
    """When the endpoint's rate allows the next start."""
    rate = outcome.claimed.per_minute
    return None if rate is None else outcome.started_at + timedelta(minutes=1) / rate


def _quiet_until(services: Services, outcome: Outcome, failing: Failing, now: datetime) -> datetime | None:
    """Until when the endpoint is left alone after this failure: the longest of what its breaker, its rate and the
    receiver's own ``Retry-After`` ask for. A probe ends the quiet that was kept for it."""
    answer = outcome.answer
    until = [_rate_until(outcome), None if outcome.claimed.failing else failing.quiet_until]
    pause = pause_after(failing.failures, services.settings.webhooks.retry_seconds)
    if pause:
        until.append(now + pause)
    wait = retry.parse_retry_after(answer.retry_after, now)
    if wait is not None and retry.asks_patience(answer.status):
        until.append(now + min(wait, retry.LONGEST_RETRY_AFTER))
    return max((moment for moment in until if moment is not None and moment > now), default=None)


async def _record_deal(tx: Tx, outcome: Outcome, now: datetime) -> None:
    one = outcome.claimed.delivery
    if one.event_type != EventType.MESSAGE_RECEIVED:
        return
    found = deal.find_deal(outcome.answer.body, outcome.claimed.deal_path)
    if found is None:
        return
    await deals.record_deal(
        tx, site_id=one.site_id, subject_id=one.subject_id, number=found.number, endpoint_id=one.endpoint_id, now=now,
        status=found.status, value=found.value, currency=found.currency,
    )  # fmt: skip


async def _judge_endpoint(tx: Tx, services: Services, outcome: Outcome, now: datetime) -> None:
    """Counts the failure against the endpoint, and disables it with one notice when that was one too many."""
    one, answer = outcome.claimed.delivery, outcome.answer
    failing = await endpoints.mark_failing(tx, one.site_id, one.endpoint_id, now)
    if failing is None:
        return
    quiet_until = _quiet_until(services, outcome, failing, now)
    if quiet_until != failing.quiet_until:
        await endpoints.set_quiet(tx, one.site_id, one.endpoint_id, quiet_until)
    days = services.settings.webhooks.disable_after_days
    if answer.gone:
        status, reason = "gone", "the receiver answered 410 Gone: it asks for nothing more"
    elif retry.is_hopeless(failing.since, now, timedelta(days=days)):
        status, reason = "failed", f"nothing was accepted for {days} days; the last answer: {answer.error}"
    else:
        return
    if await endpoints.mark_disabled(tx, one.site_id, one.endpoint_id, status, reason, now):
        notice = WebhookDisabled(
            endpoint_id=str(one.endpoint_id), url=outcome.claimed.url, status=status, reason=reason
        )
        await append_event(
            tx,
            id=services.ids.next(),
            site_id=one.site_id,
            type=EventType.WEBHOOK_DISABLED,
            subject_id=one.endpoint_id,
            data=notice,
            now=now,
        )
        log.warning("endpoint disabled", endpoint=one.endpoint_id, status=status, reason=reason)
