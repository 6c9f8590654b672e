"""What visits did with addresses, counted from the rows themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, and_, case, exists, func, literal_column, or_, select, type_coerce

from wherefrom.db import Tx
from wherefrom.inbox.tables import match
from wherefrom.visits.hours_store import HOUR_MS, Deeds, hour_of
from wherefrom.visits.tables import DEEDS, intent

_KINDS: list[ColumnElement[str]] = [literal_column(f"'{one}'") for one in DEEDS]


async def count_deeds(tx: Tx, site_id: int, begin: datetime, end: datetime) -> dict[datetime, Deeds]:
    """By hour and kind: how many visits did so for the first time, and of how many of them there is a letter. Hours in
    which nobody did anything are left out; the first and last may be cut by ``begin`` and ``end``."""
    each = (
        select(
            (type_coerce(intent.c.seen_at, BigInteger) // HOUR_MS).label("hour"), intent.c.kind,
            case((_has_letter(), 1), else_=0).label("written"),
        )
        .where(
            intent.c.site_id == site_id, intent.c.seen_at >= begin, intent.c.seen_at < end, intent.c.kind.in_(_KINDS),
            _is_first(),
        )
        .subquery()
    )  # fmt: skip
    query = select(each.c.hour, each.c.kind, func.count(), func.sum(each.c.written)).group_by(each.c.hour, each.c.kind)
    found: dict[datetime, Deeds] = {}
    for hour, kind, visits, written in await tx.execute(query):
        found.setdefault(hour_of(hour), {})[kind] = visits, int(written)
    return found


def _is_first() -> ColumnElement[bool]:
    """The visit did not do the same before."""
    other = intent.alias()
    earlier = or_(
        other.c.seen_at < intent.c.seen_at, and_(other.c.seen_at == intent.c.seen_at, other.c.id < intent.c.id)
    )
    same = other.c.site_id == intent.c.site_id, other.c.visit_id == intent.c.visit_id, other.c.kind == intent.c.kind
    return ~exists().where(*same, earlier)


def _has_letter() -> ColumnElement[bool]:
    return exists().where(match.c.site_id == intent.c.site_id, match.c.visit_id == intent.c.visit_id)
