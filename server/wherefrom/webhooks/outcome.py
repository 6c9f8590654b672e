"""What follows from one try, in one write: attempt, delivery, endpoint, deal, and the notice when it is switched off.

2xx   ─▶ delivered; the endpoint is well again; a deal in the answer is kept
else  ─▶ due later, or exhausted; one more failure of the endpoint ─┬ five in a row ─▶ its breaker is open
                                                                   ├ 429, 503 with Retry-After ─▶ quiet so long
                                                                   └ 410, or five days of nothing else ─▶ disabled
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.events.snapshots import WebhookDisabled
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.webhooks import deal, retry
from wherefrom.webhooks.answer import Answer
from wherefrom.webhooks.breaker import pause_after
from wherefrom.webhooks.store import deals, deliveries, endpoints
from wherefrom.webhooks.store.due import Claimed
from wherefrom.webhooks.store.endpoints import Failing

log = structlog.get_logger(__name__)


class Outcome(Struct, frozen=True):
    """What came of one try, with the number that decides its jitter. ``attempt_id`` is its own: it is written down
    once, also where the database was lost just as it answered that it has been."""

    attempt_id: int
    claimed: Claimed
    answer: Answer
    started_at: datetime
    milliseconds: int
    chance: float


async def record_outcome(tx: Tx, services: Services, outcome: Outcome) -> None:
    """Everything that follows from one try, in the caller's transaction."""
    one, answer, now = outcome.claimed.delivery, outcome.answer, services.clock.now()
    if await deliveries.is_attempt_known(tx, one.site_id, outcome.attempt_id):
        return
    await deliveries.append_attempt(
        tx, one, outcome.attempt_id, outcome.started_at, outcome.milliseconds, answer.status, answer.error,
        answer.excerpt,
    )  # fmt: skip
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
