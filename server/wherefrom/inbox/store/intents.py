"""What visits did with addresses: rows of the visits room, read for attribution."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from wherefrom.db import Tx
from wherefrom.inbox.evidence import Signal
from wherefrom.substitution.habits import SIGNS
from wherefrom.visits.tables import intent

_KINDS = frozenset(SIGNS)
_MOST_VISITS = 5_000
_AT_ONCE = 500


async def list_signals(tx: Tx, site_id: int, visit_ids: Collection[int]) -> dict[int, list[tuple[str, Signal]]]:
    """By visit: (address in lower case, signal). Kinds that attribution does not know are left out."""
    found: dict[int, list[tuple[str, Signal]]] = {}
    newest = sorted(set(visit_ids), reverse=True)[:_MOST_VISITS]
    for start in range(0, len(newest), _AT_ONCE):
        query = select(intent.c.visit_id, intent.c.kind, intent.c.address, intent.c.seen_at).where(
            intent.c.site_id == site_id, intent.c.visit_id.in_(newest[start : start + _AT_ONCE])
        )
        for visit_id, kind, address, seen_at in (await tx.execute(query)).all():
            if kind in _KINDS:
                found.setdefault(visit_id, []).append((address.lower(), Signal(kind, seen_at)))
    return found
