"""The management API of webhooks: endpoints, deliveries with their tries, deal numbers. Translates, decides nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from wherefrom.errors import BadInput
from wherefrom.web.api import Call, Operation
from wherefrom.webhooks import change
from wherefrom.webhooks.breaker import Breaker, breaker_state
from wherefrom.webhooks.change import AddEndpoint, ChangeEndpoint, ChangeSecret
from wherefrom.webhooks.endpoint import Attachments, Endpoint, Format, Status, Which
from wherefrom.webhooks.signature import webhook_id
from wherefrom.webhooks.store import deals, deliveries, endpoints
from wherefrom.webhooks.store.deliveries import Attempt, Delivery

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


class TestSent(Struct, frozen=True):
    """The event of the test; ``GET …/deliveries?event=`` shows what became of it."""

    __test__ = False

    event_id: str


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
    ``sequence``: whose letter it is, and the number of it among theirs to this endpoint; null for a test."""

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


class DeliveryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters; ``subject`` is a message's id (an endpoint's for a test), ``event`` an event's."""

    status: DeliveryStatus | None = None
    endpoint: str | None = None
    subject: str | None = None
    event: str | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ResendSpan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to send again: made from ``since`` (included) to ``until`` (not), null for no bound; those given
    up unless ``status`` says otherwise; of one ``endpoint`` or all. ``{}``: everything that was given up. "pending":
    what waits for its next try is tried at once."""

    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    status: Literal["exhausted", "pending", "delivered", "any"] = "exhausted"
    endpoint: str | None = None


class Resent(Struct, frozen=True):
    """How many deliveries are due again."""

    count: int


class DealNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of a letter's deal in the CRM."""

    number: str


async def _add(call: Call) -> EndpointWithSecret:
    return _with_secret(await change.add_endpoint(call.services, call.site_id, call.body), call.services.clock.now())


async def _list(call: Call) -> EndpointPage:
    async with call.services.db.read() as tx:
        found = await endpoints.list_endpoints(tx, call.site_id)
        waiting = await endpoints.list_waiting(tx, call.site_id)
    now = call.services.clock.now()
    return EndpointPage([_endpoint_view(one, waiting.get(one.id, 0), now) for one in found])


async def _get(call: Call) -> EndpointView:
    return await _look_at(call, call.id("endpoint"))


async def _change(call: Call) -> EndpointView:
    await change.change_endpoint(call.services, call.site_id, call.id("endpoint"), call.body)
    return await _look_at(call, call.id("endpoint"))


async def _remove(call: Call) -> None:
    await change.remove_endpoint(call.services, call.site_id, call.id("endpoint"))


async def _change_secret(call: Call) -> EndpointWithSecret:
    added = await change.change_secret(call.services, call.site_id, call.id("endpoint"), call.body)
    return _with_secret(added, call.services.clock.now())


async def _send_test(call: Call) -> TestSent:
    return TestSent(str(await change.send_test(call.services, call.site_id, call.id("endpoint"))))


async def _list_deliveries(call: Call) -> DeliveryPage:
    query: DeliveryQuery = call.query
    async with call.services.db.read() as tx:
        found = await deliveries.list_deliveries(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before_id=_parse_id(query.cursor, "cursor"),
            status=query.status,
            endpoint_id=_parse_id(query.endpoint, "endpoint"),
            subject_id=_parse_id(query.subject, "subject"),
            event_id=_parse_id(query.event, "event"),
        )
        shown = found[: query.limit]
        last = await deliveries.list_last_attempts(tx, call.site_id, [one.id for one in shown])
    more = str(shown[-1].id) if len(found) > len(shown) else None
    return DeliveryPage([DeliveryView(**_delivery_fields(one, last.get(one.id))) for one in shown], more)


async def _get_delivery(call: Call) -> DeliveryWithAttempts:
    async with call.services.db.read() as tx:
        one, body = await deliveries.get_delivery(tx, call.site_id, call.id("delivery"))
        history = await deliveries.list_attempts(tx, call.site_id, one.id)
    fields = _delivery_fields(one, history[-1] if history else None)
    return DeliveryWithAttempts(body=body, history=[_attempt_view(each) for each in history], **fields)


async def _resend(call: Call) -> DeliveryWithAttempts:
    await change.resend(call.services, call.site_id, call.id("delivery"))
    return await _get_delivery(call)


async def _resend_span(call: Call) -> Resent:
    wish: ResendSpan = call.body
    statuses = ("exhausted", "pending", "delivered") if wish.status == "any" else (wish.status,)
    endpoint_id = _parse_id(wish.endpoint, "endpoint")
    count = await change.resend_span(call.services, call.site_id, wish.since, wish.until, statuses, endpoint_id)
    return Resent(count)


async def _set_deal(call: Call) -> DealNumber:
    body: DealNumber = call.body
    return DealNumber(await change.set_deal(call.services, call.site_id, call.id("message"), body.number))


async def _remove_deal(call: Call) -> None:
    async with call.services.db.write() as tx:
        await deals.delete_deals(tx, call.site_id, [call.id("message")])


async def _look_at(call: Call, endpoint_id: int) -> EndpointView:
    async with call.services.db.read() as tx:
        one = await endpoints.get_endpoint(tx, call.site_id, endpoint_id)
        waiting = await endpoints.list_waiting(tx, call.site_id)
    return _endpoint_view(one, waiting.get(one.id, 0), call.services.clock.now())


def _parse_id(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 1 << 63):
        raise BadInput(f"{field} “{text[:40]}” is no id", hint="ids are whole numbers, as given out here", field=field)
    return int(text)


def _endpoint_fields(one: Endpoint, now: datetime) -> dict[str, Any]:
    same = {name: getattr(one, name) for name in Endpoint.__slots__ if name not in ("site_id", "previous_until")}
    quiet = one.quiet_until if one.quiet_until is not None and one.quiet_until > now else None
    overlaps = one.previous_until is not None and one.previous_until > now
    return same | {
        "id": str(one.id),
        "breaker": breaker_state(one.failures, one.quiet_until, now),
        "quiet_until": quiet,
        "old_secret_until": one.previous_until if overlaps else None,
    }


def _endpoint_view(one: Endpoint, waiting: int, now: datetime) -> EndpointView:
    return EndpointView(**_endpoint_fields(one, now), waiting=waiting)


def _with_secret(added: change.Added, now: datetime) -> EndpointWithSecret:
    return EndpointWithSecret(**_endpoint_fields(added.endpoint, now), waiting=added.waiting, secret=added.secret)


def _attempt_view(one: Attempt) -> AttemptView:
    return AttemptView(**{name: getattr(one, name) for name in AttemptView.__struct_fields__})


def _delivery_fields(one: Delivery, last: Attempt | None) -> dict[str, Any]:
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
        "last_attempt": _attempt_view(last) if last else None,
    }


_ENDPOINTS = "/sites/{site}/endpoints"
_ENDPOINT = "/sites/{site}/endpoints/{endpoint}"
_DELIVERIES = "/sites/{site}/deliveries"
_DELIVERY = "/sites/{site}/deliveries/{delivery}"
_DEAL = "/sites/{site}/messages/{message}/deal"

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", _ENDPOINTS, "List a site's endpoints", _list, answer=EndpointPage, tag="endpoints"),
    Operation(
        "POST", _ENDPOINTS, "Add an endpoint; its secret is shown this once", _add,
        body=AddEndpoint, answer=EndpointWithSecret, status=201, tag="endpoints",
    ),
    Operation("GET", _ENDPOINT, "Look at an endpoint", _get, answer=EndpointView, tag="endpoints"),
    Operation(
        "PATCH", _ENDPOINT, "Change, pause or enable an endpoint", _change,
        body=ChangeEndpoint, answer=EndpointView, tag="endpoints",
    ),
    Operation("DELETE", _ENDPOINT, "Remove an endpoint and call off what waits for it", _remove, tag="endpoints"),
    Operation(
        "POST", _ENDPOINT + "/secret", "Change the secret; the old one signs beside it for a time", _change_secret,
        body=ChangeSecret, answer=EndpointWithSecret, tag="endpoints",
    ),
    Operation(
        "POST", _ENDPOINT + "/test", "Send a test.ping the way letters go", _send_test,
        answer=TestSent, status=202, tag="endpoints",
    ),
    Operation(
        "GET", _DELIVERIES, "List deliveries, the newest first", _list_deliveries,
        query=DeliveryQuery, answer=DeliveryPage, tag="deliveries",
    ),
    Operation(
        "POST", _DELIVERIES + "/resend", "Send again what was given up, or a span of time", _resend_span,
        body=ResendSpan, answer=Resent, status=202, tag="deliveries",
    ),
    Operation(
        "GET", _DELIVERY, "Look at a delivery, its body and every try", _get_delivery,
        answer=DeliveryWithAttempts, tag="deliveries",
    ),
    Operation(
        "POST", _DELIVERY + "/resend", "Send a delivery again, under the same webhook-id", _resend,
        answer=DeliveryWithAttempts, status=202, tag="deliveries",
    ),
    Operation(
        "POST", _DEAL, "Tell the number of a letter's deal", _set_deal,
        body=DealNumber, answer=DealNumber, tag="deals",
    ),
    Operation("DELETE", _DEAL, "Forget the number of a letter's deal", _remove_deal, tag="deals"),
)  # fmt: skip
