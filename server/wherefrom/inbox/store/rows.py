"""A line of the history: a letter beside its match, visit and deal, as one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, select

from wherefrom.db import Tx
from wherefrom.db.keys import among
from wherefrom.inbox.store.writers import list_people
from wherefrom.inbox.tables import attachment, match, message, message_address
from wherefrom.inbox.writer import Person, Writer, address_key, choose_writer
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import deal

_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A line of the history. ``status``: sorted, unreadable (``status_reason`` says why), taken, or arriving (its
    beginning is here, the rest on its way). ``visit_kind``: visit, source (everybody who came by it), or "" where there
    is no visit (any more). ``deal_value`` is read by ``webhooks.money``. ``contact_id`` and ``send_id`` are the
    visit's; ``writer`` is the contact who wrote, as the address book has it now."""

    id: int
    arrived_at: datetime
    written_at: datetime | None
    status: str
    status_reason: str
    folder_kind: str
    from_address: str
    from_name: str
    to_address: str
    subject: str
    excerpt: str
    automatic: str
    first_of_thread: bool
    truncated: bool
    historic: bool
    size: int
    visit_id: int | None
    rule: str
    confidence: float
    marker: str
    channel: str
    source_levels: tuple[str, ...]
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    country: str | None
    region: str | None
    city: str | None
    landing_page: str
    referrer: str
    deal_number: str | None
    deal_status: str | None
    deal_value: int | None
    deal_currency: str | None
    visit_kind: str
    contact_id: int | None = None
    send_id: int | None = None
    recipients: tuple[str, ...] = ()
    attachments: int = 0
    writer: Writer | None = None


async def find_row(tx: Tx, site_id: int, message_id: int) -> HistoryRow | None:
    """One line of the history, whatever its status."""
    query = select_rows(site_id).where(message.c.id == message_id)
    rows = [read_row(row) for row in (await tx.execute(query)).all()]
    return next(iter(await with_details(tx, site_id, rows)), None)


def select_rows(site_id: int) -> Select[Any]:
    """All columns of ``read_row``, of the site's letters in whatever status."""
    return (
        select(
            message.c.id, message.c.arrived_at, message.c.written_at, message.c.status, message.c.status_reason,
            message.c.folder_kind, message.c.from_address, message.c.from_name, message.c.to_address,
            message.c.subject, func.substr(message.c.text, 1, _EXCERPT).label("excerpt"), message.c.automatic,
            message.c.first_of_thread, message.c.truncated, message.c.historic, message.c.size, match.c.visit_id,
            match.c.rule, match.c.confidence, visit.c.marker, visit.c.channel, visit.c.source_levels,
            visit.c.utm_source, visit.c.utm_medium, visit.c.utm_campaign, visit.c.utm_term, visit.c.utm_content,
            visit.c.country, visit.c.region, visit.c.city, visit.c.landing_page, visit.c.referrer,
            func.nullif(deal.c.number, "").label("deal_number"), deal.c.status.label("deal_status"),
            deal.c.value.label("deal_value"), deal.c.currency.label("deal_currency"),
            visit.c.kind.label("visit_kind"), visit.c.contact_id, visit.c.send_id,
        )
        .select_from(message)
        .outerjoin(match, and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id))
        .outerjoin(visit, and_(visit.c.site_id == match.c.site_id, visit.c.id == match.c.visit_id))
        .outerjoin(deal, and_(deal.c.site_id == message.c.site_id, deal.c.subject_id == message.c.id))
        .where(message.c.site_id == site_id)
    )  # fmt: skip


def read_row(row: Row[Any]) -> HistoryRow:
    """Without receivers, attachments and writer (``with_details``)."""
    values = dict(row._mapping)
    for name in ("rule", "marker", "channel", "landing_page", "referrer", "visit_kind"):
        values[name] = values[name] or ""
    values["confidence"] = values["confidence"] or 0.0
    values["source_levels"] = tuple(values["source_levels"] or ())
    return HistoryRow(**values)


async def with_details(tx: Tx, site_id: int, rows: Sequence[HistoryRow]) -> list[HistoryRow]:
    """Adds receivers, the number of attachments and the writer, in a few questions for the whole page."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    addresses = (
        select(message_address.c.message_id, message_address.c.address)
        .where(message_address.c.site_id == site_id, among(message_address.c.message_id, "ids"))
        .order_by(message_address.c.message_id, message_address.c.number)
    )
    receivers: dict[int, dict[str, None]] = {}
    for message_id, address in (await tx.execute(addresses, {"ids": ids})).all():
        receivers.setdefault(message_id, {})[address] = None
    counts = (
        select(attachment.c.message_id, func.count())
        .where(attachment.c.site_id == site_id, among(attachment.c.message_id, "ids"))
        .group_by(attachment.c.message_id)
    )
    files = {row[0]: row[1] for row in (await tx.execute(counts, {"ids": ids})).all()}
    contacts = {row.contact_id for row in rows if row.contact_id is not None}
    people = await list_people(tx, site_id, {row.from_address for row in rows}, contacts)
    of: dict[int | str, Person] = {one.id: one for one in people}
    of |= {one.email: one for one in people}
    return [
        replace(
            row,
            recipients=tuple(receivers.get(row.id, ())),
            attachments=files.get(row.id, 0),
            writer=choose_writer(_near(row, of), row.from_address, row.contact_id, row.send_id),
        )
        for row in rows
    ]


def _near(row: HistoryRow, people: Mapping[int | str, Person]) -> list[Person]:
    """Those who may have written this one."""
    found = (people.get(address_key(row.from_address)), people.get(row.contact_id or 0))
    return [one for one in found if one is not None]
