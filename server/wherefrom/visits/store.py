"""SQL of visits and drops. What a visit saw and did is in ``trail_store``, its sums in ``hours_store``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import structs
from sqlalchemy import BigInteger, BindParameter, bindparam, func, select, tuple_, type_coerce, update

from wherefrom.db import Prepared, Tx, insert
from wherefrom.visits.tables import dropped, visit, visit_counter
from wherefrom.visits.visit import NewVisit, Told, Visit

_AS_VISIT = tuple(visit.c[name] for name in Visit.__struct_fields__)

Place = tuple[int, int]
"""Site and id, or visit number."""

_SITE: BindParameter[int] = bindparam("of_site")
_FIND_VISIT = Prepared(select(*_AS_VISIT).where(visit.c.site_id == _SITE, visit.c.id == bindparam("of_id")))
_FIND_STANDING = Prepared(
    select(*_AS_VISIT).where(visit.c.site_id == _SITE, visit.c.id == bindparam("of_id")).with_for_update()
)
_FIND_LATEST = Prepared(  # "+ 0": else SQLite goes through all visits of the site by their time, not to the visitor's
    select(*_AS_VISIT)
    .where(visit.c.site_id == _SITE, visit.c.visitor_id == bindparam("of_id"))
    .order_by((type_coerce(visit.c.started_at, BigInteger) + 0).desc(), visit.c.id.desc())
    .limit(1)
    .with_for_update()
)
_TOUCH = update(visit).where(visit.c.site_id == _SITE, visit.c.id == bindparam("of_id"))
_SEE = _TOUCH.values(last_seen_at=bindparam("now"))
_SHOW = _TOUCH.values(last_seen_at=bindparam("now"), pageviews=visit.c.pageviews + 1)
_SEEN_AGAIN, _SHOWN_AGAIN = Prepared(_SEE), Prepared(_SHOW)
_FIND_SOURCE = Prepared(select(*_AS_VISIT).where(visit.c.site_id == _SITE, visit.c.source_key == bindparam("of_key")))
_ADD_VISIT = Prepared(visit.insert(), of=NewVisit)


class Touch(NamedTuple):
    """A further sign of life of a visit, with what the page tells."""

    visit: Visit
    told: Told
    now: datetime
    pageview: bool


@dataclass(frozen=True, slots=True)
class DropCount:
    """``day`` is UTC, as ``2026-11-21``."""

    day: str
    reason: str
    count: int


# ------------------------------------------------------------------------------------------------ visits


async def find_visit(tx: Tx, site_id: int, visit_id: int) -> Visit | None:
    return _first_visit(await tx.fetch(_FIND_VISIT, {"of_site": site_id, "of_id": visit_id}))


async def find_each_visit(tx: Tx, asked: Sequence[Place]) -> list[Visit | None]:
    """As ``find_visit``, for each."""
    return [_first_visit(rows) for rows in await tx.fetch_each(_FIND_VISIT, _places(asked))]


async def find_each_standing(tx: Tx, asked: Sequence[Place]) -> list[Visit | None]:
    """As ``find_visit``, for each; other writers must not touch these rows until the transaction ends."""
    return [_first_visit(rows) for rows in await tx.fetch_each(_FIND_STANDING, _places(asked))]


async def find_each_latest(tx: Tx, visitors: Sequence[Place]) -> list[Visit | None]:
    """The visit of each of ``visitors`` that began last; None for who has none, or none any more. Not the highest
    number: processes hand out numbers from blocks.

    Until the transaction ends nobody else is told of these visitors: of two pages opened at once by one visitor one
    begins a visit, and the other one sees it."""
    if not visitors:
        return []
    await tx.lock_each(("visitor", *one) for one in visitors)
    return [_first_visit(rows) for rows in await tx.fetch_each(_FIND_LATEST, _places(visitors))]


def _places(asked: Sequence[Place]) -> list[dict[str, int]]:
    return [{"of_site": site_id, "of_id": id_} for site_id, id_ in asked]


def _first_visit(rows: Sequence[Sequence[Any]]) -> Visit | None:
    return Visit(*rows[0]) if rows else None


async def list_visits(
    tx: Tx,
    site_id: int,
    *,
    limit: int,
    before: tuple[datetime, int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    visitor_id: int | None = None,
) -> list[Visit]:
    """Newest first. ``before`` is (started_at, id) of the last one already seen; ``since`` counts in, ``until`` not."""
    mine = select(*_AS_VISIT).where(visit.c.site_id == site_id)
    if before is not None:
        mine = mine.where(tuple_(visit.c.started_at, visit.c.id) < before)
    if since is not None:
        mine = mine.where(visit.c.started_at >= since)
    if until is not None:
        mine = mine.where(visit.c.started_at < until)
    if visitor_id is not None:
        mine = mine.where(visit.c.visitor_id == visitor_id)
    rows = await tx.execute(mine.order_by(visit.c.started_at.desc(), visit.c.id.desc()).limit(limit))
    return [Visit(*row) for row in rows]


async def append_visits(tx: Tx, new: Sequence[NewVisit]) -> None:
    await tx.append(_ADD_VISIT, new)


async def touch_visits(tx: Tx, touches: Sequence[Touch]) -> None:
    """Further signs of life of different visits, with what the pages told anew; parameters are added to those told
    before. ``Refused`` where one of them is no more."""
    seen: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for one in touches:
        known = one.visit
        life = {"of_site": known.site_id, "of_id": known.id, "now": max(one.now, known.last_seen_at)}
        changes = _changes(known, one.told)
        if changes:
            await tx.execute((_SHOW if one.pageview else _SEE).values(changes), life)
        else:
            (shown if one.pageview else seen).append(life)
    await tx.change_each(_SEEN_AGAIN, seen, or_refused=True)
    await tx.change_each(_SHOWN_AGAIN, shown, or_refused=True)


def tells_anew(known: Visit, told: Told) -> bool:
    """Whether a page tells of its visit what may not be stored yet. Parameters may have been told otherwise since
    ``known`` was read."""
    return bool(told.params or _changes(known, told))


def _changes(known: Visit, told: Told) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if told.params.items() - known.params.items():
        changes["params"] = known.params | told.params
    if told.google_client_id and told.google_client_id != known.google_client_id:
        changes["google_client_id"] = told.google_client_id
    if told.ym_uid and told.ym_uid != known.ym_uid:
        changes["ym_uid"] = told.ym_uid
    return changes


async def set_contact(tx: Tx, site_id: int, visit_id: int, contact_id: int, send_id: int) -> None:
    """The visitor followed a link of this letter to this contact."""
    mine = update(visit).where(visit.c.site_id == site_id, visit.c.id == visit_id)
    await tx.execute(mine.values(contact_id=contact_id, send_id=send_id))


async def list_contact_visits(tx: Tx, site_id: int, contact_id: int, limit: int = 1000) -> list[Visit]:
    """The visits that came by letters to a contact, newest first."""
    mine = select(*_AS_VISIT).where(visit.c.site_id == site_id, visit.c.contact_id == contact_id)
    rows = await tx.execute(mine.order_by(visit.c.started_at.desc(), visit.c.id.desc()).limit(limit))
    return [Visit(*row) for row in rows]


async def forget_contact(tx: Tx, site_id: int, contact_id: int) -> int:
    """Erasure: visits no longer know that they were this contact's; how many there were."""
    mine = update(visit).where(visit.c.site_id == site_id, visit.c.contact_id == contact_id)
    return (await tx.execute(mine.values(contact_id=None, send_id=None))).rowcount


async def mark_seen(tx: Tx, site_id: int, visit_id: int, now: datetime) -> bool:
    """A sign of life of a visit; False when there is no such visit (any more)."""
    return await tx.change(_SEEN_AGAIN, {"of_site": site_id, "of_id": visit_id, "now": now}) == 1


async def find_source_visit(tx: Tx, site_id: int, key: str) -> Visit | None:
    """The visit that stands for the source with this key."""
    return _first_visit(await tx.fetch(_FIND_SOURCE, {"of_site": site_id, "of_key": key}))


async def add_source_visit(tx: Tx, new: Visit) -> bool:
    """Writes a source's visit; False when another has written it meanwhile, which can be read then."""
    done = await tx.execute(
        insert(tx, visit)
        .values(structs.asdict(new))
        .on_conflict_do_nothing(
            index_elements=[visit.c.site_id, visit.c.source_key], index_where=visit.c.source_key.is_not(None)
        )
    )
    return bool(done.rowcount)


async def count_source_view(tx: Tx, known: Visit, now: datetime, *, pageview: bool) -> None:
    """One more came by the source.

    Never waits: everybody writes this row, and on PostgreSQL group commits of two processes that count for two sources
    would each wait for the other. A count that comes while another process holds the row is let go, so with several
    processes ``pageviews`` is "at least".
    """
    mine = (
        select(visit.c.id)
        .where(visit.c.site_id == known.site_id, visit.c.id == known.id)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    await tx.execute(
        update(visit)
        .where(visit.c.site_id == known.site_id, visit.c.id == mine)
        .values(last_seen_at=max(now, known.last_seen_at), pageviews=visit.c.pageviews + int(pageview))
    )


async def find_last_seen(tx: Tx, site_id: int) -> datetime | None:
    """When the site's script was last heard of by a new visit, or by any page where no persons are known."""
    newest = select(func.max(visit.c.started_at)).where(visit.c.site_id == site_id)
    by_source = select(func.max(visit.c.last_seen_at)).where(
        visit.c.site_id == site_id, visit.c.source_key.is_not(None)
    )
    found = [at for query in (newest, by_source) if (at := (await tx.execute(query)).scalar()) is not None]
    return max(found, default=None)


async def reserve_numbers(tx: Tx, site_id: int, count: int) -> int:
    """The first of ``count`` visit numbers that are nobody else's from now on."""
    new = insert(tx, visit_counter).values(site_id=site_id, next=count + 1)
    end = new.on_conflict_do_update(
        index_elements=[visit_counter.c.site_id], set_={"next": visit_counter.c.next + count}
    ).returning(visit_counter.c.next)
    return int((await tx.execute(end)).scalar_one()) - count


# ------------------------------------------------------------------------------------------------ drops


async def record_drops(tx: Tx, counts: Mapping[tuple[int, str, str], int]) -> None:
    """Adds counts by (site, day, reason). In one order everywhere, so that two processes never wait for each other."""
    for (site_id, day, reason), count in sorted(counts.items()):
        new = insert(tx, dropped).values(site_id=site_id, day=day, reason=reason, count=count)
        await tx.execute(
            new.on_conflict_do_update(
                index_elements=[dropped.c.site_id, dropped.c.day, dropped.c.reason],
                set_={"count": dropped.c.count + new.excluded.count},
            )
        )


async def list_drops(tx: Tx, site_id: int, since_day: str = "") -> list[DropCount]:
    """Counts from ``since_day`` on, newest day first. Site 0 is "nobody knows whose"."""
    mine = select(dropped.c.day, dropped.c.reason, dropped.c.count)
    mine = mine.where(dropped.c.site_id == site_id, dropped.c.day >= since_day)
    rows = await tx.execute(mine.order_by(dropped.c.day.desc(), dropped.c.count.desc(), dropped.c.reason))
    return [DropCount(*row) for row in rows]
