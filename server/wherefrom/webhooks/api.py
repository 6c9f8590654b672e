"""The management API of webhooks: endpoints, deliveries with their tries, deal numbers. Translates, decides nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from wherefrom.errors import BadInput
from wherefrom.web.api import Call, Operation
from wherefrom.webhooks import change, told
from wherefrom.webhooks.change import AddEndpoint, ChangeEndpoint, ChangeSecret
from wherefrom.webhooks.store import deals, deliveries, endpoints
from wherefrom.webhooks.told import ChangeDealNumbered
from wherefrom.webhooks.trial import TryEndpoint, try_endpoint
from wherefrom.webhooks.views import (
    DeliveryPage,
    DeliveryStatus,
    DeliveryView,
    DeliveryWithAttempts,
    EndpointPage,
    EndpointView,
    EndpointWithSecret,
    TrialView,
    attempt_view,
    delivery_fields,
    endpoint_view,
    trial_view,
    with_secret,
)


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


class DealsChanged(Struct, frozen=True):
    """How many letters have the deal."""

    count: int


async def _add(call: Call) -> EndpointWithSecret:
    return with_secret(await change.add_endpoint(call.services, call.site_id, call.body), call.services.clock.now())


async def _list(call: Call) -> EndpointPage:
    async with call.services.db.read() as tx:
        found = await endpoints.list_endpoints(tx, call.site_id)
        waiting = await endpoints.list_waiting(tx, call.site_id)
    now = call.services.clock.now()
    return EndpointPage([endpoint_view(one, waiting.get(one.id, 0), now) for one in found])


async def _get(call: Call) -> EndpointView:
    return await _look_at(call, call.id("endpoint"))


async def _change(call: Call) -> EndpointView:
    await change.change_endpoint(call.services, call.site_id, call.id("endpoint"), call.body)
    return await _look_at(call, call.id("endpoint"))


async def _remove(call: Call) -> None:
    await change.remove_endpoint(call.services, call.site_id, call.id("endpoint"))


async def _change_secret(call: Call) -> EndpointWithSecret:
    added = await change.change_secret(call.services, call.site_id, call.id("endpoint"), call.body)
    return with_secret(added, call.services.clock.now())


async def _try(call: Call) -> TrialView:
    wish: TryEndpoint = call.body
    return trial_view(await try_endpoint(call.services, call.site_id, call.id("endpoint"), wish.sample))


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
    return DeliveryPage([DeliveryView(**delivery_fields(one, last.get(one.id))) for one in shown], more)


async def _get_delivery(call: Call) -> DeliveryWithAttempts:
    async with call.services.db.read() as tx:
        one, body = await deliveries.get_delivery(tx, call.site_id, call.id("delivery"))
        history = await deliveries.list_attempts(tx, call.site_id, one.id)
    fields = delivery_fields(one, history[-1] if history else None)
    return DeliveryWithAttempts(body=body, history=[attempt_view(each) for each in history], **fields)


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
    return DealNumber(await told.set_deal(call.services, call.site_id, call.id("message"), body.number))


async def _change_deals(call: Call) -> DealsChanged:
    count = await told.change_deals_numbered(call.services, call.site_id, call.path["number"], call.body)
    return DealsChanged(count)


async def _remove_deal(call: Call) -> None:
    async with call.services.db.write() as tx:
        await deals.delete_deals(tx, call.site_id, [call.id("message")])


async def _look_at(call: Call, endpoint_id: int) -> EndpointView:
    async with call.services.db.read() as tx:
        one = await endpoints.get_endpoint(tx, call.site_id, endpoint_id)
        waiting = await endpoints.list_waiting(tx, call.site_id)
    return endpoint_view(one, waiting.get(one.id, 0), call.services.clock.now())


def _parse_id(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 1 << 63):
        raise BadInput(f"{field} “{text[:40]}” is no id", hint="ids are whole numbers, as given out here", field=field)
    return int(text)


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
        "POST", _ENDPOINT + "/test", "Post a sample now and show request and answer", _try,
        body=TryEndpoint, answer=TrialView, tag="endpoints",
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
    Operation(
        "PATCH", "/sites/{site}/deals/{number}", "Tell what became of a deal, by its number in the CRM", _change_deals,
        body=ChangeDealNumbered, answer=DealsChanged, tag="deals",
    ),
    Operation("DELETE", _DEAL, "Forget the number of a letter's deal", _remove_deal, tag="deals"),
)  # fmt: skip
