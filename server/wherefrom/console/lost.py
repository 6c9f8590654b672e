"""Lost mail, as a page: who meant to write and did not, what lies in Junk, what came to the bare address."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct
from starlette.responses import Response

from wherefrom.console import words
from wherefrom.console.desk import Call
from wherefrom.inbox.words import percent
from wherefrom.reports.lost_mail import MOST_LISTED, Count, LostWish, find_lost_mail
from wherefrom.reports.store.lost_mail import Stray

_PERIODS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))
_USUAL = "30"
_DEEDS = {"mailto": "clicked", "copy": "copied", "select": "selected"}


class Row(Struct, frozen=True):
    """A visit that meant to write. ``deed``: clicked or copied."""

    lost: LostWish
    deed: str
    source: str
    place: str


class Share(Struct, frozen=True):
    """``Clicked an address``: of so many visits, so many wrote."""

    name: str
    visits: int
    written: int
    percent: str


async def show_lost_mail(call: Call) -> Response:
    """The page; ``?days=`` chooses the period."""
    days = call.request.query_params.get("days", _USUAL)
    chosen = days if days in dict(_PERIODS) else _USUAL
    begin = call.services.clock.now() - timedelta(days=int(chosen))
    found = await find_lost_mail(call.services, call.site.id, begin)
    return call.show(
        "lost.html",
        "lost",
        periods=_PERIODS,
        chosen=chosen,
        shares=[_share(one) for one in found.intents],
        rows=[_row(one) for one in found.wishes],
        cut=len(found.wishes) >= MOST_LISTED,
        junk=found.junk,
        junk_matched=found.junk_matched,
        junk_rows=[(one, one.from_name or one.from_address) for one in found.junk_letters],
        bare=found.bare,
        base=f"/sites/{call.site.id}/messages",
        writer=_writer,
    )


def _share(one: Count) -> Share:
    name = f"{_DEEDS[one.kind].capitalize()} an address"
    written = percent(one.with_letter / one.visits) if one.visits else "–"
    return Share(name, one.visits, one.with_letter, written)


def _row(one: LostWish) -> Row:
    wish = one.wish
    place = ", ".join(part for part in (wish.city, wish.country) if part)
    return Row(one, _DEEDS[wish.kind], wish.marker or words.channel_words(wish.channel), place)


def _writer(one: Stray) -> str:
    return one.from_name or one.from_address or "unknown"
