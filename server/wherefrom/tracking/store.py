"""All SQL of the tracking room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import BindParameter, Integer, bindparam, delete, func, literal, or_, select, update

from wherefrom.clock import from_ms
from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import among
from wherefrom.db.walk import Slice, find_old
from wherefrom.tracking.tables import engagement, hit, link
from wherefrom.tracking.verdict import PERSONS, Hint, Kind, Name, Verdict

_ADD_LINK = Prepared(link.insert())
_FIND_URL = Prepared(
    select(link.c.url).where(
        link.c.site_id == bindparam("of_site"),
        link.c.send_id == bindparam("of_send"),
        link.c.number == bindparam("of_number"),
    )
)
_OF_SITE: BindParameter[int] = bindparam("of_site")
_WAITING = (hit.c.site_id == _OF_SITE, among(hit.c.id, "of_ids"))
_FIND_WAITING = Prepared(select(hit.c.id).where(*_WAITING))
_REMOVE_WAITING = Prepared(delete(hit).where(*_WAITING))
_OF_SEND = (engagement.c.site_id == _OF_SITE, engagement.c.send_id == bindparam("of_send"))
_BY_PERSON = or_(*(engagement.c.verdict == literal(name) for name in PERSONS))
_LIST = Prepared(
    select(engagement)
    .where(*_OF_SEND, engagement.c.seen_at >= bindparam("since"))
    .order_by(engagement.c.seen_at, engagement.c.id)
    .limit(bindparam("most", type_=Integer()))
)
_FIRST = Prepared(
    select(engagement)
    .where(*_OF_SEND, engagement.c.kind == bindparam("of_kind"), _BY_PERSON)
    .order_by(engagement.c.seen_at, engagement.c.id)
    .limit(literal(1))
)
_COUNT_PERSONS = Prepared(
    select(
        engagement.c.kind,
        func.count(engagement.c.id),
        func.min(engagement.c.seen_at),
        func.max(engagement.c.seen_at),
    )
    .where(*_OF_SEND, _BY_PERSON)
    .group_by(engagement.c.kind)
)
_COUNT_LINKS = Prepared(
    select(func.count(link.c.number)).where(link.c.site_id == _OF_SITE, link.c.send_id == bindparam("of_send"))
)


class StoredHit(NamedTuple):
    """A hit as it came. ``number`` is the link's, 0 of an open."""

    site_id: int
    id: int
    send_id: int
    kind: Kind
    number: int
    seen_at: datetime
    ip: str | None
    agent: str
    hint: Hint


_ADD_HIT = Prepared(hit.insert(), of=StoredHit)


class Engagement(NamedTuple):
    """A hit that was judged."""

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


_ADD = Prepared(engagement.insert(), of=Engagement)


_EVER = from_ms(0)
LinkKey = tuple[int, int, int]
"""Site, send, number."""


class Person(Struct, frozen=True):
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


async def find_urls(tx: Tx, keys: Iterable[LinkKey]) -> dict[LinkKey, str]:
    """Where these links lead, those that are there."""
    wanted = list(dict.fromkeys(keys))
    asked = [{"of_site": site_id, "of_send": send_id, "of_number": number} for site_id, send_id, number in wanted]
    rows = await tx.fetch_each(_FIND_URL, asked)
    return {key: row[0][0] for key, row in zip(wanted, rows, strict=True) if row}


async def list_urls(tx: Tx, site_id: int, send_id: int) -> dict[int, str]:
    """All links of a send by their numbers."""
    rows = await tx.execute(
        select(link.c.number, link.c.url)
        .where(link.c.site_id == site_id, link.c.send_id == send_id)
        .order_by(link.c.number)
    )
    return {row.number: row.url for row in rows}


async def count_links(tx: Tx, site_id: int, send_id: int) -> int:
    return int((await tx.fetch(_COUNT_LINKS, {"of_site": site_id, "of_send": send_id}))[0][0])


# ------------------------------------------------------------------------------------------------ hits


async def append_hits(tx: Tx, new: Sequence[StoredHit]) -> None:
    """Only appends: asks nothing of the database before."""
    await tx.append(_ADD_HIT, new)


async def list_hits(tx: Tx, limit: int) -> list[StoredHit]:
    """Hits that wait to be judged, of all sites, the oldest first."""
    rows = await tx.execute(select(hit).order_by(hit.c.seen_at).limit(limit))
    return [StoredHit(**row._mapping) for row in rows]


async def take_hits(tx: Tx, site_id: int, ids: Sequence[int]) -> set[int]:
    """Removes hits from those that wait, and says which of them still did. The send's row must be locked, so that two
    processes do not take the same."""
    mine = {"of_site": site_id, "of_ids": list(ids)}
    found = {id_ for (id_,) in await tx.fetch(_FIND_WAITING, mine)}
    await tx.change(_REMOVE_WAITING, mine)
    return found


async def append_engagements(tx: Tx, new: Sequence[Engagement]) -> None:
    await tx.append(_ADD, new)


async def list_engagements(
    tx: Tx, site_id: int, send_id: int, *, since: datetime | None = None, limit: int = 1000
) -> list[Engagement]:
    """A send's hits in the order of their times."""
    values = {"of_site": site_id, "of_send": send_id, "since": since or _EVER, "most": limit}
    return [Engagement(*row) for row in await tx.fetch(_LIST, values)]


async def replace_verdicts(tx: Tx, judged: Iterable[tuple[Engagement, Verdict]]) -> None:
    """Writes the verdicts that are not what they were."""
    changed: dict[tuple[int, Verdict], list[int]] = {}
    for one, verdict in judged:
        if (one.verdict, one.reason) != verdict:
            changed.setdefault((one.site_id, verdict), []).append(one.id)
    for (site_id, verdict), ids in changed.items():
        await tx.execute(
            update(engagement)
            .where(engagement.c.site_id == site_id, engagement.c.id.in_(ids))
            .values(verdict=verdict.name, reason=verdict.reason)
        )


async def count_persons(tx: Tx, site_id: int, send_id: int) -> dict[Kind, Person]:
    """What persons did; both kinds are there."""
    rows = await tx.fetch(_COUNT_PERSONS, {"of_site": site_id, "of_send": send_id})
    return {"open": Person(), "click": Person(), **{kind: Person(*counted) for kind, *counted in rows}}


async def get_first(tx: Tx, site_id: int, send_id: int, kind: Kind) -> Engagement:
    """A person's first open or click, where ``count_persons`` counts one."""
    return Engagement(*(await tx.fetch(_FIRST, {"of_site": site_id, "of_send": send_id, "of_kind": kind}))[0])


async def count_verdicts(tx: Tx, site_id: int, send_id: int) -> list[tuple[Kind, Name, int]]:
    """How many hits of a send got which verdict."""
    rows = await tx.execute(
        select(engagement.c.kind, engagement.c.verdict, func.count().label("hits"))
        .where(engagement.c.site_id == site_id, engagement.c.send_id == send_id)
        .group_by(engagement.c.kind, engagement.c.verdict)
        .order_by(engagement.c.kind, engagement.c.verdict)
    )
    return [(row.kind, row.verdict, row.hits) for row in rows]


# ------------------------------------------------------------------------------------------------ kept no longer

_BY_MACHINE = engagement.c.verdict.not_in(sorted(PERSONS))


async def find_old_engagements(tx: Tx, site_id: int, before: datetime, after: int, limit: int) -> Slice:
    """Seen before ``before``, and not yet bare of what they need no more."""
    may_go = or_(_BY_MACHINE, engagement.c.agent != "", engagement.c.ip.is_not(None))
    return await find_old(
        tx, engagement, engagement.c.seen_at, may_go, site_id=site_id, before=before, after=after, limit=limit
    )


async def forget_engagements(tx: Tx, site_id: int, ids: Sequence[int]) -> int:
    """Removes those by machines, which count for nothing, and from those by persons address and program: they stay
    because a send's sums are made of them anew whenever one more comes. How many."""
    mine = engagement.c.site_id == site_id, engagement.c.id.in_(ids)
    gone = await tx.execute(delete(engagement).where(*mine, _BY_MACHINE))
    bare = await tx.execute(update(engagement).where(*mine, ~_BY_MACHINE).values(agent="", ip=None))
    return gone.rowcount + bare.rowcount
