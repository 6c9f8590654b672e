"""Visits from which no letter came, and from which none is expected any more, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from wherefrom.db import Tx
from wherefrom.db.keys import among
from wherefrom.events.late_store import note_change_between
from wherefrom.inbox.tables import author, match
from wherefrom.substitution.risk import read_claims
from wherefrom.substitution.store.hours import forget_hours
from wherefrom.substitution.tables import lease, substitute
from wherefrom.visits.hours_store import forget_hours_of
from wherefrom.visits.tables import intent, pageview, visit
from wherefrom.webhooks.lead import visit_lead
from wherefrom.webhooks.store.leads import forget_leads

Place = tuple[datetime, int]
_HAS_LETTER = exists().where(match.c.site_id == visit.c.site_id, match.c.visit_id == visit.c.id)
_MAY_HAVE_LETTER = exists().where(author.c.site_id == visit.c.site_id, author.c.visit_id == visit.c.id)


class VisitSlice(Struct, frozen=True):
    """``ids`` of the visits that may go; ``after``: where to go on, None when what is left is younger."""

    ids: list[int]
    after: Place | None


def _may_go(before: datetime, calm: datetime) -> ColumnElement[bool]:
    is_lent = exists().where(
        lease.c.site_id == visit.c.site_id, lease.c.visit_id == visit.c.id, lease.c.expires_at >= calm
    )
    return and_(visit.c.kind == "visit", visit.c.last_seen_at < before, ~is_lent, ~_HAS_LETTER, ~_MAY_HAVE_LETTER)


async def find_old_visits(
    tx: Tx, site_id: int, before: datetime, calm: datetime, after: Place | None, limit: int
) -> VisitSlice:
    """Of persons, last seen before ``before``, without a letter that is or may be theirs, with all their addresses back
    since ``calm``. Sources stay: they are everybody's. See ``list_awaited`` for what stays besides."""
    mine = visit.c.site_id == site_id, visit.c.started_at < before
    query = select(visit.c.id, visit.c.started_at, _may_go(before, calm).label("may_go")).where(*mine)
    if after is not None:
        query = query.where(visit.c.started_at >= after[0], or_(visit.c.started_at > after[0], visit.c.id > after[1]))
    rows = (await tx.execute(query.order_by(visit.c.started_at, visit.c.id).limit(limit))).all()
    last = (rows[-1].started_at, rows[-1].id) if len(rows) == limit else None
    return VisitSlice([row.id for row in rows if row.may_go], last)


async def list_awaited(tx: Tx, site_id: int) -> set[int]:
    """Visits that hold an address of a pool, were the last to hold it, or held it and may still write to it."""
    query = select(substitute.c.lease_id, substitute.c.claims).where(substitute.c.site_id == site_id)
    leases: set[int] = set()
    for row in await tx.execute(query):
        leases.update(claim.lease_id for claim in read_claims(row.claims))
        leases.update([] if row.lease_id is None else [row.lease_id])
    found = select(lease.c.visit_id).where(lease.c.site_id == site_id, among(lease.c.id, "of_leases"))
    return set(await tx.scalars(found, {"of_leases": list(leases)}))


async def forget_visits(
    tx: Tx, site_id: int, ids: Sequence[int], before: datetime, calm: datetime, endpoint_ids: Sequence[int]
) -> int:
    """Removes those of them that still may go, with their pages, signs and leases, and the count of their letters at
    the site's endpoints; how many. One that is just being written is left for another time."""
    mine = visit.c.site_id == site_id, visit.c.id.in_(ids)
    columns = visit.c.id, visit.c.started_at, visit.c.last_seen_at
    free = select(*columns).where(*mine, _may_go(before, calm)).order_by(visit.c.id)
    found = (await tx.execute(free.with_for_update(of=visit, skip_locked=True))).all()
    going = [row.id for row in found]
    if found:
        await note_change_between(
            tx, site_id, min(row.started_at for row in found), max(row.last_seen_at for row in found)
        )
    await _forget_pool_hours(tx, site_id, going)
    await forget_hours_of(tx, site_id, going)
    for table in (pageview, intent, lease):
        await tx.execute(delete(table).where(table.c.site_id == site_id, table.c.visit_id.in_(going)))
    await forget_leads(tx, site_id, endpoint_ids, [visit_lead(one) for one in going])
    await tx.execute(delete(visit).where(visit.c.site_id == site_id, visit.c.id.in_(going)))
    return len(going)


async def _forget_pool_hours(tx: Tx, site_id: int, visit_ids: Sequence[int]) -> None:
    """What was counted of pools in the hours in which these visits had addresses."""
    columns = lease.c.target_id, lease.c.leased_at, lease.c.expires_at
    out = select(*columns).where(lease.c.site_id == site_id, lease.c.visit_id.in_(visit_ids))
    hours: dict[int, tuple[datetime, datetime]] = {}
    for target_id, begin, end in await tx.execute(out):
        first, last = hours.get(target_id, (begin, end))
        hours[target_id] = min(first, begin), max(last, end)
    for target_id, (first, last) in sorted(hours.items()):
        await forget_hours(tx, site_id, target_id, first, last)
