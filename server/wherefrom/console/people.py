"""The contacts of a site: found by what they did, listed, kept as filters, exported.

GET …/contacts           the page; for htmx, only what depends on the filters
GET …/contacts/count     how many fit, which the page asks for when it is there: counting may take longer
GET …/contacts.csv       all that fit
POST …/contacts          adds one
POST …/contacts/filters  keeps the filter under a name; …/filters/ID/remove takes it away
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from starlette.responses import RedirectResponse, Response, StreamingResponse

from wherefrom.audience import people
from wherefrom.audience.api import parse_name
from wherefrom.audience.change import add_contact
from wherefrom.audience.filter import Filter, resolve
from wherefrom.audience.people import Person
from wherefrom.audience.store import filters as store
from wherefrom.audience.store.filters import Saved
from wherefrom.audience.store.people import list_lists
from wherefrom.console.asking import CHOICES, Asked, from_filter, list_chips, make_filter, parse_asked, period_choices
from wherefrom.console.desk import Call, wanted
from wherefrom.console.page import HEADERS, is_fragment
from wherefrom.console.setup import convert_form
from wherefrom.console.words import UTC_ZONE
from wherefrom.contacts.api import parse_id_cursor
from wherefrom.contacts.change import AddContact
from wherefrom.db import Tx
from wherefrom.errors import BadInput, WherefromError
from wherefrom.outbound.suppression import Flags
from wherefrom.sites.zone import parse_zone

ON_A_PAGE = 50
_REASONS = {"complained": "complained", "bounced": "bounces", "manual": "suppressed"}


class Links(Struct, frozen=True):
    """The addresses a list leads to. All carry the filter."""

    base: str
    query: str
    after: str

    @property
    def older(self) -> str:
        """ "" at the end."""
        return f"{self.base}{self.query}{'&' if self.query else '?'}cursor={self.after}" if self.after else ""

    @property
    def count(self) -> str:
        return f"{self.base}/count{self.query}"

    @property
    def export(self) -> str:
        return f"{self.base}.csv{self.query}"


class Outcome(Struct, frozen=True):
    """What the last form led to."""

    form: str = ""
    problem: WherefromError | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


async def show_people(call: Call) -> Response:
    """The page, or the part below the filters when htmx asks."""
    return await _page(call, Outcome())


async def export_file(call: Call) -> Response:
    """``contacts.csv`` with the page's filter."""
    _, chosen = await _read(call)
    zone, now = site_zone(call), call.services.clock.now()
    resolve(chosen, zone, now)
    name = f"contacts-{now.astimezone(call.reader.zone):%Y-%m-%d}.csv"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    lines = people.export_people(call.services, call.site.id, zone, chosen)
    return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")


async def count_found(call: Call) -> Response:
    """How many fit, as a number for the page."""
    _, chosen = await _read(call)
    total = await people.count_people(call.services, call.site.id, site_zone(call), chosen)
    return Response(f"{total:,}".replace(",", "\u202f"), headers=HEADERS, media_type="text/plain")


async def add_contact_form(call: Call) -> Response:
    """Adds a contact and shows its page."""
    fields = call.fields
    names = ("email", "name", "reference", "consent", "consent_method")
    try:
        wish = convert_form({name: fields[name] for name in names if name in fields}, AddContact)
        added = await add_contact(call.services, call.site.id, wish, call.reader.user.email)
    except WherefromError as problem:
        return await _page(call, Outcome("contact", problem, fields))
    return RedirectResponse(f"/sites/{call.site.id}/contacts/{added.id}", 303)


async def save_filter_form(call: Call) -> Response:
    """Keeps the filter of the page, whose query the form brings, under a name; one of that name is replaced."""
    asked = parse_asked(dict(parse_qsl(call.fields.get("query", "")[:8_000].removeprefix("?"))))
    now = call.services.clock.now()
    try:
        name = parse_name(wanted(call.fields, "name"))
        if not asked.any:
            raise BadInput("this filter is empty: it would find everybody", hint="set a condition first", field="name")
        definition = make_filter(asked)
        async with call.services.db.write() as tx:
            known = {one.name: one for one in await store.list_filters(tx, call.site.id)}
            if name in known:
                kept = replace(known[name], definition=definition, changed_at=now)
                await store.replace_filter(tx, kept)
            else:
                kept = Saved(
                    site_id=call.site.id, id=call.services.ids.next(), name=name, definition=definition,
                    created_at=now, changed_at=now,
                )  # fmt: skip
                await store.append_filter(tx, kept)
    except WherefromError as problem:
        return await _page(call, Outcome("filter", problem, call.fields), asked)
    return RedirectResponse(f"/sites/{call.site.id}/contacts?saved={kept.id}", 303)


async def remove_filter_form(call: Call) -> Response:
    """Takes a saved filter away."""
    async with call.services.db.write() as tx:
        await store.remove_filter(tx, call.site.id, call.id("filter"))
    return RedirectResponse(f"/sites/{call.site.id}/contacts", 303)


def site_zone(call: Call) -> ZoneInfo:
    """The time zone in which the site's days begin."""
    return parse_zone(call.site.zone)


async def _read(call: Call) -> tuple[Asked, Filter]:
    """What the address asks for: a saved filter, or what stands in it."""
    saved = call.request.query_params.get("saved", "")
    if saved:
        async with call.services.db.read() as tx:
            chosen = (await store.get_filter(tx, call.site.id, parse_id_cursor(saved) or 0)).definition
        return from_filter(chosen), chosen
    asked = parse_asked(call.request.query_params)
    return asked, make_filter(asked)


async def _page(call: Call, outcome: Outcome, asked: Asked | None = None) -> Response:
    if asked is not None:
        chosen = make_filter(asked)
    else:
        asked, chosen = await _read(call)
    context = await _list(call, asked, chosen)
    if is_fragment(call.request):
        return call.show("people_results.html", "contacts", fragment=True, outcome=outcome, **context)
    async with call.services.db.read() as tx:
        context |= await _surroundings(call, tx)
    answer = call.show("people.html", "contacts", fragment=False, outcome=outcome, **context)
    answer.status_code = outcome.problem.status if outcome.problem else 200
    return answer


async def _list(call: Call, asked: Asked, chosen: Filter) -> dict[str, Any]:
    zone, site_id = site_zone(call), call.site.id
    cursor = call.request.query_params.get("cursor") or None
    found, after = await people.list_people(
        call.services, site_id, zone, chosen, limit=ON_A_PAGE, before=parse_id_cursor(cursor)
    )
    whole = after is None and cursor is None
    saved = call.request.query_params.get("saved", "")
    query = f"?saved={saved}" if saved else asked.query()
    base = f"/sites/{site_id}/contacts"
    return {
        "asked": asked,
        "saved_id": saved,
        "chips": [(words, base + rest.query()) for words, rest in list_chips(asked)],
        "lines": [(one, list_flags(one)) for one in found],
        "links": Links(base, query, "" if after is None else str(after)),
        "first_page": cursor is None,
        "total": len(found) if whole else None,
        "utc_zone": UTC_ZONE,
        "erased": bool(call.request.query_params.get("erased")),
    }


async def _surroundings(call: Call, tx: Tx) -> dict[str, Any]:
    url = f"{call.services.settings.server.public_url.rstrip('/')}/api/v1/sites/{call.site.id}/sends"
    body = '{"contact": {"email": "ann@mail.example"}, "subject": "News", "html": "<p>…</p>", "list": "news"}'
    return {
        "filters": await store.list_filters(tx, call.site.id),
        "lists": await list_lists(tx, call.site.id),
        "choices": CHOICES,
        "period_choices": period_choices,
        "command": f"curl {url} -H 'Authorization: Bearer KEY' -d '{body}'",
    }


def list_flags(one: Person) -> list[tuple[str, str]]:
    """What is to be known before somebody is written to: words and colour."""
    return flag_words(one.flags) + (
        [("not measured", "")] if one.contact.consent == "denied" else []
    ) + ([("open date only", "")] if one.contact.mode == "open_date" else [])  # fmt: skip


def flag_words(flags: Flags) -> list[tuple[str, str]]:
    """The two flags of an address, with their reasons."""
    found = [("unsubscribed", "bad")] if flags.unsubscribed else []
    found += [(f"left {one}", "warn") for one in flags.lists]
    return found + [(_REASONS.get(one, one), "bad") for one in flags.reasons]
