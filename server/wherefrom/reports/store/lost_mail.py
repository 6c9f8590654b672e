"""The reports' questions to other rooms' tables. All read, none writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, and_, func, literal, literal_column, select, tuple_

from wherefrom.db import Tx
from wherefrom.db.keys import among
from wherefrom.inbox.tables import match, message
from wherefrom.substitution.tables import lease, target
from wherefrom.visits.tables import intent, visit

STRONG = ("mailto", "copy")
"""What people do who mean to write: coming into view is no intent, and a selection is often a slip of the hand."""


class Wish(Struct, frozen=True):
    """A visit that meant to write and of which there is no letter: its last strong intent in the period."""

    visit_id: int
    kind: str
    at: datetime
    address: str
    page: str
    marker: str
    channel: str
    country: str | None
    city: str | None


class Stray(Struct, frozen=True):
    """A letter, as a list shows it."""

    id: int
    at: datetime
    from_address: str
    from_name: str
    subject: str
    to_address: str
    visit_id: int | None


class Bare(Struct, frozen=True):
    """Letters that people sent to a target itself. ``matched``: their visit was found all the same."""

    address: str
    letters: int
    matched: int


async def list_wishes(tx: Tx, site_id: int, begin: datetime, end: datetime, limit: int) -> list[Wish]:
    """Visits with a strong intent and without a letter, the latest first, each by its latest one. From the newest
    intent on, and no further than is needed."""
    found: dict[int, int] = {}
    seen: set[int] = set()
    below: Place | None = None
    while len(found) < limit:
        newest, below = await _list_newest(tx, site_id, begin, end, below, limit * 2)
        unknown = {visit_id for _, visit_id in newest} - seen
        written = await _list_written(tx, site_id, unknown)
        for (_, id_), visit_id in newest:
            if visit_id not in seen:
                seen.add(visit_id)
                if visit_id not in written:
                    found[visit_id] = id_
        if below is None:
            break
    return await _read_wishes(tx, site_id, list(found.values())[:limit])


Place = tuple[datetime, int]
"""When an intent was, and its id."""


async def _list_newest(
    tx: Tx, site_id: int, begin: datetime, end: datetime, below: Place | None, count: int
) -> tuple[list[tuple[Place, int]], Place | None]:
    """The newest strong intents below a place, with their visits, and where to go on; None at the end. By kind, so that
    each is a short walk along the index, of which is taken what is newer than where the shortest walk ended."""
    found: list[tuple[Place, int]] = []
    floor: Place | None = None
    for kind in STRONG:
        query = select(intent.c.seen_at, intent.c.id, intent.c.visit_id).where(
            _in_period(site_id, begin, end), intent.c.kind == literal_column(f"'{kind}'")
        )
        if below is not None:
            query = query.where(
                tuple_(intent.c.seen_at, intent.c.id)
                < tuple_(literal(below[0], intent.c.seen_at.type), literal(below[1], BigInteger))
            )
        query = query.order_by(intent.c.seen_at.desc(), intent.c.id.desc()).limit(count)
        rows = [((at, id_), visit_id) for at, id_, visit_id in await tx.execute(query)]
        if len(rows) == count:
            floor = rows[-1][0] if floor is None else max(floor, rows[-1][0])
        found += rows
    return sorted((one for one in found if floor is None or one[0] >= floor), reverse=True), floor


async def _list_written(tx: Tx, site_id: int, visit_ids: Collection[int]) -> set[int]:
    """Those of the visits of which there is a letter."""
    query = select(match.c.visit_id).where(match.c.site_id == site_id, among(match.c.visit_id, "visits"))
    return {one for one in await tx.scalars(query, {"visits": list(visit_ids)}) if one is not None}


async def _read_wishes(tx: Tx, site_id: int, intent_ids: Sequence[int]) -> list[Wish]:
    query = (
        select(
            intent.c.visit_id, intent.c.kind, intent.c.seen_at, intent.c.address, intent.c.page,
            visit.c.marker, visit.c.channel, visit.c.country, visit.c.city,
        )
        .join(visit, and_(visit.c.site_id == intent.c.site_id, visit.c.id == intent.c.visit_id))
        .where(intent.c.site_id == site_id, among(intent.c.id, "intents"))
        .order_by(intent.c.seen_at.desc(), intent.c.id.desc())
    )  # fmt: skip
    return [Wish(*row) for row in await tx.execute(query, {"intents": list(intent_ids)})]


async def list_targets_of(tx: Tx, site_id: int, visit_ids: Collection[int]) -> dict[tuple[int, str], str]:
    """Which target (lower case) an address stood for in a visit, by (visit, address in lower case)."""
    rows = await tx.execute(
        select(lease.c.visit_id, lease.c.address_key, target.c.address_key)
        .join(target, and_(target.c.site_id == lease.c.site_id, target.c.id == lease.c.target_id))
        .where(lease.c.site_id == site_id, lease.c.visit_id.in_(visit_ids))
    )
    return {(visit_id, address): key for visit_id, address, key in rows}


async def list_bare(tx: Tx, site_id: int, begin: datetime, end: datetime) -> list[Bare]:
    """Letters of people to the targets themselves, the most first."""
    count = func.count()
    rows = await tx.execute(
        select(message.c.to_address, count, func.count(match.c.visit_id))
        .join(target, and_(target.c.site_id == message.c.site_id, target.c.address_key == message.c.to_address))
        .join(match, _matches(), isouter=True)
        .where(_letters(site_id, begin, end))
        .group_by(message.c.to_address)
        .order_by(count.desc(), message.c.to_address)
    )
    return [Bare(*row) for row in rows]


async def list_unmatched_bare(tx: Tx, site_id: int, begin: datetime, end: datetime, limit: int) -> list[Stray]:
    """Letters of people to a target itself of which no visit is known, the oldest first."""
    rows = await tx.execute(
        _strays()
        .join(target, and_(target.c.site_id == message.c.site_id, target.c.address_key == message.c.to_address))
        .where(_letters(site_id, begin, end), match.c.visit_id.is_(None))
        .order_by(message.c.arrived_at, message.c.id)
        .limit(limit)
    )
    return [Stray(*row) for row in rows]


async def count_junk(tx: Tx, site_id: int, begin: datetime, end: datetime) -> tuple[int, int]:
    """Letters of people that lie in Junk: all, and those of which a visit is known."""
    rows = await tx.execute(
        select(func.count(), func.count(match.c.visit_id))
        .select_from(message)
        .join(match, _matches(), isouter=True)
        .where(_letters(site_id, begin, end), message.c.folder_kind == literal_column("'junk'"))
    )
    total, matched = rows.one()
    return total, matched


async def list_junk(tx: Tx, site_id: int, begin: datetime, end: datetime, limit: int) -> list[Stray]:
    """Letters in Junk of which a visit is known, the latest first: leads that nobody has seen."""
    rows = await tx.execute(
        _strays()
        .where(
            _letters(site_id, begin, end),
            message.c.folder_kind == literal_column("'junk'"),
            match.c.visit_id.is_not(None),
        )
        .order_by(message.c.arrived_at.desc(), message.c.id.desc())
        .limit(limit)
    )
    return [Stray(*row) for row in rows]


def _strays() -> Any:
    return (
        select(
            message.c.id, message.c.arrived_at, message.c.from_address, message.c.from_name, message.c.subject,
            message.c.to_address, match.c.visit_id,
        )
        .select_from(message)
        .join(match, _matches(), isouter=True)
    )  # fmt: skip


def _matches() -> ColumnElement[bool]:
    return and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id)


def _letters(site_id: int, begin: datetime, end: datetime) -> ColumnElement[bool]:
    """Letters that people wrote and that came in the period."""
    return and_(
        message.c.site_id == site_id, message.c.arrived_at >= begin, message.c.arrived_at < end,
        message.c.status == "sorted", message.c.automatic == "",
    )  # fmt: skip


def _in_period(site_id: int, begin: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(intent.c.site_id == site_id, intent.c.seen_at >= begin, intent.c.seen_at < end)
