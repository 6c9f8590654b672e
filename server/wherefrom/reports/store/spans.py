"""Rows of ``report_span``, ``report_sum`` and ``report_state``: the sums of spans of time that are over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, delete, func, select, text, type_coerce, update

from wherefrom.clock import to_ms
from wherefrom.db import Prepared, Tx, insert
from wherefrom.db.keys import among
from wherefrom.events.late_store import Change
from wherefrom.inbox.tables import message
from wherefrom.outbound.tables import send
from wherefrom.reports.counts import Counts, Folded, Key
from wherefrom.reports.cover import Span
from wherefrom.reports.tables import report_span, report_state, report_sum
from wherefrom.visits.tables import visit

_ADD_SUM = Prepared(report_sum.insert())
_COUNTS = ("visits", "exposures", "intents", "letters", "deals", "amount")


async def hold_still(tx: Tx) -> None:
    """Lets all statements of a transaction that has just begun see the same moment, as on SQLite they do anyhow."""
    if tx.dialect.name == "postgresql":
        await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


# ------------------------------------------------------------------------------------------------------- what there is


async def list_spans(tx: Tx, site_id: int, begin: datetime, end: datetime) -> list[Span]:
    """Spans that touch the time from ``begin`` to ``end``, by their begin."""
    rows = await tx.execute(
        select(report_span.c.begin_at, report_span.c.end_at, report_span.c.stale)
        .where(report_span.c.site_id == site_id, report_span.c.begin_at < end, report_span.c.end_at > begin)
        .order_by(report_span.c.begin_at)
    )
    return [Span(*row) for row in rows]


async def list_stale(tx: Tx, site_id: int, limit: int) -> list[Span]:
    """The newest spans whose sums are out of date."""
    rows = await tx.execute(
        select(report_span.c.begin_at, report_span.c.end_at)
        .where(report_span.c.site_id == site_id, report_span.c.stale)
        .order_by(report_span.c.begin_at.desc())
        .limit(limit)
    )
    return [Span(begin, end, stale=True) for begin, end in rows]


async def find_first(tx: Tx, site_id: int) -> datetime | None:
    """When the site's oldest visit came, or letter came or went; None when it has none."""
    began = await tx.scalar(select(func.min(visit.c.started_at)).where(visit.c.site_id == site_id))
    arrived = await tx.scalar(select(func.min(message.c.arrived_at)).where(message.c.site_id == site_id))
    handed_in = await tx.scalar(select(func.min(send.c.created_at)).where(send.c.site_id == site_id))
    return min((one for one in (began, arrived, handed_in) if one is not None), default=None)


async def count_settled(tx: Tx, site_id: int) -> int:
    """How often changes of this site were taken note of."""
    return await tx.scalar(select(report_state.c.settled).where(report_state.c.site_id == site_id)) or 0


async def sum_values(tx: Tx, site_id: int, dimension: str, spans: Sequence[Span]) -> Folded:
    """The counts of these spans together, by value and currency."""
    columns = [func.sum(report_sum.c[name]) for name in _COUNTS]
    query = select(report_sum.c.value, report_sum.c.currency, *columns).where(_of(site_id, dimension))
    rows = await tx.execute(query.group_by(report_sum.c.value, report_sum.c.currency), _begins(spans))
    return {(row[0], row[1]): Counts(*map(int, row[2:])) for row in rows}


async def sum_spans(tx: Tx, site_id: int, dimension: str, spans: Sequence[Span]) -> dict[datetime, Counts]:
    """The counts of each of these spans, by its begin, all values together."""
    columns = [func.sum(report_sum.c[name]) for name in _COUNTS]
    query = select(report_sum.c.begin_at, *columns).where(_of(site_id, dimension)).group_by(report_sum.c.begin_at)
    return {row[0]: Counts(*map(int, row[1:])) for row in await tx.execute(query, _begins(spans))}


def _of(site_id: int, dimension: str) -> Any:
    begin = type_coerce(report_sum.c.begin_at, BigInteger)
    return (report_sum.c.site_id == site_id) & (report_sum.c.dimension == dimension) & among(begin, "begins")


def _begins(spans: Iterable[Span]) -> dict[str, list[int]]:
    return {"begins": [to_ms(one.begin) for one in spans]}


# ------------------------------------------------------------------------------------------------------- what changed


async def list_changed(tx: Tx, site_id: int, changes: Sequence[Change]) -> list[Span]:
    """When what has changed happened: moments and stretches of time, their ends included."""
    subjects = [one.subject_id for one in changes if one.subject_id is not None]
    found = [Span(one.begin, one.end) for one in changes if one.begin is not None and one.end is not None]
    if subjects:
        mine = message.c.site_id == site_id, among(message.c.id, "subjects")
        rows = await tx.scalars(select(message.c.arrived_at).where(*mine).params(subjects=subjects))
        found += [Span(at, at) for at in rows]
    return found


async def mark_stale(tx: Tx, site_id: int, spans: Iterable[Span]) -> None:
    """The sums of these spans are to be made anew."""
    begin = type_coerce(report_span.c.begin_at, BigInteger)
    query = update(report_span).where(report_span.c.site_id == site_id, among(begin, "begins")).values(stale=True)
    await tx.execute(query, _begins(spans))


async def mark_settled(tx: Tx, site_id: int) -> None:
    """Changes were taken note of once more."""
    new = insert(tx, report_state).values(site_id=site_id, settled=1)
    await tx.execute(
        new.on_conflict_do_update(index_elements=["site_id"], set_={"settled": report_state.c.settled + 1})
    )


# ------------------------------------------------------------------------------------------------------- new sums


async def replace_sums(tx: Tx, site_id: int, span: Span, folded: Mapping[str, Folded]) -> None:
    """Writes the sums of a span, by dimension, in place of those of spans that lie in it."""
    for table in (report_sum, report_span):
        within = and_(table.c.site_id == site_id, table.c.begin_at >= span.begin, table.c.begin_at < span.end)
        if table is report_sum:  # its key has the dimension before the time
            within &= report_sum.c.dimension.in_(list(folded))
        await tx.execute(delete(table).where(within))
    values = {"site_id": site_id, "begin_at": span.begin, "end_at": span.end, "stale": False}
    await tx.execute(report_span.insert().values(values))
    rows = [
        _row(site_id, dimension, span.begin, number, key, counts)
        for dimension, found in folded.items()
        for number, (key, counts) in enumerate(found.items(), start=1)
    ]
    await tx.append(_ADD_SUM, rows)


def _row(site_id: int, dimension: str, begin: datetime, number: int, key: Key, counts: Counts) -> dict[str, Any]:
    row = {"site_id": site_id, "dimension": dimension, "begin_at": begin, "number": number}
    return row | {"value": key[0], "currency": key[1]} | {name: getattr(counts, name) for name in _COUNTS}
