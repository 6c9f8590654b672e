"""Endpoints and deliveries as the management API tells them: ids as strings, moments in RFC 3339, secrets once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from wherefrom.webhooks.answer import Headers
from wherefrom.webhooks.breaker import Breaker, breaker_state
from wherefrom.webhooks.change import Added
from wherefrom.webhooks.endpoint import Attachments, Endpoint, EventName, Format, Status, Which
from wherefrom.webhooks.signature import webhook_id
from wherefrom.webhooks.store.deliveries import Attempt, Delivery
from wherefrom.webhooks.trial import Trial

DeliveryStatus = Literal["pending", "delivered", "exhausted", "cancelled"]


class EndpointView(Struct, frozen=True, kw_only=True):
    """An endpoint. ``waiting``: deliveries that have not been accepted yet. ``per_minute``: posts started a minute at
    most; null for no limit.

    How it stands: ``status`` and, in words, why it has it, and since when. ``failing_since``: nothing was accepted
    since then, over ``failures`` tries; null when the last try was good. ``breaker`` "open": it failed so often that
    nothing is posted before ``quiet_until``; "half_open": the next try alone decides. ``quiet_until`` is also set by
    ``per_minute`` and by a receiver's Retry-After. ``old_secret_until``: the secret was changed, both sign until then.
    """

    id: str
    url: str
    format: Format
    events: list[EventName]
    which: Which
    automatic: bool
    junk: bool
    attachments: Attachments
    deal_path: str
    status: Status
    status_reason: str
    status_at: datetime | None
    failing_since: datetime | None
    failures: int
    breaker: Breaker
    quiet_until: datetime | None
    per_minute: int | None
    old_secret_until: datetime | None
    waiting: int
    created_at: datetime


class EndpointWithSecret(EndpointView, frozen=True, kw_only=True):
    """An endpoint with the secret its requests are signed with. It is shown this once."""

    secret: str


class EndpointPage(Struct, frozen=True):
    """All endpoints of the site, the oldest first; one page always."""

    data: list[EndpointView]
    next_cursor: str | None = None


class HeaderView(Struct, frozen=True):
    """One header as it went over the wire."""

    name: str
    value: str


class TrialRequest(Struct, frozen=True, kw_only=True):
    """What was posted; ``headers`` empty when nothing left the house."""

    method: str
    url: str
    headers: list[HeaderView]
    body: str


class TrialAnswer(Struct, frozen=True, kw_only=True):
    """What came back; ``body``: its beginning."""

    status_code: int
    headers: list[HeaderView]
    body: str


class TrialView(Struct, frozen=True, kw_only=True):
    """A try-out of an endpoint. ``ok``: the receiver accepted. ``words``: what went wrong, or a remark; ``hint``: what
    to do. ``answer`` null: none came. ``deal_number``: what would be kept as a letter's, for a sample letter."""

    ok: bool
    words: str
    hint: str
    milliseconds: int
    request: TrialRequest
    answer: TrialAnswer | None
    deal_number: str | None


class AttemptView(Struct, frozen=True, kw_only=True):
    """One HTTP try. ``status_code`` null: no answer came. ``error``: why it failed, or a remark; "" when all was well.
    ``answer``: the beginning of the answer's body."""

    number: int
    started_at: datetime
    milliseconds: int
    status_code: int | None
    error: str
    answer: str


class DeliveryView(Struct, frozen=True, kw_only=True):
    """One event for one endpoint. ``next_at``: when it is tried (again); null once it has ended. ``lead`` and
    ``sequence``: whose event it is (a visit's, a sender's, a contact's), and its number among theirs to this endpoint;
    null for a test."""

    id: str
    webhook_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    subject_id: str
    lead: str | None
    sequence: int | None
    status: DeliveryStatus
    attempts: int
    next_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    last_attempt: AttemptView | None


class DeliveryWithAttempts(DeliveryView, frozen=True, kw_only=True):
    """A delivery with the body as it is posted and every try, the first first."""

    body: str
    history: list[AttemptView]


class DeliveryPage(Struct, frozen=True):
    """Deliveries, the newest first. ``next_cursor`` goes into ``?cursor=`` for what follows; null at the end."""

    data: list[DeliveryView]
    next_cursor: str | None = None


def _endpoint_fields(one: Endpoint, now: datetime) -> dict[str, Any]:
    same = {
        name: getattr(one, name) for name in Endpoint.__struct_fields__ if name not in ("site_id", "previous_until")
    }
    quiet = one.quiet_until if one.quiet_until is not None and one.quiet_until > now else None
    overlaps = one.previous_until is not None and one.previous_until > now
    return same | {
        "id": str(one.id),
        "events": list(one.events),
        "breaker": breaker_state(one.failures, one.quiet_until, now),
        "quiet_until": quiet,
        "old_secret_until": one.previous_until if overlaps else None,
    }


def endpoint_view(one: Endpoint, waiting: int, now: datetime) -> EndpointView:
    return EndpointView(**_endpoint_fields(one, now), waiting=waiting)


def with_secret(added: Added, now: datetime) -> EndpointWithSecret:
    return EndpointWithSecret(**_endpoint_fields(added.endpoint, now), waiting=added.waiting, secret=added.secret)


def attempt_view(one: Attempt) -> AttemptView:
    return AttemptView(**{name: getattr(one, name) for name in AttemptView.__struct_fields__})


def delivery_fields(one: Delivery, last: Attempt | None) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "webhook_id": webhook_id(one.id),
        "endpoint_id": str(one.endpoint_id),
        "event_id": str(one.event_id),
        "event_type": one.event_type,
        "subject_id": str(one.subject_id),
        "lead": one.lead or None,
        "sequence": one.sequence,
        "status": one.status,
        "attempts": one.attempts,
        "next_at": one.next_at if one.status == "pending" else None,
        "created_at": one.created_at,
        "ended_at": one.ended_at,
        "last_attempt": attempt_view(last) if last else None,
    }


def trial_view(one: Trial) -> TrialView:
    answer = None
    if one.answer.status is not None:
        headers = _headers(one.answer.headers)
        answer = TrialAnswer(status_code=one.answer.status, headers=headers, body=one.answer.excerpt)
    return TrialView(
        ok=one.answer.accepted,
        words=one.words,
        hint=one.hint,
        milliseconds=one.milliseconds,
        request=TrialRequest(method="POST", url=one.url, headers=_headers(one.answer.sent), body=one.body.decode()),
        answer=answer,
        deal_number=one.deal.number if one.deal else None,
    )


def _headers(listed: Headers) -> list[HeaderView]:
    return [HeaderView(name, value) for name, value in listed]
