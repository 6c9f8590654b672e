"""A site's own traffic, as rows of other rooms have it: who asked for an address, used it, and wrote."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from sqlalchemy import and_, select

from wherefrom.clock import to_ms
from wherefrom.db import Tx
from wherefrom.inbox.tables import match, message
from wherefrom.simulation.visit import Intent, SimulatedVisit
from wherefrom.substitution.tables import lease, shortage
from wherefrom.visits.tables import intent, visit

MOST_VISITS = 50_000
_STRENGTH = {kind: n for n, kind in enumerate(("", "select", "copy", "mailto"))}
_WRITERS = ("code", "pool", "analyst")
"""Rules by which the letter itself names the visit: a reply, or a known sender, may write long after and of another
matter."""


async def list_recorded(tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime) -> list[SimulatedVisit]:
    """The visits of the period that had the target in view, by their start: the newest 50,000 at most. What they wrote
    is what their letters were matched to, so letters that found no visit are missing."""
    seen = await _list_seen(tx, site_id, target_id, begin, end)
    signs = await _list_signs(tx, site_id, begin, end)
    written = await _list_written(tx, site_id, begin)
    made = []
    nothing: tuple[Intent, datetime | None] = ("", None)
    for visit_id, (started, asked, left) in seen.items():
        kind, used = signs.get(visit_id, nothing)
        wrote = written.get(visit_id)
        made.append(
            SimulatedVisit(
                _seconds(started), _seconds(max(left, asked)), _seconds(asked), kind,
                None if used is None else _seconds(used), None if wrote is None else _seconds(max(wrote, asked)),
            )
        )  # fmt: skip
    return sorted(made, key=lambda one: one.started_at)


async def _list_seen(
    tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime
) -> dict[int, tuple[datetime, datetime, datetime]]:
    """By visit: when it began, when it first asked for the address, and its last sign of life."""
    joined = and_(visit.c.site_id == lease.c.site_id, visit.c.id == lease.c.visit_id)
    leased = await tx.execute(
        select(lease.c.visit_id, visit.c.started_at, lease.c.leased_at, lease.c.last_seen_at)
        .join(visit, joined)
        .where(
            lease.c.site_id == site_id, lease.c.target_id == target_id, lease.c.expires_at > begin,
            lease.c.leased_at >= begin, lease.c.leased_at < end, visit.c.kind == "visit",
        )
        .order_by(lease.c.expires_at.desc())
        .limit(MOST_VISITS)
    )  # fmt: skip
    joined = and_(visit.c.site_id == shortage.c.site_id, visit.c.id == shortage.c.visit_id)
    refused = await tx.execute(
        select(shortage.c.visit_id, visit.c.started_at, shortage.c.at, visit.c.last_seen_at)
        .join(visit, joined)
        .where(
            shortage.c.site_id == site_id, shortage.c.target_id == target_id, shortage.c.at >= begin,
            shortage.c.at < end,
        )
        .order_by(shortage.c.at.desc())
        .limit(MOST_VISITS)
    )  # fmt: skip
    found: dict[int, tuple[datetime, datetime, datetime]] = {}
    for visit_id, started, asked, left in (*leased, *refused):
        _, first, last = found.get(visit_id, (started, asked, left))
        found[visit_id] = (started, min(first, asked), max(last, left))
    return found


async def _list_signs(tx: Tx, site_id: int, begin: datetime, end: datetime) -> dict[int, tuple[Intent, datetime]]:
    """By visit its strongest intent, and when that was last."""
    rows = await tx.execute(
        select(intent.c.visit_id, intent.c.kind, intent.c.seen_at)
        .where(
            intent.c.site_id == site_id, intent.c.seen_at >= begin, intent.c.seen_at < end,
            intent.c.kind.in_([kind for kind in get_args(Intent) if kind]),
        )
        .order_by(intent.c.seen_at)
    )  # fmt: skip
    found: dict[int, tuple[Intent, datetime]] = {}
    for visit_id, kind, at in rows:
        if visit_id not in found or _STRENGTH[kind] >= _STRENGTH[found[visit_id][0]]:
            found[visit_id] = (kind, at)
    return found


async def _list_written(tx: Tx, site_id: int, begin: datetime) -> dict[int, datetime]:
    """By visit when its first letter was written."""
    rows = await tx.execute(
        select(match.c.visit_id, message.c.written_at, message.c.arrived_at)
        .join(match, and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id))
        .where(
            message.c.site_id == site_id, message.c.arrived_at >= begin, message.c.status == "sorted",
            match.c.visit_id.is_not(None), match.c.rule.in_(_WRITERS),
        )
        .order_by(message.c.arrived_at.desc(), message.c.id.desc())
    )  # fmt: skip
    return {visit_id: min(written or arrived, arrived) for visit_id, written, arrived in rows}


def _seconds(moment: datetime) -> float:
    return to_ms(moment) / 1000
