"""Rows of ``substitute``: the addresses of pools.

Whoever lends or prolongs claims the row first (``FOR UPDATE SKIP LOCKED`` on PostgreSQL; SQLite has one writer), and
nobody ever waits for a row another has: a group commit holds many rows, and two that waited for each other would fail
together. So on PostgreSQL a row that is being written this very moment counts as not to be had.

    idle_since  the end of the last lease, also while that lies ahead; for one never lent, when it was added
    lease_id, visitor_id, expires_at  of the last lease that had it to itself
    claims  holders whose letter may still come (``risk``); null for none
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, func, literal_column, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import among
from wherefrom.errors import Conflict, NotFound
from wherefrom.substitution.lease import LENT_BY_TIME, Lease, SubstituteStatus, sources
from wherefrom.substitution.risk import MOST_IDLE, Claim, add_claim, read_claims, write_claims
from wherefrom.substitution.tables import substitute

_S = SubstituteStatus
_MOST_RANKED = 8


@dataclass(frozen=True, slots=True)
class Substitute:
    """One address of a pool. ``status`` is as stored; ``lease.status_at`` says what it is now."""

    site_id: int
    id: int
    target_id: int
    address: str
    status: SubstituteStatus
    lease_id: int | None
    visitor_id: int | None
    expires_at: datetime | None
    idle_since: datetime
    created_at: datetime
    claims: tuple[Claim, ...] = ()

    @property
    def key(self) -> str:
        """What addresses are compared by."""
        return self.address.lower()


@dataclass(frozen=True, slots=True)
class Idle:
    """An address that may be lent, as ``risk.rank`` looks at it."""

    id: int
    claims: tuple[Claim, ...]
    lease_id: int | None
    expires_at: datetime | None


_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(substitute.c[name] for name in Substitute.__slots__)
_LENDABLE = substitute.c.status.in_(sorted(LENT_BY_TIME))


_LIST_KEYS = Prepared(
    select(substitute.c.address_key).where(
        substitute.c.site_id == bindparam("of_site"), among(substitute.c.address_key, "keys")
    )
)
_LIST_IDLE = Prepared(
    select(substitute.c.id, substitute.c.claims, substitute.c.lease_id, substitute.c.expires_at)
    .where(
        substitute.c.site_id == bindparam("of_site"), substitute.c.target_id == bindparam("of_target"),
        or_(*(substitute.c.status == status.value for status in sorted(LENT_BY_TIME))),
        or_(substitute.c.expires_at.is_(None), substitute.c.expires_at <= bindparam("cool_before")),
    )
    .order_by(substitute.c.idle_since, substitute.c.id)
    .limit(literal_column(str(MOST_IDLE)))
)  # fmt: skip


def _value(row: Row[*tuple[Any, ...]]) -> Substitute:
    site_id, id_, target_id, address, status, *rest = row
    rest[-1] = read_claims(rest[-1])
    return Substitute(site_id, id_, target_id, address, SubstituteStatus(status), *rest)


async def _first(tx: Tx, query: Select[*tuple[Any, ...]]) -> Substitute | None:
    row = (await tx.execute(query.limit(1))).first()
    return None if row is None else _value(row)


def _of_pool(site_id: int, target_id: int) -> Select[*tuple[Any, ...]]:
    return select(*_COLUMNS).where(substitute.c.site_id == site_id, substitute.c.target_id == target_id, _LENDABLE)


def _cooled(site_id: int, target_id: int, cool_before: datetime) -> Select[*tuple[Any, ...]]:
    cooled = or_(substitute.c.expires_at.is_(None), substitute.c.expires_at <= cool_before)
    return _of_pool(site_id, target_id).where(cooled)


async def claim_own(tx: Tx, site_id: int, target_id: int, visitor_id: int, lease_id: int | None) -> Substitute | None:
    """The substitute this visitor holds or was the last to hold: that of ``lease_id`` if any, then the latest."""
    this_lease = case((substitute.c.lease_id == lease_id, 0), else_=1)
    query = _of_pool(site_id, target_id).where(substitute.c.visitor_id == visitor_id)
    ordered = query.order_by(this_lease, substitute.c.idle_since.desc(), substitute.c.id)
    return await _first(tx, ordered.with_for_update(skip_locked=True))


async def claim_idle(
    tx: Tx, site_id: int, target_id: int, cool_before: datetime, keys: Collection[str]
) -> Substitute | None:
    """Of the addresses ``keys`` (lower case) that were never lent or whose last lease ended up to ``cool_before``, the
    one idle for the longest time."""
    query = _cooled(site_id, target_id, cool_before).where(substitute.c.address_key.in_(keys))
    ordered = query.order_by(substitute.c.idle_since, substitute.c.id)
    return await _first(tx, ordered.with_for_update(skip_locked=True))


async def list_idle(tx: Tx, site_id: int, target_id: int, cool_before: datetime) -> list[Idle]:
    """Those never lent or whose last lease ended up to ``cool_before``, the longest idle first and MOST_IDLE at most;
    not claimed, and as others may be writing them."""
    rows = await tx.fetch(_LIST_IDLE, {"of_site": site_id, "of_target": target_id, "cool_before": cool_before})
    return [Idle(id_, read_claims(claims), lease_id, expires_at) for id_, claims, lease_id, expires_at in rows]


async def claim_ranked(
    tx: Tx, site_id: int, target_id: int, cool_before: datetime, ids: Sequence[int]
) -> Substitute | None:
    """Of those never lent or whose last lease ended up to ``cool_before``, one of ``ids`` in their order, else the one
    idle for the longest time: others may have taken some of ``ids`` since they were ranked."""
    place = case(*((substitute.c.id == id_, n) for n, id_ in enumerate(ids[:_MOST_RANKED])), else_=_MOST_RANKED)
    query = _cooled(site_id, target_id, cool_before)
    ordered = query.order_by(place, substitute.c.idle_since, substitute.c.id)
    return await _first(tx, ordered.with_for_update(skip_locked=True))


async def list_soonest(tx: Tx, site_id: int, target_id: int) -> list[Substitute]:
    """Those whose lease ends the soonest, MOST_IDLE at most; not claimed, and as others may be writing them."""
    query = _of_pool(site_id, target_id).order_by(substitute.c.expires_at, substitute.c.id).limit(MOST_IDLE)
    return [_value(row) for row in await tx.execute(query)]


async def claim_listed(tx: Tx, site_id: int, target_id: int, ids: Sequence[int]) -> Substitute | None:
    """The first of ``ids`` that nobody else is writing and that may be lent still."""
    place = case(*((substitute.c.id == id_, n) for n, id_ in enumerate(ids)), else_=len(ids))
    query = _of_pool(site_id, target_id).where(substitute.c.id.in_(ids)).order_by(place)
    return await _first(tx, query.with_for_update(skip_locked=True))


async def claim_address(tx: Tx, site_id: int, target_id: int, key: str) -> Substitute | None:
    """The pool's substitute with this address (lower case) while it may be lent."""
    query = _of_pool(site_id, target_id).where(substitute.c.address_key == key)
    return await _first(tx, query.with_for_update(skip_locked=True))


async def claim_of_lease(tx: Tx, site_id: int, key: str, lease_id: int) -> bool:
    """Claims the substitute with this address if ``lease_id`` is still the last that had it to itself, retired or
    not."""
    found = await tx.execute(
        select(substitute.c.id)
        .where(substitute.c.site_id == site_id, substitute.c.address_key == key, substitute.c.lease_id == lease_id)
        .with_for_update(skip_locked=True)
    )
    return found.first() is not None


async def take(tx: Tx, one: Substitute, new: Lease) -> None:
    """Lends a claimed substitute: this lease has it to itself until its end. Its holder may write from now on."""
    claims = write_claims(add_claim(one.claims, Claim(new.id, "visible", new.leased_at)))
    holder = {"lease_id": new.id, "visitor_id": new.visitor_id, "claims": claims}
    await _set(tx, one, status=_S.LEASED.value, **holder, **_until(new.expires_at))


async def keep(tx: Tx, one: Substitute, expires_at: datetime, *, sharer: Lease | None = None) -> None:
    """Holds a claimed substitute until ``expires_at``, for whoever has it or shares it; ``sharer`` is one more who may
    write."""
    claims = {}
    if sharer is not None:
        claims = {"claims": write_claims(add_claim(one.claims, Claim(sharer.id, "visible", sharer.leased_at)))}
    await _set(tx, one, status=_S.LEASED.value, **claims, **_until(expires_at))


async def claim_claims(tx: Tx, site_id: int, key: str) -> tuple[Claim, ...] | None:
    """The claims on the substitute with this address (lower case), which is kept from other writers; None when there is
    none, or somebody else is writing it."""
    query = select(substitute.c.claims).where(substitute.c.site_id == site_id, substitute.c.address_key == key)
    row = (await tx.execute(query.with_for_update(skip_locked=True))).first()
    return None if row is None else read_claims(row.claims)


async def set_claims(tx: Tx, site_id: int, key: str, claims: Sequence[Claim]) -> None:
    """Writes the claims on a substitute that ``claim_claims`` keeps."""
    await tx.execute(
        update(substitute)
        .where(substitute.c.site_id == site_id, substitute.c.address_key == key)
        .values(claims=write_claims(claims))
    )


async def keep_address(tx: Tx, site_id: int, key: str, expires_at: datetime) -> None:
    """As ``keep``, by address; a retired one stays retired."""
    status = case((_LENDABLE, _S.LEASED.value), else_=substitute.c.status)
    await tx.execute(
        update(substitute)
        .where(substitute.c.site_id == site_id, substitute.c.address_key == key)
        .values(status=status, **_until(expires_at))
    )


def _until(expires_at: datetime) -> dict[str, datetime]:
    return {"expires_at": expires_at, "idle_since": expires_at}


async def _set(tx: Tx, one: Substitute, **values: Any) -> None:
    await tx.execute(
        update(substitute).where(substitute.c.site_id == one.site_id, substitute.c.id == one.id).values(values)
    )


async def list_pool_keys(tx: Tx, site_id: int, keys: Collection[str]) -> frozenset[str]:
    """Which of these addresses (lower case) are in any pool of the site, in whatever status."""
    if not keys:
        return frozenset()
    rows = await tx.fetch(_LIST_KEYS, {"of_site": site_id, "keys": sorted(set(keys))})
    return frozenset(key for (key,) in rows)


async def list_by_key(tx: Tx, site_id: int, keys: Collection[str]) -> dict[str, Substitute]:
    """The site's substitutes with these addresses (lower case)."""
    rows = await tx.execute(
        select(*_COLUMNS).where(substitute.c.site_id == site_id, substitute.c.address_key.in_(keys))
    )
    return {one.key: one for one in map(_value, rows)}


async def list_substitutes(
    tx: Tx, site_id: int, target_id: int, *, after: int = 0, limit: int = 200
) -> list[Substitute]:
    """The pool in the order it was added, those with a higher id than ``after``."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(substitute.c.site_id == site_id, substitute.c.target_id == target_id, substitute.c.id > after)
        .order_by(substitute.c.id)
        .limit(limit)
    )
    return [_value(row) for row in rows]


async def get_substitute(tx: Tx, site_id: int, target_id: int, substitute_id: int) -> Substitute:
    """One address of the target's pool, kept from other writers until the end of the transaction; NotFound."""
    query = select(*_COLUMNS).where(
        substitute.c.site_id == site_id, substitute.c.target_id == target_id, substitute.c.id == substitute_id
    )
    row = (await tx.execute(query.with_for_update())).first()
    if row is None:
        raise NotFound(
            f"the target's pool has no substitute {substitute_id}",
            hint="list the pool: GET /sites/{site}/targets/{target}/substitutes",
        )
    return _value(row)


async def append_substitutes(tx: Tx, new: Sequence[Substitute]) -> None:
    """Writes new addresses of a pool; Conflict when another process has just added one of them."""
    names = [name for name in Substitute.__slots__ if name != "claims"]
    rows = [{name: getattr(one, name) for name in names} | {"address_key": one.key} for one in new]
    try:
        await tx.execute(substitute.insert(), [row | {"status": row["status"].value} for row in rows])
    except IntegrityError:
        raise Conflict(
            "one of these addresses was added by somebody else this moment",
            hint="list the pool and add what is missing",
            field="pool",
        ) from None


async def mark_status(tx: Tx, site_id: int, substitute_id: int, to: SubstituteStatus, now: datetime) -> bool:
    """Moves one substitute where the table of moves allows it; False when it was not allowed, or there already. A
    restored one waits its turn from ``now``."""
    values: dict[str, Any] = {"status": to.value}
    if to is _S.FREE:
        values["idle_since"] = now
    if to is _S.UNVERIFIED:  # asked for its proof at once
        values |= {"idle_since": now, "probe_at": None, "probe_losses": 0}
    done = await tx.execute(
        update(substitute)
        .where(
            substitute.c.site_id == site_id,
            substitute.c.id == substitute_id,
            substitute.c.status.in_(sorted(sources(to))),
        )
        .values(values)
    )
    return bool(done.rowcount)


async def count_pool(
    tx: Tx, site_id: int, now: datetime, cool_before: datetime
) -> dict[int, dict[SubstituteStatus, int]]:
    """How many of each pool are what at ``now``, by target: as ``lease.status_at`` has it."""
    ends = substitute.c.expires_at
    by_time = case(
        (ends.is_(None), _S.FREE.value), (ends > now, _S.LEASED.value), (ends > cool_before, _S.COOLING.value),
        else_=_S.FREE.value,
    )  # fmt: skip
    status = case((_LENDABLE, by_time), else_=substitute.c.status)
    rows = await tx.execute(
        select(substitute.c.target_id, status.label("status"), func.count().label("n"))
        .where(substitute.c.site_id == site_id)
        .group_by(substitute.c.target_id, status)
    )
    counts: dict[int, dict[SubstituteStatus, int]] = {}
    for row in rows:
        counts.setdefault(row.target_id, {})[SubstituteStatus(row.status)] = row.n
    return counts


def _overdue(now: datetime, cool_before: datetime) -> ColumnElement[bool]:
    ended = (substitute.c.status == _S.LEASED.value) & (substitute.c.expires_at <= now)
    cooled = (substitute.c.status == _S.COOLING.value) & (substitute.c.expires_at <= cool_before)
    return ended | cooled


async def is_any_overdue(tx: Tx, now: datetime, cool_before: datetime) -> bool:
    """Whether some stored status lags behind the times, on any site."""
    return (await tx.execute(select(substitute.c.id).where(_overdue(now, cool_before)).limit(1))).first() is not None


async def release_overdue(tx: Tx, now: datetime, cool_before: datetime, limit: int) -> int:
    """Writes leased → cooling and cooling → free where it is time, on all sites; how many moves. What others are
    writing is left for the next time."""
    keys = tuple_(substitute.c.site_id, substitute.c.id)
    moves = 0
    for status, to, until in ((_S.LEASED, _S.COOLING, now), (_S.COOLING, _S.FREE, cool_before)):
        due = (
            select(substitute.c.site_id, substitute.c.id)
            .where(substitute.c.status == status.value, substitute.c.expires_at <= until)
            .order_by(substitute.c.site_id, substitute.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        done = await tx.execute(update(substitute).where(keys.in_(due)).values(status=to.value))
        moves += done.rowcount
    return moves
