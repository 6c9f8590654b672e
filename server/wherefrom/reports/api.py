"""The management API of reports."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from wherefrom.reports.counts import Counts, Dimension
from wherefrom.reports.lost_mail import LostMail, LostWish, find_lost_mail
from wherefrom.reports.sources import MOST_LINES, Line, count_sources
from wherefrom.reports.store.lost_mail import Stray
from wherefrom.sites.days import parse_moment as parse_day
from wherefrom.sites.store import get_site
from wherefrom.web.api import Call, Operation
from wherefrom.web.moments import parse_moment
from wherefrom.webhooks.money import from_scaled


class LostMailQuery(Struct, frozen=True, kw_only=True):
    """RFC 3339 moments or days (UTC); ``date_to`` as a day counts that day in. The last 30 days when left out."""

    date_from: str | None = None
    date_to: str | None = None


class IntentCountView(Struct, frozen=True, kw_only=True):
    """``kind``: mailto, copy or select. ``visits`` did that in the period for the first time; of ``with_letter`` of
    them there is a letter."""

    kind: str
    visits: int
    with_letter: int


class StrayView(Struct, frozen=True, kw_only=True):
    """A letter. ``visit`` is null where none is known."""

    id: str
    arrived_at: datetime
    from_address: str
    from_name: str
    subject: str
    to_address: str
    visit: str | None


class LostWishView(Struct, frozen=True, kw_only=True):
    """A visit that clicked or copied an address and of which there is no letter; its last such deed. ``perhaps``: a
    letter without a visit to the same target within two days after, which may be of this visit."""

    visit: str
    kind: str
    at: datetime
    address: str
    page: str
    marker: str
    channel: str
    country: str | None
    city: str | None
    perhaps: StrayView | None


class JunkView(Struct, frozen=True, kw_only=True):
    """Letters of people in Junk: all, those of which a visit is known, and the latest of these."""

    letters: int
    matched: int
    latest: list[StrayView]


class BareView(Struct, frozen=True, kw_only=True):
    """Letters people sent to a target itself; ``matched`` of them have a visit all the same (thread, sender)."""

    address: str
    letters: int
    matched: int


class LostMailView(Struct, frozen=True, kw_only=True):
    """Lists are cut at 100 entries; counts are whole."""

    date_from: datetime
    date_to: datetime
    intents: list[IntentCountView]
    without_letter: list[LostWishView]
    junk: JunkView
    bare_targets: list[BareView]


class SourcesQuery(Struct, frozen=True, kw_only=True):
    """``by``: what the lines are of. RFC 3339 moments or days of the site's time zone; ``date_to`` as a day counts that
    day in. The last 30 days, today among them, when left out; two years at most."""

    by: Dimension = "source"
    date_from: str | None = None
    date_to: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_LINES)] = 100


class AmountView(Struct, frozen=True, kw_only=True):
    """What deals are worth in one currency, an exact decimal as a string; null for values told without one."""

    currency: str | None
    value: Decimal


class FunnelView(Struct, frozen=True, kw_only=True):
    """Each counted when it happened: visits by their beginning, ``exposures`` and ``intents`` by when a visit first had
    an address in view, and first clicked or copied one; ``letters`` that people wrote, ``deals`` at the first letter of
    each, by when the letter arrived."""

    visits: int
    exposures: int
    intents: int
    letters: int
    deals: int


class SourceLineView(FunnelView, frozen=True, kw_only=True):
    """``value`` "" has none (direct visits have no source); null: letters of which no visit is known."""

    value: str | None
    amounts: list[AmountView]


class SourceDayView(FunnelView, frozen=True, kw_only=True):
    begin: datetime


class SourcesView(Struct, frozen=True, kw_only=True):
    """``data``: the most visited first, at most ``limit`` of the ``lines`` there are; ``total`` is of all."""

    date_from: datetime
    date_to: datetime
    zone: str
    by: str
    lines: int
    data: list[SourceLineView]
    total: SourceLineView
    days: list[SourceDayView]


async def _sources(call: Call) -> SourcesView:
    query: SourcesQuery = call.query
    async with call.services.db.read() as tx:
        zone = ZoneInfo((await get_site(tx, call.site_id)).zone)
    begin = parse_day(query.date_from, "date_from", zone)
    end = parse_day(query.date_to, "date_to", zone, end=True)
    found = await count_sources(call.services, call.site_id, query.by, begin, end)
    return SourcesView(
        date_from=found.begin, date_to=found.end, zone=found.zone.key, by=found.dimension, lines=len(found.lines),
        data=[_line(one) for one in found.lines[: query.limit]], total=_line(found.total),
        days=[SourceDayView(begin=at.astimezone(found.zone), **_funnel(counts)) for at, counts in found.days],
    )  # fmt: skip


def _line(one: Line) -> SourceLineView:
    amounts = [
        AmountView(currency=currency or None, value=from_scaled(amount) or Decimal(0))
        for currency, amount in sorted(one.amounts.items())
    ]
    return SourceLineView(value=one.value, amounts=amounts, **_funnel(one.counts))


def _funnel(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("visits", "exposures", "intents", "letters", "deals")}


async def _lost_mail(call: Call) -> LostMailView:
    query: LostMailQuery = call.query
    begin = parse_moment(query.date_from, "date_from")
    end = parse_moment(query.date_to, "date_to", end=True)
    return _view(await find_lost_mail(call.services, call.site_id, begin, end))


def _view(found: LostMail) -> LostMailView:
    return LostMailView(
        date_from=found.begin,
        date_to=found.end,
        intents=[
            IntentCountView(kind=one.kind, visits=one.visits, with_letter=one.with_letter) for one in found.intents
        ],
        without_letter=[_wish(one) for one in found.wishes],
        junk=JunkView(
            letters=found.junk, matched=found.junk_matched, latest=[_stray(one) for one in found.junk_letters]
        ),
        bare_targets=[BareView(address=one.address, letters=one.letters, matched=one.matched) for one in found.bare],
    )


def _wish(one: LostWish) -> LostWishView:
    wish = one.wish
    return LostWishView(
        visit=str(wish.visit_id), kind=wish.kind, at=wish.at, address=wish.address, page=wish.page,
        marker=wish.marker, channel=wish.channel, country=wish.country, city=wish.city,
        perhaps=None if one.perhaps is None else _stray(one.perhaps),
    )  # fmt: skip


def _stray(one: Stray) -> StrayView:
    return StrayView(
        id=str(one.id), arrived_at=one.at, from_address=one.from_address, from_name=one.from_name,
        subject=one.subject, to_address=one.to_address, visit=None if one.visit_id is None else str(one.visit_id),
    )  # fmt: skip


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/sites/{site}/reports/sources", "Visits, intents, letters and deals by where they came from", _sources,
        query=SourcesQuery, answer=SourcesView, tag="reports",
    ),
    Operation(
        "GET", "/sites/{site}/reports/lost-mail", "Where letters may have got lost", _lost_mail,
        query=LostMailQuery, answer=LostMailView, tag="reports",
    ),
)  # fmt: skip
