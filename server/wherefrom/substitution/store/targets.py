"""Rows of ``target``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, bindparam, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import among
from wherefrom.errors import Conflict, NotFound
from wherefrom.substitution.tables import target
from wherefrom.substitution.target import Target

TARGET_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(target.c[name] for name in Target.__slots__)

_LIST = Prepared(select(*TARGET_COLUMNS).where(target.c.site_id == bindparam("of_site")).order_by(target.c.id))
_LIST_ENABLED = Prepared(
    select(*TARGET_COLUMNS)
    .where(
        target.c.site_id == bindparam("of_site"), among(target.c.address_key, "keys"), target.c.enabled.is_(True),
        or_(target.c.proof == "none", target.c.proof == "proved"),
    )
    .order_by(target.c.id)
)  # fmt: skip


def target_value(row: Row[*tuple[Any, ...]] | tuple[Any, ...]) -> Target:
    """The target in a row of ``TARGET_COLUMNS``."""
    return Target(*row)


async def list_targets(tx: Tx, site_id: int) -> list[Target]:
    """All targets of the site, the disabled ones too: what they once showed still arrives. Oldest first."""

    async def ask() -> tuple[Target, ...]:
        return tuple(target_value(row) for row in await tx.fetch(_LIST, {"of_site": site_id}))

    return list(await tx.recall(target, ("all", site_id), ask))


async def list_pool_sites(tx: Tx) -> list[int]:
    """The sites with a target of strategy pool."""
    query = select(target.c.site_id).where(target.c.strategy == "pool").distinct().order_by(target.c.site_id)
    return list(await tx.scalars(query))


async def list_enabled_targets(tx: Tx, site_id: int, keys: Collection[str]) -> list[Target]:
    """Those of the site whose address is among ``keys`` (lower case) and that are to be substituted: enabled, and not
    kept back for want of a proof."""
    wanted = tuple(keys)

    async def ask() -> list[Target]:
        rows = await tx.fetch(_LIST_ENABLED, {"of_site": site_id, "keys": wanted})
        return [target_value(row) for row in rows]

    return await tx.recall(target, ("enabled", site_id, wanted), ask, may_be_old=True) if wanted else []


async def get_target(tx: Tx, site_id: int, target_id: int, *, to_change: bool = False) -> Target:
    """One target of the site; NotFound. ``to_change`` keeps other writers off it until the end of the transaction."""
    query = select(*TARGET_COLUMNS).where(target.c.site_id == site_id, target.c.id == target_id)
    row = (await tx.execute(query.with_for_update() if to_change else query)).first()
    if row is None:
        raise NotFound(f"the site has no target {target_id}", hint="“wherefrom target list SITE” shows its targets")
    return target_value(row)


async def find_target(tx: Tx, site_id: int, key: str) -> Target | None:
    """The target with this address (lower case)."""
    query = select(*TARGET_COLUMNS).where(target.c.site_id == site_id, target.c.address_key == key)
    row = (await tx.execute(query)).first()
    return None if row is None else target_value(row)


async def count_targets(tx: Tx, site_id: int) -> int:
    """How many targets the site has."""
    query = select(func.count()).select_from(target).where(target.c.site_id == site_id)
    return (await tx.execute(query)).scalar_one()


async def append_target(tx: Tx, new: Target) -> None:
    """Writes a new target; Conflict when the site has one with this address."""
    try:
        await tx.execute(target.insert().values(**asdict(new), address_key=new.key))
    except IntegrityError:
        raise target_taken(new.address) from None


async def replace_target(tx: Tx, changed: Target) -> None:
    """Writes what an owner may change; the counts are left to ``count_empty``."""
    values = {
        name: getattr(changed, name)
        for name in ("strategy", "enabled", "separator", "code_form", "domain", "when_empty", "proof")
    }
    if changed.proof == "waiting":
        values |= {"probe_at": None, "probe_losses": 0}
    await tx.execute(
        update(target).where(target.c.site_id == changed.site_id, target.c.id == changed.id).values(values)
    )


async def count_empty(tx: Tx, one: Target, what: Literal["refused", "shared"]) -> None:
    """Its pool had nothing free once more: the real address was shown, or a held one was lent.

    Never waits: on PostgreSQL a count that comes while another process holds the row is let go, because two group
    commits that count for two empty pools would each wait for the other (seen as deadlocks, with two processes). So
    with several processes the figure is "at least".
    """
    mine = (
        select(target.c.id)
        .where(target.c.site_id == one.site_id, target.c.id == one.id)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    column = target.c[what]
    await tx.execute(
        update(target).where(target.c.site_id == one.site_id, target.c.id == mine).values({column: column + 1})
    )


def target_taken(address: str) -> Conflict:
    """The error for a second target with one address."""
    return Conflict(
        f"the site has a target {address} already",
        hint="change that one (PATCH), or enable it if it is disabled",
        field="address",
    )
