"""Roistat's pull API for letters, ``POST /api/v1/project/emailtracking/email/list``, so that a script written for it
reads them here without an edit; for sites in compatibility mode.

    {"filters": {"and": [["date", ">", "2026-11-01T00:00:00+0000"]]}, "extend": ["visit", "order"],
     "sort": ["date", "desc"], "limit": 100, "offset": 0}
    ─▶ {"status": "success", "data": [{"id", "date", "email_from", … "visit": {…}, "order": {…}}], "total": 1}

The key comes in the header ``Api-key``. Ids are strings; an absent value is null; ``visit`` and ``order`` are there
when ``extend`` names them. An order is the deal of the letter, its status in the CRM's own words.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, field

from wherefrom.errors import BadInput, Conflict
from wherefrom.inbox.store.emails import Condition, EmailRow, Field, Sign, list_emails
from wherefrom.sites.store import get_site
from wherefrom.web.api import Call, Operation
from wherefrom.web.moments import parse_moment
from wherefrom.webhooks.money import from_scaled

_MOST_FILTERS = 20
_MOST_VALUES = 500
_FIELDS: tuple[str, ...] = get_args(Field)
_SIGNS: tuple[str, ...] = get_args(Sign)


class AndFilters(Struct, frozen=True, rename={"all": "and"}):
    """Filters that must all be met."""

    all: list[Any] = field(default_factory=list)


class ListEmails(Struct, frozen=True, kw_only=True):
    """``filters``: triples [field, sign, value], bare or below "and"; signs = != > >= < <= like in. ``sort``: a field
    and asc or desc, or a list of such pairs; the newest first where it says nothing. ``extend``: visit, order."""

    filters: AndFilters | list[Any] | None = None
    extend: list[str] = field(default_factory=list)
    sort: list[Any] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0, le=10_000_000)] = 0


class Geo(Struct, frozen=True, kw_only=True):
    country: str | None
    country_iso: str | None
    region: str | None
    city: str | None


class EmailSource(Struct, frozen=True, kw_only=True):
    """Where the visit came from; levels are the parts of the marker."""

    system_name: str
    display_name: str
    system_name_by_level: list[str]
    display_name_by_level: list[str]
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None


class EmailVisit(Struct, frozen=True, kw_only=True):
    """The visit of a letter; what is not known, or tells of a person where only the source is kept, is null."""

    id: str
    first_visit: str | None
    date: str | None
    landing_page: str | None
    host: str
    referrer: str | None
    ip: str | None
    google_client_id: str | None
    metrika_client_id: str | None
    roistat_param1: str | None
    roistat_param2: str | None
    roistat_param3: str | None
    roistat_param4: str | None
    roistat_param5: str | None
    geo: Geo
    source: EmailSource


class EmailStatus(Struct, frozen=True, kw_only=True):
    id: str
    name: str


class EmailOrder(Struct, frozen=True, kw_only=True):
    """The deal of a letter."""

    id: str | None
    visit_id: str | None
    update_date: str | None
    status: EmailStatus | None
    price: Decimal | None
    currency: str | None


class EmailView(Struct, frozen=True, kw_only=True):
    """A letter. ``visit`` and ``order`` are left out unless asked for, and null where there is none."""

    id: str
    date: str
    email_from: str
    email_to: str
    subject: str
    body: str
    visit_id: str | None
    order_id: str | None
    visit: EmailVisit | UnsetType | None = UNSET
    order: EmailOrder | UnsetType | None = UNSET


class EmailList(Struct, frozen=True, kw_only=True):
    """``total``: how many letters meet the filters, beyond this page too."""

    status: str
    data: list[EmailView]
    total: int


async def _list(call: Call) -> EmailList:
    wish: ListEmails = call.body
    conditions, order = _conditions(wish.filters), _order(wish.sort)
    async with call.services.db.read() as tx:
        site = await get_site(tx, call.site_id)
        if site.compat != "roistat":
            raise Conflict(
                "this site is not in compatibility mode",
                hint=f"wherefrom site set {site.name} --compat roistat; or read GET /api/v1/messages",
            )
        rows, total = await list_emails(tx, call.site_id, conditions, order, wish.limit, wish.offset)
    return EmailList(status="success", data=[_view(row, wish.extend) for row in rows], total=total)


def _conditions(filters: AndFilters | list[Any] | None) -> list[Condition]:
    listed = filters.all if isinstance(filters, AndFilters) else filters or []
    if len(listed) > _MOST_FILTERS:
        raise BadInput(f"{len(listed)} filters are too many, {_MOST_FILTERS} are the most", field="filters")
    if listed and isinstance(listed[0], str):  # a single triple, bare
        listed = [listed]
    return [_condition(one) for one in listed]


def _condition(triple: Any) -> Condition:
    if not isinstance(triple, list) or len(triple) != 3:
        raise BadInput(
            "a filter is a list of three: field, sign, value", hint='["date", ">", "2026-11-01"]', field="filters"
        )
    name, sign, value = triple
    if name not in _FIELDS:
        raise BadInput(
            f"“{str(name)[:40]}” cannot be filtered by", hint=f"one of {', '.join(_FIELDS)}", field="filters"
        )
    if sign not in _SIGNS:
        raise BadInput(f"“{str(sign)[:40]}” is no sign of a filter", hint=f"one of {' '.join(_SIGNS)}", field="filters")
    read: _Read = _READ.get(name, _text)
    if sign == "in":
        if not isinstance(value, list) or len(value) > _MOST_VALUES:
            raise BadInput(f"“in” takes a list of at most {_MOST_VALUES} values", field="filters")
        return Condition(name, sign, [read(one) for one in value])
    if value is None and sign not in ("=", "!="):
        raise BadInput(f"null cannot be compared by {sign}", hint="= and != take it", field="filters")
    if sign == "like":
        if name in _READ:
            raise BadInput(f"“{name}” is no text, “like” cannot look into it", field="filters")
        return Condition(name, sign, _text(value))
    return Condition(name, sign, None if value is None else read(value))


def _order(sort: list[Any] | None) -> list[tuple[Field, bool]]:
    pairs = [sort] if sort and isinstance(sort[0], str) else sort or [["date", "desc"]]
    order: list[tuple[Field, bool]] = []
    for pair in pairs[: len(_FIELDS)]:
        if not isinstance(pair, list) or not 1 <= len(pair) <= 2 or pair[0] not in _FIELDS:
            raise BadInput(
                "this cannot be sorted by", hint=f"a field of {', '.join(_FIELDS)}, asc or desc", field="sort"
            )
        way = str(pair[1]).lower() if len(pair) == 2 else "asc"
        if way not in ("asc", "desc"):
            raise BadInput(f"“{way[:40]}” is no order", hint="asc or desc", field="sort")
        order.append((pair[0], way == "desc"))
    return order


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadInput("the value of this filter is text", field="filters")
    return str(value).replace("\x00", "")[:2000]


def _number(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadInput(f"“{text[:40]}” is no number", hint="ids are whole numbers", field="filters")
    return int(text)


def _moment(value: Any) -> datetime:
    moment = parse_moment(value if isinstance(value, str) else "?", "filters")
    if moment is None:
        raise BadInput("a date is empty", hint="write 2026-11-21T09:30:00+0000", field="filters")
    return moment


_Read = Callable[[Any], Any]
_READ: dict[str, _Read] = {"id": _number, "visit_id": _number, "date": _moment}


def _view(row: EmailRow, extend: list[str]) -> EmailView:
    return EmailView(
        id=str(row.id),
        date=_date(row.date),
        email_from=row.email_from,
        email_to=row.email_to,
        subject=row.subject,
        body=row.body,
        visit_id=None if row.visit_id is None else str(row.visit_id),
        order_id=row.order_id,
        visit=_visit(row) if "visit" in extend else UNSET,
        order=_deal(row) if "order" in extend else UNSET,
    )


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000"


def _visit(row: EmailRow) -> EmailVisit | None:
    one = row.visit
    if one is None:
        return None
    person, params = one["kind"] == "visit", one["params"] or {}
    levels = list(one["source_levels"] or ())
    return EmailVisit(
        id=str(row.visit_id),
        first_visit=str(one["first_visit"]) if person else None,
        date=_date(one["started_at"]) if person else None,
        landing_page=one["landing_page"] if person else None,
        host=one["domain"],
        referrer=one["referrer"] or None,
        ip=one["ip"],
        google_client_id=one["google_client_id"],
        metrika_client_id=one["ym_uid"],
        **{f"roistat_param{number}": params.get(str(number)) for number in range(1, 6)},
        geo=Geo(country=one["country"], country_iso=one["country_code"], region=one["region"], city=one["city"]),
        source=EmailSource(
            system_name=one["marker"],
            display_name=" / ".join(levels) or one["marker"],
            system_name_by_level=levels,
            display_name_by_level=levels,
            **{name: one[name] for name in ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")},
        ),
    )


def _deal(row: EmailRow) -> EmailOrder | None:
    if row.order_at is None:
        return None
    return EmailOrder(
        id=row.order_id,
        visit_id=None if row.visit_id is None else str(row.visit_id),
        update_date=_date(row.order_at),
        status=EmailStatus(id=row.order_status, name=row.order_status) if row.order_status else None,
        price=from_scaled(row.order_value),
        currency=row.order_currency,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/project/emailtracking/email/list", "List letters as Roistat does (compatibility mode)", _list,
        body=ListEmails, answer=EmailList, scope="own", tag="roistat",
    ),
)  # fmt: skip
