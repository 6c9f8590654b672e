"""What visits did with addresses: rows of the visits room, read for attribution."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, or_, select

from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import among
from wherefrom.inbox.evidence import Signal
from wherefrom.substitution.habits import SIGNS, Sign
from wherefrom.substitution.tables import lease, target
from wherefrom.visits.tables import intent

_KINDS = frozenset(SIGNS)
_MOST_VISITS = 5_000
_AT_ONCE = 500
_LIST = Prepared(
    select(intent.c.visit_id, intent.c.kind, intent.c.address, intent.c.seen_at).where(
        intent.c.site_id == bindparam("of_site"), among(intent.c.visit_id, "visits")
    )
)


async def list_signals(tx: Tx, site_id: int, visit_ids: Collection[int]) -> dict[int, list[tuple[str, Signal]]]:
    """By visit: (address in lower case, signal). Kinds that attribution does not know are left out."""
    found: dict[int, list[tuple[str, Signal]]] = {}
    newest = sorted(set(visit_ids), reverse=True)[:_MOST_VISITS]
    for start in range(0, len(newest), _AT_ONCE):
        asked = {"of_site": site_id, "visits": newest[start : start + _AT_ONCE]}
        for visit_id, kind, address, seen_at in await tx.fetch(_LIST, asked):
            if kind in _KINDS:
                found.setdefault(visit_id, []).append((address.lower(), Signal(kind, seen_at)))
    return found


async def count_strongest(
    tx: Tx, site_id: int, after: int, before: datetime, limit: int
) -> tuple[dict[Sign, int], int | None]:
    """The strongest sign of each lease of a pool that has a higher id than ``after`` and began before ``before``, at
    most ``limit`` of them: how many of each, and the last lease that is counted, None for none."""
    chosen = (
        select(lease.c.id, lease.c.visit_id, lease.c.address_key, target.c.address_key.label("target_key"))
        .join(target, and_(target.c.site_id == lease.c.site_id, target.c.id == lease.c.target_id))
        .where(
            lease.c.site_id == site_id, lease.c.id > after, lease.c.strategy == "pool", lease.c.leased_at < before
        )
        .order_by(lease.c.id)
        .limit(limit)
        .subquery()
    )  # fmt: skip
    strength = case(*((intent.c.kind == sign, n) for n, sign in enumerate(SIGNS)), else_=0)
    named = func.lower(intent.c.address)
    on = and_(
        intent.c.site_id == site_id, intent.c.visit_id == chosen.c.visit_id,
        or_(named == chosen.c.address_key, named == chosen.c.target_key),
    )  # fmt: skip
    strongest = (
        select(chosen.c.id, func.coalesce(func.max(strength), 0).label("strength"))
        .select_from(chosen.outerjoin(intent, on))
        .group_by(chosen.c.id)
        .subquery()
    )
    query = select(strongest.c.strength, func.count(), func.max(strongest.c.id)).group_by(strongest.c.strength)
    rows = (await tx.execute(query)).all()
    return {SIGNS[row[0]]: row[1] for row in rows}, max((row[2] for row in rows), default=None)
