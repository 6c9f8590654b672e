"""Rows of ``lease``: who held which address when. Never deleted while the visit is kept, so that a letter written long
after still finds its visit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select, update

from wherefrom.addresses import find_address
from wherefrom.db import Prepared, Refused, Tx, Unless
from wherefrom.db.keys import among
from wherefrom.substitution.lease import Lease
from wherefrom.substitution.tables import lease, target
from wherefrom.substitution.target import Strategy

_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(lease.c[name] for name in Lease.__struct_fields__)

_LIST_OF_VISIT = Prepared(
    select(*_COLUMNS)
    .where(lease.c.site_id == bindparam("of_site"), lease.c.visit_id == bindparam("of_visit"))
    .order_by(lease.c.leased_at, lease.c.id)
)
_ADD = Prepared(lease.insert(), of=Lease)
_FIND_LENT = Prepared(  # no LIMIT: for one row PostgreSQL would rather read the site's leases
    select(lease.c.id).where(lease.c.site_id == bindparam("of_site"), among(lease.c.address_key, "keys"))
)
_FIND_HOLDERS = Prepared(
    select(
        lease.c.id, lease.c.visit_id, lease.c.visitor_id, lease.c.target_id, target.c.address.label("target"),
        lease.c.address, lease.c.strategy, lease.c.guessable, lease.c.shared, lease.c.leased_at,
        lease.c.last_seen_at, lease.c.expires_at,
    )
    .join(target, (target.c.site_id == lease.c.site_id) & (target.c.id == lease.c.target_id))
    .where(
        lease.c.site_id == bindparam("of_site"), among(lease.c.address_key, "keys"),
        or_(lease.c.strategy != "pool", lease.c.last_seen_at >= bindparam("since")),
    )
    .order_by(lease.c.leased_at, lease.c.id)
)  # fmt: skip
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_EXTEND = Prepared(
    update(lease)
    .where(lease.c.site_id == bindparam("of_site"), lease.c.id == bindparam("of_id"))
    .values(last_seen_at=bindparam("seen"), expires_at=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A visit that held an address: a lease as attribution needs it. ``target`` is the real address it stood for.

    The lease had the address from ``leased_at`` up to, not including, ``expires_at``; ``last_seen_at`` is the visit's
    last sign of life while it showed the address, and may lie after ``expires_at`` (another had the address by then).
    ``guessable``: the address carries the bare visit number. ``shared``: lent although somebody held it or just had.
    """

    lease_id: int
    visit_id: int
    visitor_id: int
    target_id: int
    target: str
    address: str
    strategy: Strategy
    guessable: bool
    shared: bool
    leased_at: datetime
    last_seen_at: datetime
    expires_at: datetime


async def list_visit_leases(tx: Tx, site_id: int, visit_id: int) -> list[Lease]:
    """The visit's leases, oldest first."""
    (found,) = await list_leases_of_each(tx, [(site_id, visit_id)])
    return found


async def list_leases_of_each(tx: Tx, visits: Sequence[tuple[int, int]]) -> list[list[Lease]]:
    """The leases of each of ``visits``, site and number, oldest first."""
    asked = [{"of_site": site_id, "of_visit": visit_id} for site_id, visit_id in visits]
    return [[Lease(*row) for row in rows] for rows in await tx.fetch_each(_LIST_OF_VISIT, asked)]


async def find_holders(
    tx: Tx, site_id: int, addresses: Iterable[str], *, since: datetime | None = None
) -> list[Holder]:
    """Every lease there ever was on these addresses (any case), oldest first. ``since`` leaves out leases of pools
    whose visit gave its last sign of life before it: an address lent for years has many."""
    keys = {parsed.key for parsed in map(find_address, addresses) if parsed is not None}
    if not keys:
        return []
    values = {"of_site": site_id, "keys": sorted(keys), "since": since or _EVER}
    return [Holder(*row) for row in await tx.fetch(_FIND_HOLDERS, values)]


async def append_leases(tx: Tx, new: Sequence[Lease]) -> None:
    """Writes leases: they must be durable before anybody sees the addresses."""
    await tx.append(_ADD, new)


async def append_coded_leases(tx: Tx, new: Sequence[Lease]) -> None:
    """Writes leases on addresses that must be nobody else's, ever; Refused when one was lent before."""
    await tx.append(_ADD, new, _UNLESS_LENT)


def _ask_who_had_them(new: Sequence[Lease]) -> list[dict[str, Any]]:
    keys: dict[int, list[str]] = {}
    for one in new:
        keys.setdefault(one.site_id, []).append(one.address_key)
    if any(len(set(wanted)) < len(wanted) for wanted in keys.values()):
        raise Refused("an address for two at once")
    return [{"of_site": site_id, "keys": wanted} for site_id, wanted in keys.items()]


_UNLESS_LENT = Unless(_FIND_LENT, _ask_who_had_them)


async def extend_leases(tx: Tx, site_id: int, ids: Collection[int], now: datetime, expires_at: datetime) -> None:
    """A sign of life: these hold on."""
    if len(ids) == 1:
        (one,) = ids
        await tx.change(_EXTEND, {"of_site": site_id, "of_id": one, "seen": now, "until": expires_at})
    else:
        await _set(tx, site_id, ids, last_seen_at=now, expires_at=expires_at)


async def prolong_leases(tx: Tx, held: Sequence[Lease]) -> None:
    """Keeps the ends and signs of life of these leases."""
    await tx.change_each(
        _EXTEND,
        [{"of_site": one.site_id, "of_id": one.id, "seen": one.last_seen_at, "until": one.expires_at} for one in held],
    )


async def record_seen(tx: Tx, site_id: int, ids: Collection[int], now: datetime) -> None:
    """A sign of life of visits that still show an address they have lost."""
    await _set(tx, site_id, ids, last_seen_at=now)


async def end_leases(tx: Tx, site_id: int, target_id: int, key: str, visitor_id: int, now: datetime) -> None:
    """Ends what this visitor's earlier visits hold of the address: the visitor's new visit takes it over."""
    await tx.execute(
        update(lease)
        .where(
            lease.c.site_id == site_id, lease.c.visitor_id == visitor_id, lease.c.target_id == target_id,
            lease.c.address_key == key, lease.c.expires_at > now,
        )
        .values(expires_at=now)
    )  # fmt: skip


async def list_visitor_keys(tx: Tx, site_id: int, target_id: int, visitor_id: int, limit: int = 5) -> list[str]:
    """The addresses (lower case) this visitor had for the target, by the latest leases."""
    rows = await tx.execute(
        select(lease.c.address_key)
        .where(lease.c.site_id == site_id, lease.c.visitor_id == visitor_id, lease.c.target_id == target_id)
        .order_by(lease.c.leased_at.desc(), lease.c.id.desc())
        .limit(limit)
    )
    return list(dict.fromkeys(rows.scalars()))


async def is_held_by_another(tx: Tx, site_id: int, key: str, visitor_id: int, now: datetime) -> bool:
    """Whether a visitor other than this one holds the address now."""
    found = await tx.execute(
        select(lease.c.id)
        .where(
            lease.c.site_id == site_id, lease.c.address_key == key, lease.c.visitor_id != visitor_id,
            lease.c.expires_at > now,
        )
        .limit(1)
    )  # fmt: skip
    return found.first() is not None


async def _set(tx: Tx, site_id: int, ids: Collection[int], **values: datetime) -> None:
    if ids:
        await tx.execute(update(lease).where(lease.c.site_id == site_id, lease.c.id.in_(ids)).values(values))
