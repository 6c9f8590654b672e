"""Letters as Roistat's pull API lists them: any of its filters, any order, by offset. SQL only; the words of the API
are in ``inbox/roistat.py``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select

from wherefrom.db import Tx
from wherefrom.inbox.tables import match, message
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import deal

Field = Literal["id", "date", "email_from", "email_to", "subject", "body", "visit_id", "order_id", "marker"]
Sign = Literal["=", "!=", ">", ">=", "<", "<=", "like", "in"]


class Condition(Struct, frozen=True):
    """``value`` of the column's own type; a list for "in". "like" takes % and _ as SQL does, in any case, and
    without a % looks for the text anywhere."""

    field: Field
    sign: Sign
    value: Any


class EmailRow(Struct, frozen=True):
    """One letter with its visit and deal; ``visit`` holds that row's columns, None where there is none."""

    id: int
    date: datetime
    email_from: str
    email_to: str
    subject: str
    body: str
    visit_id: int | None
    order_id: str | None
    order_status: str | None
    order_value: int | None
    order_currency: str | None
    order_at: datetime | None
    visit: dict[str, Any] | None


_COLUMNS: dict[str, ColumnElement[Any]] = {
    "id": message.c.id,
    "date": message.c.arrived_at,
    "email_from": message.c.from_address,
    "email_to": message.c.to_address,
    "subject": message.c.subject,
    "body": message.c.text,
    "visit_id": match.c.visit_id,
    "order_id": func.nullif(deal.c.number, ""),
    "marker": visit.c.marker,
}
_VISIT = (
    "first_visit", "started_at", "landing_page", "referrer", "domain", "marker", "source_levels", "utm_source",
    "utm_medium", "utm_campaign", "utm_term", "utm_content", "country", "country_code", "region", "city", "ip",
    "google_client_id", "ym_uid", "params", "kind",
)  # fmt: skip


async def list_emails(
    tx: Tx, site_id: int, conditions: Sequence[Condition], order: Sequence[tuple[Field, bool]], limit: int, offset: int
) -> tuple[list[EmailRow], int]:
    """The letters that meet all ``conditions``, in ``order`` (a field, and whether it falls); how many there are."""
    where = [_meets(one) for one in conditions]
    total = (await tx.execute(_letters(site_id, [func.count()]).where(*where))).scalar_one()
    columns = [_COLUMNS[name].label(name) for name in _COLUMNS if name != "marker"]
    columns += [deal.c.status.label("order_status"), deal.c.value.label("order_value")]
    columns += [deal.c.currency.label("order_currency"), deal.c.recorded_at.label("order_at")]
    columns += [visit.c[name].label(f"visit_{name}") for name in _VISIT]
    query = _letters(site_id, columns).where(*where)
    for field, falls in order:
        query = query.order_by(_COLUMNS[field].desc() if falls else _COLUMNS[field].asc())
    rows = await tx.execute(query.order_by(message.c.id.desc()).limit(limit).offset(offset))
    return [_row(dict(row._mapping)) for row in rows], total


def _letters(site_id: int, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(message)
        .outerjoin(match, and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id))
        .outerjoin(visit, and_(visit.c.site_id == match.c.site_id, visit.c.id == match.c.visit_id))
        .outerjoin(deal, and_(deal.c.site_id == message.c.site_id, deal.c.subject_id == message.c.id))
        .where(message.c.site_id == site_id, message.c.status == literal_column("'sorted'"))
    )


def _meets(one: Condition) -> ColumnElement[bool]:
    column = _COLUMNS[one.field]
    if one.sign == "in":
        return column.in_(one.value)
    if one.sign == "like":
        return column.ilike(one.value if "%" in one.value else f"%{one.value}%")
    if one.value is None:
        return column.is_(None) if one.sign == "=" else column.is_not(None)
    signs = {"=": column == one.value, "!=": column.is_distinct_from(one.value), ">": column > one.value,
             ">=": column >= one.value, "<": column < one.value, "<=": column <= one.value}  # fmt: skip
    found: ColumnElement[bool] = signs[one.sign]
    return found


def _row(values: dict[str, Any]) -> EmailRow:
    of_visit = {name: values.pop(f"visit_{name}") for name in _VISIT}
    known = of_visit["kind"] is not None
    return EmailRow(**values, visit=of_visit if known else None)
