"""The management API of reports."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from wherefrom.reports.lost_mail import LostMail, LostWish, find_lost_mail
from wherefrom.reports.store import Stray
from wherefrom.web.api import Call, Operation
from wherefrom.web.moments import parse_moment


class LostMailQuery(Struct, frozen=True, kw_only=True):
    """RFC 3339 moments or days (UTC); ``date_to`` as a day counts that day in. The last 30 days when left out."""

    date_from: str | None = None
    date_to: str | None = None


class IntentCountView(Struct, frozen=True, kw_only=True):
    """``kind``: mailto, copy or select. ``visits`` did that; of ``with_letter`` of them there is a letter."""

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
        "GET", "/sites/{site}/reports/lost-mail", "Where letters may have got lost", _lost_mail,
        query=LostMailQuery, answer=LostMailView, tag="reports",
    ),
)  # fmt: skip
