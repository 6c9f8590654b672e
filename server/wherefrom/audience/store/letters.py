"""Letters that came from a contact's address, or from a visit that a letter to it led to, with their matches. Reads the
inbox's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select

from wherefrom.contacts.tables import contact
from wherefrom.db import Tx
from wherefrom.inbox.tables import attachment, match, message

_ITS_MATCH = and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id)
_LETTERS = select(
    message.c.id, message.c.arrived_at.label("at"), message.c.subject, message.c.to_address, message.c.from_name,
    message.c.text, match.c.visit_id, match.c.rule, match.c.confidence,
).select_from(message)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """``rule`` gave the visit; ``visit_id`` None: it is not known."""

    id: int
    at: datetime
    subject: str
    to_address: str
    from_name: str
    text: str
    visit_id: int | None
    rule: str
    confidence: float


async def list_letters(
    tx: Tx, site_id: int, email: str, *, limit: int | None = None, before: tuple[datetime, int] | None = None
) -> list[Letter]:
    """The newest first, those before ``before``; of letters that were read and belong to nobody else's feature."""
    mine = _LETTERS.outerjoin(match, _ITS_MATCH).where(message.c.site_id == site_id, message.c.from_address == email)
    return await _page(tx, mine, limit, before)


async def list_letters_by_click(
    tx: Tx, site_id: int, contact_id: int, visits: Sequence[int], *, limit: int,
    before: tuple[datetime, int] | None = None,
) -> list[Letter]:  # fmt: skip
    """As ``list_letters``, of letters matched to ``visits`` that came by letters to the contact; without those that
    came from another contact's address, who wrote them then (``inbox.writer``)."""
    others = exists().where(
        contact.c.site_id == site_id, contact.c.email == message.c.from_address, contact.c.id != contact_id
    )
    mine = _LETTERS.join(match, _ITS_MATCH).where(match.c.site_id == site_id, match.c.visit_id.in_(visits), ~others)
    return await _page(tx, mine, limit, before) if visits else []


async def _page(tx: Tx, query: Select[Any], limit: int | None, before: tuple[datetime, int] | None) -> list[Letter]:
    at, id_ = message.c.arrived_at, message.c.id
    query = query.where(message.c.status == "sorted")
    if before is not None:
        query = query.where(or_(at < before[0], and_(at == before[0], id_ < before[1])))
    query = query.order_by(at.desc(), id_.desc())
    rows = await tx.execute(query if limit is None else query.limit(limit))
    return [Letter(**{**row._mapping, "rule": row.rule or "", "confidence": row.confidence or 0.0}) for row in rows]


async def list_file_names(tx: Tx, site_id: int, message_id: int) -> list[str]:
    """The names of a letter's attachments."""
    mine = attachment.c.site_id == site_id, attachment.c.message_id == message_id
    return list(await tx.scalars(select(attachment.c.name).where(*mine).order_by(attachment.c.number)))
