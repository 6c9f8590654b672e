"""Rows of ``probe``: letters sent to our own substitutes.

sent ─▶ returned            refused: the mail server did not take the address
     ─▶ lost ─▶ returned    unsent: no letter could go out at all, which says nothing of the address
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, delete, func, select, update

from wherefrom.db import Tx
from wherefrom.db.keys import any_of
from wherefrom.probes.tables import probe

ProbeStatus = Literal["sent", "returned", "refused", "unsent", "lost"]


class Probe(Struct, frozen=True):
    """``substitute_id`` None: ``address`` is a code made for this probe. ``detail`` in words, for people."""

    site_id: int
    id: int
    target_id: int
    substitute_id: int | None
    address: str
    status: ProbeStatus
    detail: str
    sent_at: datetime
    returned_at: datetime | None
    mailbox_id: int | None


_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(probe.c[name] for name in Probe.__struct_fields__)


async def append_probe(tx: Tx, new: Probe) -> None:
    """Writes a probe before it is sent: it may be back before the mail server has said goodbye."""
    await tx.execute(probe.insert().values({name: getattr(new, name) for name in Probe.__struct_fields__}))


async def find_probe(tx: Tx, site_id: int, probe_id: int) -> Probe | None:
    """One probe of the site."""
    row = (await tx.execute(select(*_COLUMNS).where(probe.c.site_id == site_id, probe.c.id == probe_id))).first()
    return None if row is None else Probe(*row)


async def list_probes(tx: Tx, site_id: int, target_id: int, limit: int, before: int | None = None) -> list[Probe]:
    """A target's probes, the newest first, those with a lower id than ``before``."""
    query = select(*_COLUMNS).where(probe.c.site_id == site_id, probe.c.target_id == target_id)
    if before is not None:
        query = query.where(probe.c.id < before)
    return [Probe(*row) for row in await tx.execute(query.order_by(probe.c.id.desc()).limit(limit))]


async def list_by_id(tx: Tx, site_id: int, ids: Collection[int]) -> list[Probe]:
    """These probes of the site."""
    rows = await tx.execute(select(*_COLUMNS).where(probe.c.site_id == site_id, probe.c.id.in_(ids)))
    return [Probe(*row) for row in rows]


async def find_latest(tx: Tx, site_id: int, target_id: int, substitute_id: int | None) -> Probe | None:
    """The latest probe to one address of a pool, or to a target's pattern."""
    ours = _of(site_id, target_id, substitute_id)
    row = (await tx.execute(select(*_COLUMNS).where(ours).order_by(probe.c.id.desc()).limit(1))).first()
    return None if row is None else Probe(*row)


async def find_silence(tx: Tx, last: Probe) -> datetime:
    """Since when nothing comes back from the address of ``last``, its latest probe: when the first of those was sent
    that were not answered."""
    ours = _of(last.site_id, last.target_id, last.substitute_id)
    answered = select(func.max(probe.c.id)).where(ours, probe.c.status == "returned").scalar_subquery()
    first = select(func.min(probe.c.sent_at)).where(ours, probe.c.id > func.coalesce(answered, 0))
    since: datetime | None = (await tx.execute(first)).scalar_one()
    return since or last.sent_at


def _of(site_id: int, target_id: int, substitute_id: int | None) -> ColumnElement[bool]:
    which = probe.c.substitute_id.is_(None) if substitute_id is None else probe.c.substitute_id == substitute_id
    return and_(probe.c.site_id == site_id, probe.c.target_id == target_id, which)


async def is_way_open(tx: Tx, site_id: int, since: datetime) -> bool:
    """Whether any probe of the site that was sent from ``since`` on has come back: then mail goes out and is read."""
    query = select(probe.c.id).where(probe.c.site_id == site_id, probe.c.status == "returned", probe.c.sent_at >= since)
    return (await tx.execute(query.limit(1))).first() is not None


async def mark_unreturned(tx: Tx, site_id: int, probe_id: int, status: ProbeStatus, detail: str) -> None:
    """Refused, unsent or lost, unless it came back meanwhile."""
    await tx.execute(
        update(probe)
        .where(probe.c.site_id == site_id, probe.c.id == probe_id, probe.c.status != "returned")
        .values(status=status, detail=detail)
    )


async def mark_returned(
    tx: Tx, site_id: int, probe_id: int, now: datetime, mailbox_id: int | None, detail: str
) -> bool:
    """It came back. False when that was known already."""
    done = await tx.execute(
        update(probe)
        .where(probe.c.site_id == site_id, probe.c.id == probe_id, probe.c.status != "returned")
        .values(status="returned", returned_at=now, mailbox_id=mailbox_id, detail=detail)
    )
    return bool(done.rowcount)


async def forget_probes(tx: Tx, before: datetime, limit: int) -> int:
    """Removes probes sent before ``before``, on all sites, but for the latest of each address; how many."""
    latest = select(func.max(probe.c.id)).group_by(probe.c.site_id, probe.c.target_id, probe.c.address)
    old = select(probe.c.site_id, probe.c.id).where(probe.c.sent_at < before, probe.c.id.not_in(latest)).limit(limit)
    keys = [(row.site_id, row.id) for row in await tx.execute(old)]
    done = await tx.execute(delete(probe).where(any_of(probe.c.site_id, probe.c.id, keys)))
    return done.rowcount
