"""Rows of ``intent_hour``: how many visits first clicked, copied or selected an address in each hour that is over, and
of how many of them there is a letter. ``reports.intents`` counts them; whoever changes what an hour has forgets it
here, in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, func, literal_column, select, type_coerce, update

from wherefrom.clock import from_ms
from wherefrom.db import Prepared, Tx
from wherefrom.db.insert import InsertUnlessThere
from wherefrom.db.keys import among
from wherefrom.visits.tables import DEEDS, intent, intent_hour

HOUR_MS = 3_600_000

Deeds = dict[str, tuple[int, int]]
"""By what was done: visits, and those of them of which there is a letter. Kinds with none are left out."""

_COLUMNS = tuple(intent_hour.c[f"{kind}_{what}"] for kind in DEEDS for what in ("visits", "written"))
_MINE = intent_hour.c.site_id == bindparam("of_site")
_ADD = Prepared(InsertUnlessThere(intent_hour, "site_id", "begin_at"))
_FORGET = Prepared(delete(intent_hour).where(_MINE, among(type_coerce(intent_hour.c.begin_at, BigInteger), "hours")))
_SET = Prepared(
    update(intent_hour)
    .where(
        _MINE, intent_hour.c.begin_at == bindparam("of_hour"), intent_hour.c.begun_at == bindparam("of_begun"),
        intent_hour.c.counted.is_(False),
    )
    .values({"counted": True} | {one.name: bindparam(f"new_{one.name}") for one in _COLUMNS})
)  # fmt: skip
_hour = (type_coerce(intent.c.seen_at, BigInteger) // HOUR_MS).label("hour")
_FIND_HOURS = Prepared(
    select(_hour)
    .where(
        intent.c.site_id == bindparam("of_site"), among(intent.c.visit_id, "visits"),
        intent.c.kind.in_([literal_column(f"'{one}'") for one in DEEDS]),
    )
    .distinct()
    .order_by("hour")
)  # fmt: skip


class IntentHour(Struct, frozen=True):
    """``begun_at``: when somebody began to count it; not before ``counted`` it says anything."""

    begin: datetime
    begun_at: datetime
    counted: bool


async def find_first(tx: Tx, site_id: int) -> datetime | None:
    """When anybody first clicked, copied or selected an address; None for never."""
    found = []
    for kind in DEEDS:
        of_kind = intent.c.site_id == site_id, intent.c.kind == literal_column(f"'{kind}'")
        found.append(await tx.scalar(select(func.min(intent.c.seen_at)).where(*of_kind)))
    return min((one for one in found if one is not None), default=None)


async def list_hours(tx: Tx, site_id: int, begin: datetime, end: datetime) -> list[IntentHour]:
    """Those that begin from ``begin`` up to, not including, ``end``."""
    columns = intent_hour.c.begin_at, intent_hour.c.begun_at, intent_hour.c.counted
    rows = await tx.execute(select(*columns).where(*_between(site_id, begin, end)).order_by(intent_hour.c.begin_at))
    return [IntentHour(*row) for row in rows]


async def count_counted(tx: Tx, site_id: int, begin: datetime, end: datetime) -> int:
    """How many of these are counted."""
    mine = _between(site_id, begin, end)
    return await tx.scalar(select(func.count()).select_from(intent_hour).where(*mine, intent_hour.c.counted)) or 0


async def sum_hours(tx: Tx, site_id: int, begin: datetime, end: datetime) -> Deeds:
    """The counts of all that are counted together."""
    query = select(*(func.sum(one) for one in _COLUMNS)).where(*_between(site_id, begin, end), intent_hour.c.counted)
    sums = [int(one or 0) for one in (await tx.execute(query)).one()]
    return {kind: (visits, written) for kind, visits, written in zip(DEEDS, sums[::2], sums[1::2], strict=True)}


async def begin_hours(tx: Tx, site_id: int, begins: Iterable[datetime], now: datetime) -> None:
    """These, of which there are no rows, are about to be counted."""
    zeros = {one.name: 0 for one in _COLUMNS}
    row = {"site_id": site_id, "begun_at": now, "counted": False, **zeros}
    await tx.append(_ADD, [{**row, "begin_at": at} for at in begins])


async def settle_hours(tx: Tx, site_id: int, hours: Sequence[IntentHour], found: Mapping[datetime, Deeds]) -> None:
    """What was counted of each. One that was forgotten meanwhile stays so."""
    changes = []
    for one in hours:
        values: dict[str, object] = {"of_site": site_id, "of_hour": one.begin, "of_begun": one.begun_at}
        for kind in DEEDS:
            visits, written = found.get(one.begin, {}).get(kind, (0, 0))
            values |= {f"new_{kind}_visits": visits, f"new_{kind}_written": written}
        changes.append(values)
    await tx.change_each(_SET, changes)


async def forget_before(tx: Tx, site_id: int, before: datetime) -> None:
    """Hours that nobody asks for any more."""
    await tx.execute(delete(intent_hour).where(intent_hour.c.site_id == site_id, intent_hour.c.begin_at < before))


async def forget_hours_of(tx: Tx, site_id: int, visit_ids: Collection[int]) -> None:
    """These visits are about to go, or have a letter now, or none any more: the hours of what they did are counted
    anew. In the order of time, so that two transactions that forget the same hours never wait for each other."""
    if not visit_ids:
        return
    rows = await tx.fetch(_FIND_HOURS, {"of_site": site_id, "visits": sorted(visit_ids)})
    if rows:
        await tx.change(_FORGET, {"of_site": site_id, "hours": [row[0] * HOUR_MS for row in rows]})


def hour_of(number: int) -> datetime:
    """When the hour of this number since 1970 began."""
    return from_ms(number * HOUR_MS)


def _between(site_id: int, begin: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    return intent_hour.c.site_id == site_id, intent_hour.c.begin_at >= begin, intent_hour.c.begin_at < end
