"""The webhooks of the setup page: added, tried, paused, given a new secret, removed, and what was given up sent again.

Each form does what the management API does, by the same use cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from starlette.responses import Response

from wherefrom.console.desk import Call, wanted
from wherefrom.console.page import HEADERS, is_fragment
from wherefrom.console.setup import Outcome, back_to_setup, convert_form, setup_page
from wherefrom.errors import BadInput, WherefromError
from wherefrom.webhooks.change import (
    AddEndpoint,
    ChangeEndpoint,
    ChangeSecret,
    add_endpoint,
    change_endpoint,
    change_secret,
    remove_endpoint,
    resend_span,
)
from wherefrom.webhooks.endpoint import EVENT_NAMES
from wherefrom.webhooks.trial import TryEndpoint, try_endpoint
from wherefrom.webhooks.views import trial_view


async def add_endpoint_form(call: Call) -> Response:
    """Adds a webhook; its secret is on the page that answers, and nowhere later."""
    fields = call.fields
    try:
        wish = convert_form(
            {
                "url": wanted(fields, "url"),
                "format": fields.get("format", "standard"),
                "events": _chosen_events(fields),
                "which": fields.get("which", "matched"),
                "automatic": bool(fields.get("automatic")),
                "junk": bool(fields.get("junk")),
                "deal_path": fields.get("deal_path", "").strip(),
                "per_minute": fields.get("per_minute", "").strip() or None,
            },
            AddEndpoint,
        )
        added = await add_endpoint(call.services, call.site.id, wish)
    except WherefromError as problem:
        return await setup_page(call, Outcome("endpoint", problem, fields))
    return await setup_page(call, Outcome("endpoint", secret=added.secret))


async def try_endpoint_form(call: Call) -> Response:
    """Posts a sample to the webhook now, and shows request and answer."""
    endpoint_id = call.id("endpoint")
    wish = convert_form({"sample": call.fields.get("sample", "ping")}, TryEndpoint)
    trial = trial_view(await try_endpoint(call.services, call.site.id, endpoint_id, wish.sample))
    if is_fragment(call.request):
        part = call.desk.pages.render("trial.html", trial=trial)
        return Response(part, headers=HEADERS, media_type="text/html")
    return await setup_page(call, Outcome("trial", trial=trial, endpoint_id=endpoint_id))


async def set_endpoint_status(call: Call) -> Response:
    """Pauses a webhook, or switches it on (again); what has waited goes then."""
    wish = convert_form({"status": wanted(call.fields, "status")}, ChangeEndpoint)
    await change_endpoint(call.services, call.site.id, call.id("endpoint"), wish)
    return back_to_setup(call, "#webhooks")


async def set_endpoint_events(call: Call) -> Response:
    """Chooses what a webhook is told of from now on."""
    wish = convert_form({"events": _chosen_events(call.fields)}, ChangeEndpoint)
    try:
        await change_endpoint(call.services, call.site.id, call.id("endpoint"), wish)
    except WherefromError as problem:
        return await setup_page(call, Outcome("events", problem, endpoint_id=call.id("endpoint")))
    return back_to_setup(call, "#webhooks")


def _chosen_events(fields: Mapping[str, str]) -> list[str]:
    return [name for name in EVENT_NAMES if fields.get(f"event:{name}")]


async def resend_form(call: Call) -> Response:
    """Sends everything again that was given up for this webhook; or, of the days that are named, everything."""
    fields = call.fields
    statuses = ("exhausted", "pending", "delivered") if fields.get("status") == "any" else ("exhausted",)
    since, until = _day(call, "since"), _day(call, "until", end=True)
    count = await resend_span(call.services, call.site.id, since, until, statuses, call.id("endpoint"))
    return back_to_setup(call, f"?resent={count}#webhooks")


def _day(call: Call, name: str, *, end: bool = False) -> datetime | None:
    """When the day in a field begins in the reader's zone (``end``: when it is over); None for no day."""
    text = call.fields.get(name, "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
        return datetime.combine(day, time(), call.reader.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"“{text[:40]}” is no day", hint="write it like 2026-11-21", field=name) from None


async def change_secret_form(call: Call) -> Response:
    """Makes a new secret; the old one signs beside it for as long as is chosen."""
    wish = convert_form({"overlap_hours": call.fields.get("overlap_hours", "24")}, ChangeSecret)
    changed = await change_secret(call.services, call.site.id, call.id("endpoint"), wish)
    return await setup_page(call, Outcome("secret", secret=changed.secret, endpoint_id=changed.endpoint.id))


async def remove_endpoint_form(call: Call) -> Response:
    """Removes a webhook and calls off what waits for it."""
    await remove_endpoint(call.services, call.site.id, call.id("endpoint"))
    return back_to_setup(call, "#webhooks")
