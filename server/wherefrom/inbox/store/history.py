"""The history: letters newest first, each beside its match, visit and deal number.

Pages are found by key (arrived_at, id), never by counting rows, so the thousandth page costs what the first does. A
filter that hardly any letter fits could still walk through all of them; so a page looks at windows of the history,
each four times the last, and stops after 60,000 letters (20,000 when their text is searched): it then comes back
short, or empty, with a cursor from which the search goes on. A page is at its end only when ``next_cursor`` is None.

Measured at 100,000 letters with 100,000 visits (2 cores, SQLite / PostgreSQL 15): a page 4 / 4 ms, deep pages the
same; 1 in 50 by UTM 12 / 55 ms; a marker nobody has 130 / 210 ms; a text nobody wrote 70 / 200 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
)

from wherefrom.clock import from_ms, to_ms
from wherefrom.db import Tx
from wherefrom.errors import BadInput
from wherefrom.inbox.tables import attachment, match, message, message_address
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import deal

MOST_ROWS = 200
MOST_LOOKED_AT = 60_000
MOST_SEARCHED = 20_000  # texts are longer to look through than columns
_FIRST_WINDOW = 2_000
_EXCERPT = 200
_LONGEST_SEARCH = 200
_VISIT_COLUMNS = (
    "marker", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "region", "city",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """None and "" ask for nothing. ``date_to`` is exclusive. ``marker`` fits the whole marker, ``source`` its first
    level. ``text`` is looked for in subject, sender, receivers and text, in any case."""

    date_from: datetime | None = None
    date_to: datetime | None = None
    source: str = ""
    marker: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    matched: bool | None = None
    rule: str = ""
    folder_kind: str = ""
    automatic: bool | None = None
    sender: str = ""
    text: str = ""
    visit_id: int | None = None
    deal: bool | None = None
    deal_number: str = ""
    deal_status: str = ""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A line of the history. ``status``: sorted, unreadable (``status_reason`` says why) or taken. ``visit_kind``:
    visit, source (everybody who came by it), or "" where there is no visit (any more). ``deal_value`` is read by
    ``webhooks.money``."""

    id: int
    arrived_at: datetime
    written_at: datetime | None
    status: str
    status_reason: str
    folder_kind: str
    from_address: str
    from_name: str
    to_address: str
    subject: str
    excerpt: str
    automatic: str
    first_of_thread: bool
    truncated: bool
    historic: bool
    size: int
    visit_id: int | None
    rule: str
    confidence: float
    marker: str
    channel: str
    source_levels: tuple[str, ...]
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    country: str | None
    region: str | None
    city: str | None
    landing_page: str
    referrer: str
    deal_number: str | None
    deal_status: str | None
    deal_value: int | None
    deal_currency: str | None
    visit_kind: str
    recipients: tuple[str, ...] = ()
    attachments: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
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
    conditions = _conditions(wanted)
    place = parse_cursor(cursor)
    if wanted.visit_id is not None or wanted.sender or wanted.deal_number or not _is_selective(wanted):
        page = await _window(tx, site_id, conditions, place, None, limit)
    else:
        page = await _search(tx, site_id, wanted, conditions, place, limit)
    rows = await _with_details(tx, site_id, page.rows)
    return rows, page.next.text if page.next else None


async def list_newer(tx: Tx, site_id: int, wanted: HistoryFilter, after: int, limit: int = 50) -> list[HistoryRow]:
    """Letters stored after the message ``after``, oldest first: what a page that is open has not shown yet."""
    query = (
        _rows(site_id)
        .where(message.c.id > after, *_conditions(wanted))
        .order_by(message.c.id)
        .limit(max(1, min(limit, MOST_ROWS)))
    )
    return await _with_details(tx, site_id, [_row(row) for row in (await tx.execute(query)).all()])


async def find_row(tx: Tx, site_id: int, message_id: int) -> HistoryRow | None:
    """One line of the history, whatever its status."""
    query = _select_rows(site_id).where(message.c.id == message_id)
    rows = [_row(row) for row in (await tx.execute(query)).all()]
    return next(iter(await _with_details(tx, site_id, rows)), None)


async def _search(
    tx: Tx, site_id: int, wanted: HistoryFilter, conditions: Sequence[Any], place: Cursor | None, limit: int
) -> _Page:
    """Windows of growing size until the page is full, the history ends, or enough was looked at."""
    left = MOST_SEARCHED if wanted.text else MOST_LOOKED_AT
    page, window = _Page(next=place), _FIRST_WINDOW
    while left > 0:
        window = min(window, left)
        floor = await _find_floor(tx, site_id, wanted, page.next, window)
        found = await _window(tx, site_id, conditions, page.next, floor, limit - len(page.rows))
        page.rows += found.rows
        page.next = found.next or floor
        if page.next is None or len(page.rows) >= limit:
            return page
        left -= window
        window *= 4
    return page


async def _window(
    tx: Tx, site_id: int, conditions: Sequence[Any], place: Cursor | None, floor: Cursor | None, limit: int
) -> _Page:
    """Up to ``limit`` letters older than ``place`` and not older than ``floor``; ``next`` only when there are more."""
    query = _rows(site_id).where(*conditions)
    if place is not None:
        query = query.where(_key() < _bound(place))
    if floor is not None:
        query = query.where(_key() >= _bound(floor))
    query = query.order_by(message.c.arrived_at.desc(), message.c.id.desc()).limit(limit + 1)
    rows = [_row(row) for row in (await tx.execute(query)).all()]
    if len(rows) <= limit:
        return _Page(rows)
    last = rows[limit - 1]
    return _Page(rows[:limit], Cursor(last.arrived_at, last.id))


async def _find_floor(tx: Tx, site_id: int, wanted: HistoryFilter, place: Cursor | None, window: int) -> Cursor | None:
    """The key of the last letter of the next ``window`` letters, read from the index alone; None: fewer are left."""
    query = select(message.c.arrived_at, message.c.id).where(message.c.site_id == site_id, *_span(wanted))
    if place is not None:
        query = query.where(_key() < _bound(place))
    query = query.order_by(message.c.arrived_at.desc(), message.c.id.desc()).offset(window - 1).limit(1)
    row = (await tx.execute(query)).first()
    return Cursor(row.arrived_at, row.id) if row else None


def _is_selective(wanted: HistoryFilter) -> bool:
    """Whether more than dates is asked for, so that letters are read in vain. (The letters of a visit, a
    sender or a deal are found by an index of their own.)"""
    return wanted != HistoryFilter(date_from=wanted.date_from, date_to=wanted.date_to)


def _rows(site_id: int) -> Select[Any]:
    # Written out, not bound: PostgreSQL plans a prepared statement better when it sees the statuses.
    return _select_rows(site_id).where(
        message.c.status.in_((literal_column("'sorted'"), literal_column("'unreadable'")))
    )


def _select_rows(site_id: int) -> Select[Any]:
    return (
        select(
            message.c.id, message.c.arrived_at, message.c.written_at, message.c.status, message.c.status_reason,
            message.c.folder_kind, message.c.from_address, message.c.from_name, message.c.to_address,
            message.c.subject, func.substr(message.c.text, 1, _EXCERPT).label("excerpt"), message.c.automatic,
            message.c.first_of_thread, message.c.truncated, message.c.historic, message.c.size, match.c.visit_id,
            match.c.rule, match.c.confidence, visit.c.marker, visit.c.channel, visit.c.source_levels,
            visit.c.utm_source, visit.c.utm_medium, visit.c.utm_campaign, visit.c.utm_term, visit.c.utm_content,
            visit.c.country, visit.c.region, visit.c.city, visit.c.landing_page, visit.c.referrer,
            func.nullif(deal.c.number, "").label("deal_number"), deal.c.status.label("deal_status"),
            deal.c.value.label("deal_value"), deal.c.currency.label("deal_currency"),
            visit.c.kind.label("visit_kind"),
        )
        .select_from(message)
        .outerjoin(match, and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id))
        .outerjoin(visit, and_(visit.c.site_id == match.c.site_id, visit.c.id == match.c.visit_id))
        .outerjoin(deal, and_(deal.c.site_id == message.c.site_id, deal.c.subject_id == message.c.id))
        .where(message.c.site_id == site_id)
    )  # fmt: skip


def _row(row: Row[Any]) -> HistoryRow:
    values = dict(row._mapping)
    for name in ("rule", "marker", "channel", "landing_page", "referrer", "visit_kind"):
        values[name] = values[name] or ""
    values["confidence"] = values["confidence"] or 0.0
    values["source_levels"] = tuple(values["source_levels"] or ())
    return HistoryRow(**values)


async def _with_details(tx: Tx, site_id: int, rows: Sequence[HistoryRow]) -> list[HistoryRow]:
    """Adds receivers and the number of attachments, in two questions for the whole page."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    addresses = (
        select(message_address.c.message_id, message_address.c.address)
        .where(message_address.c.site_id == site_id, message_address.c.message_id.in_(ids))
        .order_by(message_address.c.message_id, message_address.c.number)
    )
    receivers: dict[int, dict[str, None]] = {}
    for message_id, address in (await tx.execute(addresses)).all():
        receivers.setdefault(message_id, {})[address] = None
    counts = (
        select(attachment.c.message_id, func.count())
        .where(attachment.c.site_id == site_id, attachment.c.message_id.in_(ids))
        .group_by(attachment.c.message_id)
    )
    files = {row[0]: row[1] for row in (await tx.execute(counts)).all()}
    return [replace(row, recipients=tuple(receivers.get(row.id, ())), attachments=files.get(row.id, 0)) for row in rows]


def _conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    found = _span(wanted)
    for name in _VISIT_COLUMNS:
        if value := getattr(wanted, name):
            found.append(visit.c[name] == value)
    if wanted.country:
        found.append(or_(visit.c.country == wanted.country, visit.c.country_code == wanted.country.upper()))
    if wanted.source:
        first = msgspec.json.encode(wanted.source).decode()
        found.append(type_coerce(visit.c.source_levels, Text).startswith(f"[{first}", autoescape=True))
    if wanted.matched is not None:
        found.append(match.c.visit_id.is_not(None) if wanted.matched else match.c.visit_id.is_(None))
    if wanted.rule:
        found.append(match.c.rule == wanted.rule)
    if wanted.folder_kind:
        found.append(message.c.folder_kind == wanted.folder_kind)
    if wanted.automatic is not None:
        found.append(message.c.automatic != "" if wanted.automatic else message.c.automatic == "")
    if wanted.sender:
        found.append(message.c.from_address == wanted.sender.lower())
    if wanted.visit_id is not None:
        found.append(match.c.visit_id == wanted.visit_id)
    if wanted.deal is not None:
        found.append(deal.c.subject_id.is_not(None) if wanted.deal else deal.c.subject_id.is_(None))
    if wanted.deal_number:
        found.append(deal.c.number == wanted.deal_number)
    if wanted.deal_status:
        found.append(deal.c.status == wanted.deal_status)
    if wanted.text:
        found.append(_contains(wanted.text))
    return found


def _span(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    found = []
    if wanted.date_from is not None:
        found.append(message.c.arrived_at >= wanted.date_from)
    if wanted.date_to is not None:
        found.append(message.c.arrived_at < wanted.date_to)
    return found


def _contains(words: str) -> ColumnElement[bool]:
    """Text search in any case. SQLite, and PostgreSQL in the C locale, fold the case of ASCII letters only, so other
    alphabets get the cases people write: as given, lower, upper, capitalised."""
    words = words.strip()[:_LONGEST_SEARCH]
    forms = [words]
    if not words.isascii():
        forms = list(dict.fromkeys([words, words.lower(), words.upper(), words.capitalize(), words.title()]))
    columns = (message.c.subject, message.c.from_address, message.c.from_name, message.c.text)
    receivers = (
        select(literal(1))
        .where(
            message_address.c.site_id == message.c.site_id,
            message_address.c.message_id == message.c.id,
            message_address.c.address.icontains(words, autoescape=True),
        )
        .exists()
    )
    return or_(*(column.icontains(form, autoescape=True) for column in columns for form in forms), receivers)


def _key() -> Any:
    return tuple_(message.c.arrived_at, message.c.id)


def _bound(place: Cursor) -> Any:
    return tuple_(literal(place.at, message.c.arrived_at.type), literal(place.id, BigInteger))
