"""What happened between the owner and one contact, read out of sends, hits and notices together."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, or_, select

from wherefrom.db import Tx
from wherefrom.outbound.tables import send, send_notice
from wherefrom.tracking.tables import engagement, link

Place = tuple[datetime, int]
"""Where a page of activities ends: time and id, which together are each activity's own."""


class Activity(Struct, frozen=True, kw_only=True):
    """``word`` is the verdict of an open or click, the status of a notice, "" of a send; ``detail`` the link's address,
    or what was told."""

    at: datetime
    id: int
    kind: Literal["sent", "open", "click", "notice"]
    send_id: int
    subject: str
    word: str = ""
    detail: str = ""


async def list_activities(
    tx: Tx, site_id: int, contact_id: int, *, limit: int, before: Place | None = None
) -> list[Activity]:
    """The newest first, those before ``before``. At most ``limit`` of each kind are read."""
    mine = (send.c.site_id == site_id, send.c.contact_id == contact_id)
    found = [
        *await _sends(tx, mine, limit, before),
        *await _hits(tx, mine, limit, before),
        *await _notices(tx, mine, limit, before),
    ]
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:limit]


Mine = tuple[ColumnElement[bool], ...]


async def _sends(tx: Tx, mine: Mine, limit: int, before: Place | None) -> list[Activity]:
    query = select(send.c.created_at, send.c.id, send.c.subject).where(*mine)
    rows = await tx.execute(_page(query, send.c.created_at, send.c.id, limit, before))
    return [Activity(at=row.created_at, id=row.id, kind="sent", send_id=row.id, subject=row.subject) for row in rows]


async def _hits(tx: Tx, mine: Mine, limit: int, before: Place | None) -> list[Activity]:
    its_send = and_(send.c.site_id == engagement.c.site_id, send.c.id == engagement.c.send_id)
    its_link = and_(
        link.c.site_id == engagement.c.site_id,
        link.c.send_id == engagement.c.send_id,
        link.c.number == engagement.c.number,
    )
    query = (
        select(
            engagement.c.seen_at, engagement.c.id, engagement.c.kind, engagement.c.send_id, engagement.c.verdict,
            send.c.subject, link.c.url,
        )
        .join(send, its_send)
        .outerjoin(link, its_link)
        .where(*mine)
    )  # fmt: skip
    rows = await tx.execute(_page(query, engagement.c.seen_at, engagement.c.id, limit, before))
    return [
        Activity(
            at=row.seen_at, id=row.id, kind=row.kind, send_id=row.send_id, subject=row.subject,
            word=row.verdict, detail=row.url or "",
        )
        for row in rows
    ]  # fmt: skip


async def _notices(tx: Tx, mine: Mine, limit: int, before: Place | None) -> list[Activity]:
    its_send = and_(send.c.site_id == send_notice.c.site_id, send.c.id == send_notice.c.send_id)
    at = send_notice.c.happened_at
    query = (
        select(at, send_notice.c.id, send_notice.c.send_id, send_notice.c.status, send_notice.c.detail, send.c.subject)
        .join(send, its_send)
        .where(*mine)
    )
    rows = await tx.execute(_page(query, at, send_notice.c.id, limit, before))
    return [
        Activity(
            at=row.happened_at, id=row.id, kind="notice", send_id=row.send_id, subject=row.subject,
            word=row.status, detail=row.detail,
        )
        for row in rows
    ]  # fmt: skip


def _page(
    query: Select[Any], at: ColumnElement[Any], id: ColumnElement[Any], limit: int, before: Place | None
) -> Select[Any]:
    if before is not None:
        query = query.where(or_(at < before[0], and_(at == before[0], id < before[1])))
    return query.order_by(at.desc(), id.desc()).limit(limit)
