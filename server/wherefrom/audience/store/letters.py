"""Letters that came from a contact's address, with their matches. Reads the inbox's tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select

from wherefrom.db import Tx
from wherefrom.inbox.tables import attachment, match, message


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
    its_match = and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id)
    at, id_ = message.c.arrived_at, message.c.id
    query = (
        select(
            id_, at, message.c.subject, message.c.to_address, message.c.from_name, message.c.text,
            match.c.visit_id, match.c.rule, match.c.confidence,
        )
        .outerjoin(match, its_match)
        .where(message.c.site_id == site_id, message.c.from_address == email, message.c.status == "sorted")
    )  # fmt: skip
    if before is not None:
        query = query.where(or_(at < before[0], and_(at == before[0], id_ < before[1])))
    query = query.order_by(at.desc(), id_.desc())
    rows = await tx.execute(query if limit is None else query.limit(limit))
    return [Letter(*row[:7], row.rule or "", row.confidence or 0.0) for row in rows]


async def list_file_names(tx: Tx, site_id: int, message_id: int) -> list[str]:
    """The names of a letter's attachments."""
    mine = attachment.c.site_id == site_id, attachment.c.message_id == message_id
    return list(await tx.scalars(select(attachment.c.name).where(*mine).order_by(attachment.c.number)))
