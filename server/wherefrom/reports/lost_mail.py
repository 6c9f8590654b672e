"""Lost mail: where letters may be that people meant to write, and what was not seen of those that came.

Three ways a lead gets lost, each counted and listed:
- a visit clicked or copied an address, and there is no letter of it. Most of these people simply did not write; where
  a letter to the target itself came within two days after, it is named, since it may be theirs;
- a letter lies in Junk, where nobody looks;
- a letter came to the target itself (from an old business card, or typed off another page): no visit is bound to it.

Visits count when they first did so, from sums of hours that are over (``intents``): the report takes as long on a site
of any traffic. A list is read from its newest end, no further than it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from wherefrom.errors import BadInput
from wherefrom.reports.intents import sum_deeds
from wherefrom.reports.store import lost_mail as store
from wherefrom.reports.store.lost_mail import Bare, Stray, Wish
from wherefrom.reports.store.spans import hold_still
from wherefrom.services import Services
from wherefrom.visits.tables import DEEDS

USUAL_DAYS = 30
LONGEST = timedelta(days=366)
MOST_LISTED = 100
_ANSWERED_WITHIN = timedelta(days=2)
_MOST_STRAYS = 5_000


class Count(Struct, frozen=True):
    """Of a kind of intent: how many visits did so for the first time, and of how many of them there is a letter."""

    kind: str
    visits: int
    with_letter: int


class LostWish(Struct, frozen=True):
    """``perhaps``: a letter without a visit, to the same target, soon after."""

    wish: Wish
    perhaps: Stray | None


class LostMail(Struct, frozen=True):
    """The report on ``begin`` up to, not including, ``end``. Lists are cut at 100, counts are whole."""

    begin: datetime
    end: datetime
    intents: tuple[Count, ...]
    wishes: tuple[LostWish, ...]
    junk: int
    junk_matched: int
    junk_letters: tuple[Stray, ...]
    bare: tuple[Bare, ...]


async def find_lost_mail(
    services: Services, site_id: int, begin: datetime | None = None, end: datetime | None = None
) -> LostMail:
    """The report; the last 30 days unless said otherwise. BadInput for a period that ends before it begins, or is
    longer than a year."""
    end = end or services.clock.now()
    begin = begin or end - timedelta(days=USUAL_DAYS)
    _check(begin, end)
    async with services.db.read() as tx:
        await hold_still(tx)
        counts = await sum_deeds(tx, site_id, begin, end)
        wishes = await store.list_wishes(tx, site_id, begin, end, MOST_LISTED)
        meant = await store.list_targets_of(tx, site_id, {one.visit_id for one in wishes})
        strays: list[Stray] = []
        if wishes:
            latest = max(one.at for one in wishes) + _ANSWERED_WITHIN
            first = min(one.at for one in wishes)
            strays = await store.list_unmatched_bare(tx, site_id, first, latest, _MOST_STRAYS)
        junk, junk_matched = await store.count_junk(tx, site_id, begin, end)
        return LostMail(
            begin=begin, end=end,
            intents=tuple(Count(kind, *counts.get(kind, (0, 0))) for kind in DEEDS),
            wishes=tuple(LostWish(one, find_answer(one, meant, strays)) for one in wishes),
            junk=junk, junk_matched=junk_matched,
            junk_letters=tuple(await store.list_junk(tx, site_id, begin, end, MOST_LISTED)),
            bare=tuple(await store.list_bare(tx, site_id, begin, end)),
        )  # fmt: skip


def find_answer(wish: Wish, meant: Mapping[tuple[int, str], str], strays: Sequence[Stray]) -> Stray | None:
    """The first letter of ``strays`` (oldest first) that may be what this visit meant to write: to the target its
    address stood for, within two days."""
    address = wish.address.lower()
    key = meant.get((wish.visit_id, address), address)
    fitting = (one for one in strays if one.to_address == key and wish.at <= one.at < wish.at + _ANSWERED_WITHIN)
    return next(fitting, None)


def _check(begin: datetime, end: datetime) -> None:
    if begin >= end:
        raise BadInput("the period ends before it begins", hint="name an earlier begin", field="date_from")
    if end - begin > LONGEST:
        raise BadInput("the period is longer than a year", hint="ask for a year or less", field="date_from")
