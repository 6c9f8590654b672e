"""Counts of a span of time by source, from the rows themselves (see ``counts``)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, exists, func, or_, select, type_coerce

from wherefrom.db import Tx
from wherefrom.inbox.tables import match, message
from wherefrom.reports.counts import Counted, Counts, Mixture
from wherefrom.visits.tables import intent, visit
from wherefrom.webhooks.tables import deal

WRITING = ("mailto", "copy")
"""What people do who mean to write."""

_MIXTURE = (
    visit.c.channel, visit.c.marker, type_coerce(visit.c.source_levels, Text).label("levels"), visit.c.utm_source,
    visit.c.utm_medium, visit.c.utm_campaign, visit.c.country,
)  # fmt: skip


async def count_rows(tx: Tx, site_id: int, begin: datetime, end: datetime) -> Counted:
    """What happened from ``begin`` up to, not including, ``end``."""
    found: defaultdict[tuple[Mixture, str], Counts] = defaultdict(Counts)
    for row in await tx.execute(_visits(site_id, begin, end)):
        found[Mixture(*row[:7]), ""].visits += row[7]
    for row in await tx.execute(_signs(site_id, begin, end, ("visible",))):
        found[Mixture(*row[:7]), ""].exposures += row[7]
    for row in await tx.execute(_signs(site_id, begin, end, WRITING)):
        found[Mixture(*row[:7]), ""].intents += row[7]
    for row in await tx.execute(_letters(site_id, begin, end)):
        found[Mixture(*row[:7]), ""].letters += row[7]
    for row in await tx.execute(_deals(site_id, begin, end)):
        mixture, currency = Mixture(*row[:7]), row[7] or ""
        found[mixture, ""].deals += row[8]
        found[mixture, currency].amount += int(row[9] or 0)
    return [(mixture, currency, counts) for (mixture, currency), counts in found.items()]


def _visits(site_id: int, begin: datetime, end: datetime) -> Select[Any]:
    mine = visit.c.site_id == site_id, visit.c.started_at >= begin, visit.c.started_at < end, visit.c.kind == "visit"
    return select(*_MIXTURE, func.count()).where(*mine).group_by(*_MIXTURE)


def _signs(site_id: int, begin: datetime, end: datetime, kinds: tuple[str, ...]) -> Select[Any]:
    """Visits by when they first gave a sign of one of these kinds."""
    other = intent.alias()
    earlier = exists().where(
        other.c.site_id == intent.c.site_id, other.c.visit_id == intent.c.visit_id, other.c.kind.in_(kinds),
        or_(other.c.seen_at < intent.c.seen_at, and_(other.c.seen_at == intent.c.seen_at, other.c.id < intent.c.id)),
    )  # fmt: skip
    return (
        select(*_MIXTURE, func.count())
        .select_from(intent)
        .join(visit, and_(visit.c.site_id == intent.c.site_id, visit.c.id == intent.c.visit_id))
        .where(
            intent.c.site_id == site_id, intent.c.seen_at >= begin, intent.c.seen_at < end, intent.c.kind.in_(kinds),
            ~earlier,
        )
        .group_by(*_MIXTURE)
    )  # fmt: skip


def _letters(site_id: int, begin: datetime, end: datetime) -> Select[Any]:
    return _of_letters(select(*_MIXTURE, func.count()), site_id, begin, end).group_by(*_MIXTURE)


def _deals(site_id: int, begin: datetime, end: datetime) -> Select[Any]:
    other = deal.alias()
    earlier = exists().where(
        deal.c.number != "", other.c.site_id == deal.c.site_id, other.c.number == deal.c.number,
        other.c.subject_id < deal.c.subject_id,
    )  # fmt: skip
    values = select(*_MIXTURE, deal.c.currency, func.count(), func.sum(deal.c.value))
    its_deal = and_(deal.c.site_id == message.c.site_id, deal.c.subject_id == message.c.id)
    query = _of_letters(values, site_id, begin, end).join(deal, its_deal).where(~earlier)
    return query.group_by(*_MIXTURE, deal.c.currency)


def _of_letters(query: Select[Any], site_id: int, begin: datetime, end: datetime) -> Select[Any]:
    """Letters that people wrote, each with its visit if that is known."""
    return (
        query.select_from(message)
        .join(match, and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id), isouter=True)
        .join(visit, and_(visit.c.site_id == match.c.site_id, visit.c.id == match.c.visit_id), isouter=True)
        .where(_is_letter(site_id, begin, end))
    )


def _is_letter(site_id: int, begin: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(
        message.c.site_id == site_id, message.c.arrived_at >= begin, message.c.arrived_at < end,
        message.c.status == "sorted", message.c.automatic == "",
    )  # fmt: skip
