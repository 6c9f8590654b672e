"""What a person does to endpoints and deliveries: add, change, remove, send again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from wherefrom.errors import BadInput, Conflict
from wherefrom.networks import parse_networks
from wherefrom.services import Services
from wherefrom.webhooks.endpoint import (
    EVENT_NAMES,
    LETTER,
    Attachments,
    Endpoint,
    EventName,
    Format,
    Which,
    choose_events,
)
from wherefrom.webhooks.signature import new_secret
from wherefrom.webhooks.store import deliveries, endpoints
from wherefrom.webhooks.url import check_url

PerMinute = Annotated[int, Meta(ge=0, le=60_000)]
"""Posts started a minute; 0 for no limit."""
DealPath = Annotated[str, Meta(max_length=200, pattern=r"^([^\s.]+(\.[^\s.]+)*)?$")]
Events = Annotated[list[EventName], Meta(max_length=2 * len(EVENT_NAMES))]
OverlapHours = Annotated[int, Meta(ge=0, le=720)]


class AddEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wish for an endpoint; see ``endpoint.Endpoint`` for the meanings. ``events`` of sends go in format standard
    alone; ``which``, ``automatic``, ``junk`` and ``attachments`` are about received letters."""

    url: str
    format: Format = "standard"
    events: Events = msgspec.field(default_factory=lambda: [LETTER])
    which: Which = "matched"
    automatic: bool = False
    junk: bool = False
    attachments: Attachments = "objects"
    deal_path: DealPath = ""
    per_minute: PerMinute | None = None


class ChangeEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out or null stays as it is. Status "enabled" also sends what has waited; ``per_minute`` 0 takes the
    limit away."""

    url: str | None = None
    format: Format | None = None
    events: Events | None = None
    which: Which | None = None
    automatic: bool | None = None
    junk: bool | None = None
    attachments: Attachments | None = None
    deal_path: DealPath | None = None
    per_minute: PerMinute | None = None
    status: Literal["enabled", "paused"] | None = None


class ChangeSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For ``overlap_hours`` both secrets sign, so that the receiver may follow and refuses nothing meanwhile. 0: the
    old one is worthless at once, for a secret that has got about."""

    overlap_hours: OverlapHours = 24


class Added(msgspec.Struct, frozen=True):
    """An endpoint and its new secret, which is shown this once. ``waiting``: deliveries not accepted yet."""

    endpoint: Endpoint
    secret: str
    waiting: int = 0


async def add_endpoint(services: Services, site_id: int, wish: AddEndpoint) -> Added:
    """Adds an enabled endpoint. BadInput when its URL could never be called, Conflict when it is there already."""
    url = _checked(services, wish.url)
    one = Endpoint(
        site_id=site_id,
        id=services.ids.next(),
        url=url,
        format=wish.format,
        events=choose_events(wish.events, wish.format),
        which=wish.which,
        automatic=wish.automatic,
        junk=wish.junk,
        attachments=wish.attachments,
        deal_path=wish.deal_path,
        status="enabled",
        status_reason="",
        failing_since=None,
        per_minute=wish.per_minute or None,
        created_at=services.clock.now(),
    )
    secret = new_secret()
    async with services.db.write() as tx:
        for other in await endpoints.list_endpoints(tx, site_id):
            if (other.url, other.format) == (one.url, one.format):
                raise Conflict(
                    f"endpoint {other.id} posts to this URL in this format already",
                    hint="change that one; two would tell the receiver everything twice",
                    endpoint=str(other.id),
                )
        await endpoints.add_endpoint(tx, one, services.tokens.encrypt(secret))
    return Added(one, secret)


async def change_endpoint(services: Services, site_id: int, endpoint_id: int, wish: ChangeEndpoint) -> Endpoint:
    """Changes what ``wish`` names. Bodies rendered already keep the form they have."""
    values: dict[str, Any] = {name: value for name, value in msgspec.structs.asdict(wish).items() if value is not None}
    if "url" in values:
        values["url"] = _checked(services, values["url"])
    if "status" in values:
        values |= {"status_reason": "", "status_at": services.clock.now(), "quiet_until": None}
        if values["status"] == "enabled":
            values |= {"failing_since": None, "failures": 0}  # the five days begin anew, and the breaker is closed
    if "per_minute" in values:
        values["per_minute"] = values["per_minute"] or None
        values["quiet_until"] = None
    async with services.db.write() as tx:
        known = await endpoints.get_endpoint(tx, site_id, endpoint_id)
        if "events" in values or "format" in values:
            values["events"] = choose_events(
                known.events if wish.events is None else wish.events, wish.format or known.format
            )
        await endpoints.update_endpoint(tx, site_id, endpoint_id, values)
        changed = await endpoints.get_endpoint(tx, site_id, endpoint_id)
    services.bell.ring("deliveries")
    return changed


async def change_secret(services: Services, site_id: int, endpoint_id: int, wish: ChangeSecret) -> Added:
    """Gives the endpoint a new secret; the old one signs beside it for as long as ``wish`` says."""
    secret, now = new_secret(), services.clock.now()
    async with services.db.write() as tx:
        old = await endpoints.get_secrets(tx, site_id, endpoint_id, now)
        values = {
            "secret": services.tokens.encrypt(secret),
            "previous_secret": old.current,
            "previous_until": now + timedelta(hours=wish.overlap_hours),
        }
        await endpoints.update_endpoint(tx, site_id, endpoint_id, values)
        one = await endpoints.get_endpoint(tx, site_id, endpoint_id)
        waiting = await endpoints.list_waiting(tx, site_id)
    return Added(one, secret, waiting.get(endpoint_id, 0))


async def remove_endpoint(services: Services, site_id: int, endpoint_id: int) -> None:
    """Removes the endpoint and calls off what waits for it; what was delivered stays in the history."""
    async with services.db.write() as tx:
        await endpoints.get_endpoint(tx, site_id, endpoint_id)
        await endpoints.delete_endpoint(tx, site_id, endpoint_id, services.clock.now())


async def resend(services: Services, site_id: int, delivery_id: int) -> None:
    """Sends a delivery again, with its body and webhook-id as they were, and the whole schedule before it. Conflict
    when its endpoint has been removed."""
    async with services.db.write() as tx:
        one, _ = await deliveries.get_delivery(tx, site_id, delivery_id)
        if not await deliveries.mark_due_again(tx, site_id, delivery_id, services.clock.now()):
            raise Conflict(
                f"delivery {delivery_id} cannot be sent again: endpoint {one.endpoint_id} has been removed",
                hint="add an endpoint; letters from now on go there",
            )
        await endpoints.wake_endpoints(tx, site_id, one.endpoint_id)
    services.bell.ring("deliveries")


async def resend_span(
    services: Services,
    site_id: int,
    since: datetime | None,
    until: datetime | None,
    statuses: Collection[str],
    endpoint_id: int | None,
) -> int:
    """Sends again the deliveries made from ``since`` (included) to ``until`` (not) that are in ``statuses``; how many
    they are. None: no bound; ``endpoint_id`` None: of every endpoint."""
    if since is not None and until is not None and until <= since:
        raise BadInput("the span ends before it begins", hint="until must be later than since", field="until")
    now = services.clock.now()
    async with services.db.write() as tx:
        if endpoint_id is not None:
            await endpoints.get_endpoint(tx, site_id, endpoint_id)
        count = await deliveries.mark_due_again_between(tx, site_id, since, until, statuses, endpoint_id, now)
        await endpoints.wake_endpoints(tx, site_id, endpoint_id)
    services.bell.ring("deliveries")
    return count


def _checked(services: Services, url: str) -> str:
    return check_url(url, parse_networks(services.settings.webhooks.allow))
