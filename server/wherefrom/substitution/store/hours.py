"""Rows of ``pool_hour``: how many addresses of a pool were out, and wanted, in each hour that is over (see
``substitution.hours``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from wherefrom.db import Prepared, Tx
from wherefrom.db.insert import InsertUnlessThere
from wherefrom.substitution.sizing import HOUR
from wherefrom.substitution.tables import pool_hour

_MINE = pool_hour.c.site_id == bindparam("of_site"), pool_hour.c.target_id == bindparam("of_target")
_ADD = Prepared(InsertUnlessThere(pool_hour, "site_id", "target_id", "begin_at"))
_FORGET = Prepared(
    delete(pool_hour).where(*_MINE, pool_hour.c.begin_at > bindparam("after"), pool_hour.c.begin_at < bindparam("end"))
)
_SET = Prepared(
    update(pool_hour)
    .where(
        *_MINE, pool_hour.c.begin_at == bindparam("of_hour"), pool_hour.c.begun_at == bindparam("of_begun"),
        pool_hour.c.counted.is_(False),
    )
    .values(counted=True, peak=bindparam("new_peak"), wanted=bindparam("new_wanted"))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PoolHour:
    """``hold_minutes``: by which setting ``wanted`` was counted. ``begun_at``: when somebody began to; not before
    ``counted`` the peaks mean anything."""

    begin: datetime
    hold_minutes: int
    begun_at: datetime
    counted: bool
    peak: int
    wanted: int


async def list_hours(tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime) -> list[PoolHour]:
    """Those that begin from ``begin`` up to, not including, ``end``."""
    columns = (
        pool_hour.c.begin_at, pool_hour.c.hold_minutes, pool_hour.c.begun_at, pool_hour.c.counted, pool_hour.c.peak,
        pool_hour.c.wanted,
    )  # fmt: skip
    query = select(*columns).where(
        pool_hour.c.site_id == site_id, pool_hour.c.target_id == target_id, pool_hour.c.begin_at >= begin,
        pool_hour.c.begin_at < end,
    )  # fmt: skip
    return [PoolHour(*row) for row in await tx.execute(query.order_by(pool_hour.c.begin_at))]


async def begin_hours(
    tx: Tx, site_id: int, target_id: int, begins: Iterable[datetime], hold_minutes: int, now: datetime
) -> None:
    """These are about to be counted, anew where they were."""
    rows = []
    for at in begins:
        await forget_hours(tx, site_id, target_id, at, at + HOUR)
        row = {"site_id": site_id, "target_id": target_id, "begin_at": at, "hold_minutes": hold_minutes}
        rows.append({**row, "begun_at": now, "counted": False, "peak": 0, "wanted": 0})
    await tx.append(_ADD, rows)


async def settle_hours(
    tx: Tx, site_id: int, target_id: int, hours: Sequence[PoolHour], found: Mapping[datetime, tuple[int, int]]
) -> None:
    """What was counted of each: peak and wanted. One that was forgotten or begun anew meanwhile stays as it is."""
    for one in hours:
        peak, wanted = found[one.begin]
        which = {"of_site": site_id, "of_target": target_id, "of_hour": one.begin, "of_begun": one.begun_at}
        await tx.change(_SET, {**which, "new_peak": peak, "new_wanted": wanted})


async def forget_hours(tx: Tx, site_id: int, target_id: int, begin: datetime, end: datetime) -> None:
    """Something counts otherwise from ``begin`` to ``end``: the hours that have a part in this are counted anew."""
    which = {"of_site": site_id, "of_target": target_id, "after": begin - HOUR, "end": end}
    await tx.change(_FORGET, which)
