"""All SQL of the archive room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, select, update

from wherefrom.db import Tx
from wherefrom.inbox.tables import loose_blob, mailbox


async def is_at_work(tx: Tx, now: datetime) -> bool:
    """Whether some process watches a mailbox, by a claim that has not ended."""
    return bool(await tx.scalar(select(exists().where(mailbox.c.watched_until > now))))


async def list_loose(tx: Tx, before: datetime, limit: int) -> list[tuple[int, str]]:
    """Site and name of bytes that lost a letter before ``before``, the oldest first."""
    query = select(loose_blob.c.site_id, loose_blob.c.sha256).where(loose_blob.c.loose_at < before)
    return [(row[0], row[1]) for row in await tx.execute(query.order_by(loose_blob.c.loose_at).limit(limit))]


async def settle_loose(tx: Tx, site_id: int, names: Sequence[str], before: datetime) -> None:
    """These are gone, or needed; those that lost another letter since ``before`` stay in the list."""
    mine = loose_blob.c.site_id == site_id, loose_blob.c.sha256.in_(names), loose_blob.c.loose_at < before
    await tx.execute(delete(loose_blob).where(*mine))


async def put_off_loose(tx: Tx, site_id: int, names: Sequence[str], now: datetime) -> None:
    """These came anew a moment ago, and are looked at again in a day."""
    mine = loose_blob.c.site_id == site_id, loose_blob.c.sha256.in_(names)
    await tx.execute(update(loose_blob).where(*mine).values(loose_at=now))
