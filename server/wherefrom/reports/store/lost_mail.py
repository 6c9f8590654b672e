"""The reports' questions to other rooms' tables. All read, none writes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, select

from wherefrom.db import Tx
from wherefrom.inbox.tables import match, message
from wherefrom.substitution.tables import lease, target
from wherefrom.visits.tables import intent, visit

STRONG = ("mailto", "copy")
"""What people do who mean to write: coming into view is no intent, and a selection is often a slip of the hand."""


@dataclass(frozen=True, slots=True)
class Wish:
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


@dataclass(frozen=True, slots=True)
class Stray:
    """A letter, as a list shows it."""

    id: int
    at: datetime
    from_address: str
    from_name: str
    subject: str
    to_address: str
    visit_id: int | None


@dataclass(frozen=True, slots=True)
class Bare:
    """Letters that people sent to a target itself. ``matched``: their visit was found all the same."""

    address: str
    letters: int
    matched: int


async def count_intents(tx: Tx, site_id: int, begin: datetime, end: datetime) -> dict[str, tuple[int, int]]:
    """By kind: how many visits had such an intent in the period, and of how many of them there is a letter."""
    per_visit = (
        select(intent.c.kind, intent.c.visit_id, func.max(_has_letter_case()).label("written"))
        .where(_in_period(site_id, begin, end))
        .group_by(intent.c.kind, intent.c.visit_id)
        .subquery()
    )
    rows = await tx.execute(
        select(per_visit.c.kind, func.count(), func.sum(per_visit.c.written)).group_by(per_visit.c.kind)
    )
    return {kind: (visits, int(written)) for kind, visits, written in rows}


async def list_wishes(tx: Tx, site_id: int, begin: datetime, end: datetime, limit: int) -> list[Wish]:
    """Visits with a strong intent and without a letter, the latest first."""
    latest = (
        select(intent.c.visit_id, func.max(intent.c.id).label("id"))
        .where(_in_period(site_id, begin, end), intent.c.kind.in_(STRONG), ~_has_letter())
        .group_by(intent.c.visit_id)
        .subquery()
    )
    rows = await tx.execute(
        select(
            intent.c.visit_id, intent.c.kind, intent.c.seen_at, intent.c.address, intent.c.page,
            visit.c.marker, visit.c.channel, visit.c.country, visit.c.city,
        )
        .join(latest, and_(intent.c.site_id == site_id, intent.c.id == latest.c.id))
        .join(visit, and_(visit.c.site_id == intent.c.site_id, visit.c.id == intent.c.visit_id))
        .order_by(intent.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [Wish(*row) for row in rows]


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
        .where(_letters(site_id, begin, end), message.c.folder_kind == "junk")
    )
    total, matched = rows.one()
    return total, matched


async def list_junk(tx: Tx, site_id: int, begin: datetime, end: datetime, limit: int) -> list[Stray]:
    """Letters in Junk of which a visit is known, the latest first: leads that nobody has seen."""
    rows = await tx.execute(
        _strays()
        .where(_letters(site_id, begin, end), message.c.folder_kind == "junk", match.c.visit_id.is_not(None))
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


def _has_letter() -> ColumnElement[bool]:
    return exists().where(match.c.site_id == intent.c.site_id, match.c.visit_id == intent.c.visit_id)


def _has_letter_case() -> ColumnElement[int]:
    return case((_has_letter(), 1), else_=0)
