"""The history: letters newest first, each beside its match, visit and deal number.

Pages are found by key (arrived_at, id), never by counting rows, so the thousandth page costs what the first does. A
filter that hardly any letter fits could still walk through all of them; so a page looks at windows of the history,
each four times the last, and stops after 60,000 letters (20,000 when their text is searched): it then comes back
short, or empty, with a cursor from which the search goes on. A page is at its end only when ``next_cursor`` is None.

A text that many wrote is found among the newest letters. Where these are not enough, those that may have it come from
the index (``candidates``), as far as it has come; then the same condition decides as without it. Words too short for
the index, and sites with few letters, do without.

Measured at 100,000 letters with 100,000 visits (2 cores, SQLite / PostgreSQL 15): a page 4 / 4 ms, deep pages the
same; 1 in 50 by UTM 12 / 55 ms; a marker nobody has 130 / 210 ms; a text nobody wrote 70 / 200 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Select, literal, literal_column, select, tuple_, type_coerce

from wherefrom.clock import from_ms, to_ms
from wherefrom.db import Tx
from wherefrom.db.keys import among
from wherefrom.errors import BadInput
from wherefrom.inbox.grams import list_needles
from wherefrom.inbox.store.candidates import Candidates, Needles
from wherefrom.inbox.store.filters import HistoryFilter, conditions, find_trait, is_selective, list_forms, span
from wherefrom.inbox.store.parts import Part, list_askable
from wherefrom.inbox.store.rows import HistoryRow, read_row, select_rows, with_details
from wherefrom.inbox.store.traits import list_places
from wherefrom.inbox.tables import message

MOST_ROWS = 200
MOST_LOOKED_AT = 60_000
MOST_SEARCHED = 20_000  # texts are longer to look through than columns
_FIRST_WINDOW = 500
_FIRST_GLANCE = 4  # pages of the newest letters that a text is looked for in without the index
_FEW_PLACES = 1_000
_MOST_AT_ONCE = 2_000


class Cursor(Struct, frozen=True):
    """A place in the history; what follows is older. Its text form is opaque to callers."""

    at: datetime
    id: int

    @property
    def text(self) -> str:
        return f"{to_ms(self.at):x}-{self.id:x}"


@dataclass(slots=True)
class _Page:
    rows: list[HistoryRow] = field(default_factory=list)
    next: Cursor | None = None


def parse_cursor(words: str | None) -> Cursor | None:
    """The place of a cursor's text; None for no text, BadInput for what is none of ours."""
    if not words:
        return None
    at, _, row = words.partition("-")
    try:
        place = Cursor(from_ms(int(at, 16)), int(row, 16))
    except (ValueError, OverflowError):
        raise BadInput("this cursor is not one of ours", hint="take next_cursor of the page before") from None
    if place.id >= 1 << 63:
        raise BadInput("this cursor is not one of ours", hint="take next_cursor of the page before")
    return place


async def list_messages(
    tx: Tx, site_id: int, wanted: HistoryFilter, cursor: str | None = None, limit: int = 50
) -> tuple[list[HistoryRow], str | None]:
    """At most ``limit`` (1 to 200) letters older than ``cursor``, and the cursor of what follows, None at the end."""
    limit = max(1, min(limit, MOST_ROWS))
    fitting = conditions(wanted)
    place = parse_cursor(cursor)
    if wanted.visit_id is not None or wanted.deal_number:
        page = await _few(tx, site_id, fitting, place, limit)
    elif wanted.sender or not is_selective(wanted):
        page = await _window(tx, site_id, fitting, place, None, limit)
    else:
        asked = await _search_index(tx, site_id, wanted, fitting, place, limit) if wanted.text else None
        page = asked or await _search(tx, site_id, wanted, fitting, place, limit)
    rows = await with_details(tx, site_id, page.rows)
    return rows, page.next.text if page.next else None


async def _search(
    tx: Tx, site_id: int, wanted: HistoryFilter, fitting: Sequence[Any], place: Cursor | None, limit: int
) -> _Page:
    """Windows of growing size until the page is full, the history ends, or enough was looked at."""
    left = MOST_SEARCHED if wanted.text else MOST_LOOKED_AT
    page, known = _Page(next=place), find_trait(wanted)
    window = _FIRST_WINDOW if known is None else 2 * limit  # most that have it will fit
    while left > 0:
        window = min(window, left)
        if known is None:
            floor = await _find_floor(tx, site_id, wanted, page.next, window)
            found = await _window(tx, site_id, fitting, page.next, floor, limit - len(page.rows))
        else:
            below = None if page.next is None else (page.next.at, page.next.id)
            places = await list_places(tx, site_id, known, (wanted.date_from, wanted.date_to), below, window)
            floor = Cursor(*places[-1]) if len(places) == window else None
            found = await _among(tx, site_id, fitting, [id_ for _, id_ in places], limit - len(page.rows))
        page.rows += found.rows
        page.next = found.next or floor
        if page.next is None or len(page.rows) >= limit:
            return page
        left -= window
        window *= 4
    return page


async def _search_index(
    tx: Tx, site_id: int, wanted: HistoryFilter, fitting: Sequence[Any], place: Cursor | None, limit: int
) -> _Page | None:
    """The same by the index of texts; None where it is of no use."""
    needles = list_needles(list_forms(wanted.text))
    known = await list_askable(tx, site_id) if needles else []
    if needles is None or not known:
        return None
    if (trait := find_trait(wanted)) is not None:
        dates = wanted.date_from, wanted.date_to
        if len(await list_places(tx, site_id, trait, dates, None, _FEW_PLACES)) < _FEW_PLACES:
            return None
    for _ in range(3):
        page = await _ask_index(tx, site_id, wanted, fitting, (known, needles), place, limit)
        before, known = known, await list_askable(tx, site_id)
        if [one.id for one in known] == [one.id for one in before]:
            return page
    return None


async def _ask_index(
    tx: Tx, site_id: int, wanted: HistoryFilter, fitting: Sequence[Any], index: tuple[Sequence[Part], Needles],
    place: Cursor | None, limit: int,
) -> _Page:  # fmt: skip
    """First the newest letters as they are, then those the index names."""
    floor = await _find_floor(tx, site_id, wanted, place, _FIRST_GLANCE * limit)
    page = await _window(tx, site_id, fitting, place, floor, limit)
    if page.next is not None or floor is None:
        return page
    page.next = floor
    below = floor.at, floor.id
    candidates = Candidates(tx, site_id, *index, below, (wanted.date_from, wanted.date_to))
    left, window = MOST_SEARCHED, 2 * limit
    while left > 0 and len(page.rows) < limit:
        places = await candidates.next(limit - len(page.rows), min(window, left))
        if not places:
            page.next = None
            break
        found = await _among(tx, site_id, fitting, [id_ for _, id_ in places], limit - len(page.rows))
        page.rows += found.rows
        page.next = found.next or Cursor(*places[-1])
        left -= len(places)
        window = min(window * 4, _MOST_AT_ONCE)
    return page


async def _among(tx: Tx, site_id: int, fitting: Sequence[Any], ids: Sequence[int], limit: int) -> _Page:
    """As ``_window``, of these letters."""
    query = _rows(site_id).where(among(message.c.id, "ids"), *fitting).params(ids=list(ids))
    return await _cut(tx, query.order_by(_moment().desc(), message.c.id.desc()), limit)


async def _few(tx: Tx, site_id: int, fitting: Sequence[Any], place: Cursor | None, limit: int) -> _Page:
    """As ``_window``, of letters found by another table's index."""
    at = _moment()
    query = _rows(site_id).where(*fitting)
    if place is not None:
        query = query.where(tuple_(at, message.c.id) < tuple_(literal(to_ms(place.at)), literal(place.id, BigInteger)))
    return await _cut(tx, query.order_by(at.desc(), message.c.id.desc()), limit)


async def _window(
    tx: Tx, site_id: int, fitting: Sequence[Any], place: Cursor | None, floor: Cursor | None, limit: int
) -> _Page:
    """Up to ``limit`` letters older than ``place`` and not older than ``floor``; ``next`` only when there are more."""
    query = _rows(site_id).where(*fitting)
    if place is not None:
        query = query.where(_key() < _bound(place))
    if floor is not None:
        query = query.where(_key() >= _bound(floor))
    return await _cut(tx, _newest_first(query), limit)


def _moment() -> Any:
    """``arrived_at`` to order by where letters are found otherwise. "+ 0": else SQLite goes through all letters of the
    site in their order, and looks at each for what few have."""
    return type_coerce(message.c.arrived_at, BigInteger) + 0


def _newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(message.c.arrived_at.desc(), message.c.id.desc())


async def _cut(tx: Tx, query: Select[Any], limit: int) -> _Page:
    rows = [read_row(row) for row in (await tx.execute(query.limit(limit + 1))).all()]
    if len(rows) <= limit:
        return _Page(rows)
    last = rows[limit - 1]
    return _Page(rows[:limit], Cursor(last.arrived_at, last.id))


async def _find_floor(tx: Tx, site_id: int, wanted: HistoryFilter, place: Cursor | None, window: int) -> Cursor | None:
    """The key of the last letter of the next ``window`` letters, read from the index alone; None: fewer are left."""
    query = select(message.c.arrived_at, message.c.id).where(message.c.site_id == site_id, *span(wanted))
    if place is not None:
        query = query.where(_key() < _bound(place))
    query = query.order_by(message.c.arrived_at.desc(), message.c.id.desc()).offset(window - 1).limit(1)
    row = (await tx.execute(query)).first()
    return Cursor(row.arrived_at, row.id) if row else None


def _rows(site_id: int) -> Select[Any]:
    # Written out, not bound: PostgreSQL plans a prepared statement better when it sees the statuses.
    return select_rows(site_id).where(
        message.c.status.in_([literal_column(f"'{one}'") for one in ("sorted", "unreadable", "arriving")])
    )


def _key() -> Any:
    return tuple_(message.c.arrived_at, message.c.id)


def _bound(place: Cursor) -> Any:
    return tuple_(literal(place.at, message.c.arrived_at.type), literal(place.id, BigInteger))
