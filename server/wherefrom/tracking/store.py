"""All SQL of the tracking room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select, update

from wherefrom.db import Prepared, Tx
from wherefrom.tracking.tables import engagement, link
from wherefrom.tracking.verdict import PERSONS, Hint, Kind, Name, Verdict

_ADD = Prepared(engagement.insert(), of_objects=True)
_ADD_LINK = Prepared(link.insert())
_FIND_URL = Prepared(
    select(link.c.url).where(
        link.c.site_id == bindparam("of_site"),
        link.c.send_id == bindparam("of_send"),
        link.c.number == bindparam("of_number"),
    )
)
_COLUMNS = tuple(column.name for column in engagement.c)


@dataclass(frozen=True, slots=True)
class Engagement:
    """A hit as it is kept. ``number`` is the link's, 0 of an open; ``judged_at`` None: what is said of it may change
    within moments."""

    site_id: int
    id: int
    send_id: int
    kind: Kind
    number: int
    seen_at: datetime
    ip: str | None
    agent: str
    hint: Hint
    verdict: Name
    reason: str
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What persons did with a letter: how often, first and last."""

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


# ------------------------------------------------------------------------------------------------ links


async def append_links(tx: Tx, site_id: int, send_id: int, urls: Sequence[str]) -> None:
    """The links of a send, numbered from 1 in their order."""
    await tx.append(
        _ADD_LINK,
        [
            {"site_id": site_id, "send_id": send_id, "number": number, "url": url}
            for number, url in enumerate(urls, start=1)
        ],
    )


async def find_url(tx: Tx, site_id: int, send_id: int, number: int) -> str | None:
    """Where a link leads."""
    rows = await tx.fetch(_FIND_URL, {"of_site": site_id, "of_send": send_id, "of_number": number})
    return rows[0][0] if rows else None


async def list_urls(tx: Tx, site_id: int, send_id: int) -> dict[int, str]:
    """All links of a send by their numbers."""
    rows = await tx.execute(
        select(link.c.number, link.c.url)
        .where(link.c.site_id == site_id, link.c.send_id == send_id)
        .order_by(link.c.number)
    )
    return {row.number: row.url for row in rows}


async def count_links(tx: Tx, site_id: int, send_id: int) -> int:
    query = select(func.count()).select_from(link).where(link.c.site_id == site_id, link.c.send_id == send_id)
    return int(await tx.scalar(query))


# ------------------------------------------------------------------------------------------------ hits


async def append_engagement(tx: Tx, new: Engagement) -> None:
    """Only appends: many of a batch are one statement."""
    await tx.append(_ADD, [new])


async def list_unjudged_sends(tx: Tx, before: datetime, limit: int) -> list[tuple[int, int]]:
    """(site, send) of hits that came before ``before`` and whose neighbours were not looked at, the oldest first."""
    rows = await tx.execute(
        select(engagement.c.site_id, engagement.c.send_id)
        .where(engagement.c.judged_at.is_(None), engagement.c.seen_at <= before)
        .order_by(engagement.c.seen_at)
        .limit(limit)
    )
    return list(dict.fromkeys((row.site_id, row.send_id) for row in rows))


async def find_oldest_unjudged(tx: Tx, site_id: int, send_id: int) -> datetime | None:
    """When the send's oldest hit came that was not judged yet."""
    query = select(func.min(engagement.c.seen_at)).where(
        engagement.c.site_id == site_id, engagement.c.send_id == send_id, engagement.c.judged_at.is_(None)
    )
    found: datetime | None = await tx.scalar(query)
    return found


async def list_engagements(
    tx: Tx, site_id: int, send_id: int, *, since: datetime | None = None, limit: int = 1000
) -> list[Engagement]:
    """A send's hits in the order of their times."""
    query = select(engagement).where(engagement.c.site_id == site_id, engagement.c.send_id == send_id)
    if since is not None:
        query = query.where(engagement.c.seen_at >= since)
    return [_value(row) for row in await tx.execute(query.order_by(engagement.c.seen_at, engagement.c.id).limit(limit))]


async def mark_judged(tx: Tx, judged: Iterable[tuple[Engagement, Verdict]], now: datetime) -> None:
    """Writes the verdicts that are new, or not what they were."""
    changed: dict[tuple[int, Verdict], list[int]] = {}
    for one, verdict in judged:
        if one.judged_at is None or (one.verdict, one.reason) != verdict:
            changed.setdefault((one.site_id, verdict), []).append(one.id)
    for (site_id, verdict), ids in changed.items():
        await tx.execute(
            update(engagement)
            .where(engagement.c.site_id == site_id, engagement.c.id.in_(ids))
            .values(verdict=verdict.name, reason=verdict.reason, judged_at=now)
        )


async def remove_engagements(tx: Tx, site_id: int, ids: Sequence[int]) -> None:
    """Of a person who is not to be measured."""
    await tx.execute(delete(engagement).where(engagement.c.site_id == site_id, engagement.c.id.in_(ids)))


async def count_persons(tx: Tx, site_id: int, send_id: int) -> dict[Kind, Person]:
    """What persons did, by the hits that are judged; both kinds are there."""
    at = engagement.c.seen_at
    rows = await tx.execute(
        select(engagement.c.kind, func.count().label("hits"), func.min(at).label("first"), func.max(at).label("last"))
        .where(
            engagement.c.site_id == site_id,
            engagement.c.send_id == send_id,
            engagement.c.verdict.in_(PERSONS),
            engagement.c.judged_at.is_not(None),
        )
        .group_by(engagement.c.kind)
    )
    found: dict[Kind, Person] = {row.kind: Person(row.hits, row.first, row.last) for row in rows}
    return {"open": Person(), "click": Person(), **found}


async def get_first(tx: Tx, site_id: int, send_id: int, kind: Kind) -> Engagement:
    """A person's first open or click, where ``count_persons`` counts one."""
    query = (
        select(engagement)
        .where(
            engagement.c.site_id == site_id,
            engagement.c.send_id == send_id,
            engagement.c.kind == kind,
            engagement.c.verdict.in_(PERSONS),
            engagement.c.judged_at.is_not(None),
        )
        .order_by(engagement.c.seen_at, engagement.c.id)
    )
    return _value((await tx.execute(query.limit(1))).one())


async def count_verdicts(tx: Tx, site_id: int, send_id: int) -> list[tuple[Kind, Name, int]]:
    """How many hits of a send got which verdict."""
    rows = await tx.execute(
        select(engagement.c.kind, engagement.c.verdict, func.count().label("hits"))
        .where(engagement.c.site_id == site_id, engagement.c.send_id == send_id)
        .group_by(engagement.c.kind, engagement.c.verdict)
        .order_by(engagement.c.kind, engagement.c.verdict)
    )
    return [(row.kind, row.verdict, row.hits) for row in rows]


def _value(row: Row[Any]) -> Engagement:
    return Engagement(**{name: row._mapping[name] for name in _COLUMNS})
