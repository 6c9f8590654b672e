"""Which substitutes are proved, and whose turn it is to be asked for a proof: columns of ``target`` and ``substitute``.

A pool's addresses are proved one by one (``substitute.status`` leaves "unverified"), the other strategies by one code
for their pattern (``target.proof``). ``probe_at`` is when the next probe goes; whoever claims a row moves it on, so two
processes never ask for the same proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from wherefrom.db import Tx
from wherefrom.substitution.lease import SubstituteStatus
from wherefrom.substitution.store import substitutes
from wherefrom.substitution.store.targets import TARGET_COLUMNS, target_value
from wherefrom.substitution.tables import substitute, target
from wherefrom.substitution.target import Target

_UNVERIFIED, _RETIRED = SubstituteStatus.UNVERIFIED.value, SubstituteStatus.RETIRED.value
_UNPROVED = ("waiting", "lost")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What wants a proof: an address of a pool, or (``substitute_id`` None) the pattern of ``target``. ``losses``:
    probes in a row that did not come back. ``lent``: it may be lent at present."""

    target: Target
    substitute_id: int | None
    address: str
    losses: int
    lent: bool

    @property
    def site_id(self) -> int:
        return self.target.site_id


async def is_any_due(tx: Tx, now: datetime) -> bool:
    """Whether any proof is to be asked for, on any site."""
    for query in (_due_addresses(now), _due_patterns(now)):
        if (await tx.execute(query.limit(1))).first() is not None:
            return True
    return False


async def claim_due(tx: Tx, now: datetime, limit: int) -> list[Candidate]:
    """Up to ``limit`` whose turn it is, the longest waiting first, on all sites. Nobody else gets them before ``tx``
    ends; ``set_next`` must move them on."""
    found = [_address(row) for row in await tx.execute(_claimed(_due_addresses(now), substitute, limit))]
    left = limit - len(found)
    if left > 0:
        found += [_pattern(row) for row in await tx.execute(_claimed(_due_patterns(now), target, left))]
    return found


async def claim_target(tx: Tx, site_id: int, target_id: int, limit: int) -> list[Candidate]:
    """Of one target what may be asked for a proof now: its pattern, or up to ``limit`` of its pool, the unproved first,
    then those proved longest ago."""
    ordered = (
        _addresses().where(target.c.site_id == site_id, target.c.id == target_id)
        .order_by(substitute.c.status != _UNVERIFIED, substitute.c.probe_at, substitute.c.id)
        .limit(limit).with_for_update(skip_locked=True, of=substitute)
    )  # fmt: skip
    found = [_address(row) for row in await tx.execute(ordered)]
    if found:
        return found
    pattern = _patterns().where(target.c.site_id == site_id, target.c.id == target_id)
    return [_pattern(row) for row in await tx.execute(pattern.with_for_update(skip_locked=True))]


async def set_next(
    tx: Tx, site_id: int, target_id: int, substitute_id: int | None, probe_at: datetime, losses: int | None = None
) -> None:
    """When the next probe goes, if nothing is heard before; ``losses`` None leaves them as they are."""
    values: dict[str, Any] = {"probe_at": probe_at}
    if losses is not None:
        values["probe_losses"] = losses
    await _set(tx, site_id, target_id, substitute_id, values)


async def mark_proved(
    tx: Tx, site_id: int, target_id: int, substitute_id: int | None, now: datetime, next_at: datetime
) -> None:
    """A probe came back: the address, or the target's pattern, may be lent. What is retired stays so."""
    await _set(tx, site_id, target_id, substitute_id, {"probe_at": next_at, "probe_losses": 0})
    if substitute_id is None:
        await _set_proof(tx, site_id, target_id, "proved", ("none", *_UNPROVED))
    elif await _is_unverified(tx, site_id, substitute_id):
        await substitutes.mark_status(tx, site_id, substitute_id, SubstituteStatus.FREE, now)


async def mark_lost(tx: Tx, one: Candidate, now: datetime) -> None:
    """Mail to it does not arrive any more: it is lent no longer. Leases that are out stay what they are."""
    if one.substitute_id is None:
        await _set_proof(tx, one.site_id, one.target.id, "lost", ("none", "proved", "waiting"))
    else:
        await substitutes.mark_status(tx, one.site_id, one.substitute_id, SubstituteStatus.UNVERIFIED, now)


async def is_any_unproved(tx: Tx) -> bool:
    """Whether anything is kept back for want of a proof, on any site."""
    for query in (
        select(target.c.id).where(target.c.proof.in_(_UNPROVED)),
        select(substitute.c.id).where(substitute.c.status == _UNVERIFIED),
    ):
        if (await tx.execute(query.limit(1))).first() is not None:
            return True
    return False


async def waive_proofs(tx: Tx, now: datetime) -> None:
    """No probes can be sent (any more): all that waits for one is lent unproved, on all sites."""
    await tx.execute(update(target).where(target.c.proof.in_(_UNPROVED)).values(proof="none"))
    await tx.execute(
        update(substitute)
        .where(substitute.c.status == _UNVERIFIED)
        .values(status=SubstituteStatus.FREE.value, idle_since=now)
    )


def _addresses() -> Any:
    return (
        select(
            *TARGET_COLUMNS, substitute.c.id.label("substitute_id"), substitute.c.address.label("pool_address"),
            substitute.c.status, substitute.c.probe_losses.label("losses"),
        )
        .join(substitute, (substitute.c.site_id == target.c.site_id) & (substitute.c.target_id == target.c.id))
        .where(target.c.strategy == "pool", target.c.enabled.is_(True), substitute.c.status != _RETIRED)
    )  # fmt: skip


def _patterns() -> Any:
    return select(*TARGET_COLUMNS, target.c.probe_losses.label("losses")).where(
        target.c.strategy != "pool", target.c.enabled.is_(True)
    )


def _due_addresses(now: datetime) -> Any:
    return _addresses().where(_is_due(substitute.c.probe_at, now))


def _due_patterns(now: datetime) -> Any:
    return _patterns().where(_is_due(target.c.probe_at, now))


def _is_due(column: ColumnElement[Any], now: datetime) -> ColumnElement[bool]:
    return or_(column.is_(None), column <= now)


def _claimed(query: Any, table: Any, limit: int) -> Any:
    waiting_longest = (table.c.probe_at.is_not(None), table.c.probe_at, table.c.site_id, table.c.id)
    return query.order_by(*waiting_longest).limit(limit).with_for_update(skip_locked=True, of=table)


def _address(row: Any) -> Candidate:
    lent = row.status != _UNVERIFIED
    return Candidate(target_value(row[: len(TARGET_COLUMNS)]), row.substitute_id, row.pool_address, row.losses, lent)


def _pattern(row: Any) -> Candidate:
    owner = target_value(row[: len(TARGET_COLUMNS)])
    return Candidate(owner, None, owner.address, row.losses, owner.proof not in _UNPROVED)


async def _is_unverified(tx: Tx, site_id: int, substitute_id: int) -> bool:
    query = select(substitute.c.status).where(substitute.c.site_id == site_id, substitute.c.id == substitute_id)
    return (await tx.execute(query)).scalar_one_or_none() == _UNVERIFIED


async def _set_proof(tx: Tx, site_id: int, target_id: int, proof: str, from_: Sequence[str]) -> None:
    await tx.execute(
        update(target)
        .where(target.c.site_id == site_id, target.c.id == target_id, target.c.proof.in_(from_))
        .values(proof=proof)
    )


async def _set(tx: Tx, site_id: int, target_id: int, substitute_id: int | None, values: dict[str, Any]) -> None:
    table, id_ = (target, target_id) if substitute_id is None else (substitute, substitute_id)
    await tx.execute(update(table).where(table.c.site_id == site_id, table.c.id == id_).values(values))
