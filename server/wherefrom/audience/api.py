"""The management API of the engagement filter: contacts by what they did, and filters that were given a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.responses import StreamingResponse

from wherefrom.audience import people
from wherefrom.audience.filter import Filter, resolve
from wherefrom.audience.store import filters as store
from wherefrom.audience.store.filters import Saved
from wherefrom.audience.views import PersonPage, person_view
from wherefrom.contacts.api import parse_id_cursor
from wherefrom.contacts.contact import parse_line
from wherefrom.errors import BadInput
from wherefrom.sites.store import get_site
from wherefrom.sites.zone import parse_zone
from wherefrom.web.api import Call, Operation

LONGEST_NAME = 100


class SearchContacts(Filter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter, or the id of a saved one (``filter``). ``cursor`` is the ``next_cursor`` of the page before;
    ``count`` true counts all that fit, which takes longer than a page."""

    filter: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None
    count: bool = False


class AddFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    definition: Filter


class ChangeFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    name: str | UnsetType = UNSET
    definition: Filter | UnsetType = UNSET


class FilterView(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    definition: Filter
    created_at: datetime
    changed_at: datetime


class FilterPage(Struct, frozen=True, kw_only=True):
    data: list[FilterView]
    next_cursor: str | None = None


async def _search(call: Call) -> PersonPage:
    body: SearchContacts = call.body
    zone, wanted = await _zone(call), await _wanted(call, body)
    found, after = await people.list_people(
        call.services, call.site_id, zone, wanted, limit=body.limit, before=parse_id_cursor(body.cursor)
    )
    total = await people.count_people(call.services, call.site_id, zone, wanted) if body.count else None
    return PersonPage(
        data=[person_view(one) for one in found], next_cursor=None if after is None else str(after), total=total
    )


async def _export(call: Call) -> StreamingResponse:
    body: SearchContacts = call.body
    zone, wanted = await _zone(call), await _wanted(call, body)
    resolve(wanted, zone, call.services.clock.now())  # what is wrong is told before the file begins
    lines = people.export_people(call.services, call.site_id, zone, wanted)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8")


async def _wanted(call: Call, body: SearchContacts) -> Filter:
    """The filter of a search: the saved one, or what the body says."""
    said = {name: getattr(body, name) for name in Filter.__struct_fields__}
    own = Filter(**said)
    if body.filter is None:
        return own
    if own != Filter():
        raise BadInput("a search names a saved filter or says one, not both", hint="leave one out", field="filter")
    filter_id = parse_id_cursor(body.filter) or 0
    async with call.services.db.read() as tx:
        return (await store.get_filter(tx, call.site_id, filter_id)).definition


async def _zone(call: Call) -> ZoneInfo:
    async with call.services.db.read() as tx:
        return parse_zone((await get_site(tx, call.site_id)).zone)


async def _add(call: Call) -> FilterView:
    body: AddFilter = call.body
    now = call.services.clock.now()
    new = Saved(
        site_id=call.site_id,
        id=call.services.ids.next(),
        name=parse_name(body.name),
        definition=body.definition,
        created_at=now,
        changed_at=now,
    )
    resolve(body.definition, await _zone(call), now)
    async with call.services.db.write() as tx:
        await store.append_filter(tx, new)
    return _view(new)


async def _change(call: Call) -> FilterView:
    body: ChangeFilter = call.body
    now, zone = call.services.clock.now(), await _zone(call)
    async with call.services.db.write() as tx:
        changed = replace(await store.get_filter(tx, call.site_id, call.id("filter")), changed_at=now)
        if body.name is not UNSET:
            changed = replace(changed, name=parse_name(body.name))
        if body.definition is not UNSET:
            resolve(body.definition, zone, now)
            changed = replace(changed, definition=body.definition)
        await store.replace_filter(tx, changed)
    return _view(changed)


async def _list(call: Call) -> FilterPage:
    async with call.services.db.read() as tx:
        return FilterPage(data=[_view(one) for one in await store.list_filters(tx, call.site_id)])


async def _get(call: Call) -> FilterView:
    async with call.services.db.read() as tx:
        return _view(await store.get_filter(tx, call.site_id, call.id("filter")))


async def _remove(call: Call) -> None:
    async with call.services.db.write() as tx:
        await store.get_filter(tx, call.site_id, call.id("filter"))
        await store.remove_filter(tx, call.site_id, call.id("filter"))


def parse_name(text: str) -> str:
    """A saved filter's name, trimmed; BadInput for none."""
    name = parse_line(text, "name", LONGEST_NAME)
    if not name:
        raise BadInput(
            "a saved filter needs a name", hint="say what it finds, such as “asleep for 90 days”", field="name"
        )
    return name


def _view(one: Saved) -> FilterView:
    return FilterView(
        id=str(one.id), name=one.name, definition=one.definition, created_at=one.created_at, changed_at=one.changed_at
    )


_FILTERS = "/sites/{site}/contact-filters"
_FILTER = _FILTERS + "/{filter}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites/{site}/contacts/search", "Find contacts by what they did, when", _search,
        body=SearchContacts, answer=PersonPage, tag="contacts",
    ),
    Operation(
        "POST", "/sites/{site}/contacts/search.csv", "The same as a CSV file, whole", _export,
        body=SearchContacts, answer=bytes, tag="contacts", media=("text/csv",),
    ),
    Operation("GET", _FILTERS, "List saved filters by name", _list, answer=FilterPage, tag="contacts"),
    Operation(
        "POST", _FILTERS, "Save a filter under a name", _add,
        body=AddFilter, answer=FilterView, status=201, tag="contacts",
    ),
    Operation("GET", _FILTER, "Show a saved filter", _get, answer=FilterView, tag="contacts"),
    Operation(
        "PATCH", _FILTER, "Change a saved filter: name, definition", _change,
        body=ChangeFilter, answer=FilterView, tag="contacts",
    ),
    Operation("DELETE", _FILTER, "Remove a saved filter", _remove, tag="contacts"),
)  # fmt: skip
