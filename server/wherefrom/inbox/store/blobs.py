"""Which bytes letters and attachments need, and which have lost one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select, union

from wherefrom.db import Tx, insert
from wherefrom.inbox.tables import attachment, loose_blob, message


async def list_blobs(tx: Tx, site_id: int, first: str, last: str) -> set[str]:
    """The SHA-256 of all bytes that letters of the site and their files refer to, from ``first`` to ``last``."""
    query = union(
        select(message.c.sha256).where(message.c.site_id == site_id, message.c.sha256.between(first, last)),
        select(attachment.c.sha256).where(attachment.c.site_id == site_id, attachment.c.sha256.between(first, last)),
    )
    return set((await tx.scalars(query)).all())


async def list_used(tx: Tx, site_id: int, names: Sequence[str]) -> set[str]:
    """Which of these bytes letters of the site and their files refer to."""
    query = union(
        select(message.c.sha256).where(message.c.site_id == site_id, message.c.sha256.in_(names)),
        select(attachment.c.sha256).where(attachment.c.site_id == site_id, attachment.c.sha256.in_(names)),
    )
    return set((await tx.scalars(query)).all())


async def add_loose(tx: Tx, site_id: int, names: Iterable[str], now: datetime) -> None:
    """These bytes have lost a letter of the site."""
    for name in sorted(names):
        new = insert(tx, loose_blob).values(site_id=site_id, sha256=name, loose_at=now)
        place = [loose_blob.c.site_id, loose_blob.c.sha256]
        await tx.execute(new.on_conflict_do_update(index_elements=place, set_={"loose_at": new.excluded.loose_at}))
