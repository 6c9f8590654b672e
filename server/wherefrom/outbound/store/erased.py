"""Rows of ``suppression`` whose person was erased: see ``outbound/erased.py``."""

from __future__ import annotations

from sqlalchemy import delete, exists, select, update

from wherefrom.db import Tx
from wherefrom.outbound.tables import suppression


async def hide_suppressions(tx: Tx, site_id: int, email: str, hidden: str) -> int:
    """What forbids to mail ``email`` goes on doing so under ``hidden``; what was undone goes. How many hold."""
    mine = suppression.c.site_id == site_id, suppression.c.email == email
    await tx.execute(delete(suppression).where(*mine, suppression.c.undone_at.is_not(None)))
    await _drop_twins(tx, site_id, email, hidden)
    done = await tx.execute(update(suppression).where(*mine).values(email=hidden, detail="", send_id=None))
    return done.rowcount


async def show_suppressions(tx: Tx, site_id: int, hidden: str, email: str) -> None:
    """The other way round, when the address is handed in again."""
    mine = suppression.c.site_id == site_id, suppression.c.email == hidden
    if await tx.scalar(select(suppression.c.id).where(*mine).limit(1)):
        await _drop_twins(tx, site_id, hidden, email)
        await tx.execute(update(suppression).where(*mine).values(email=email))


async def _drop_twins(tx: Tx, site_id: int, old: str, new: str) -> None:
    """Of two that forbid the same for the same reason one stays."""
    twin = suppression.alias()
    await tx.execute(
        delete(suppression).where(
            suppression.c.site_id == site_id,
            suppression.c.email == old,
            suppression.c.undone_at.is_(None),
            exists().where(
                twin.c.site_id == site_id,
                twin.c.email == new,
                twin.c.scope == suppression.c.scope,
                twin.c.reason == suppression.c.reason,
                twin.c.undone_at.is_(None),
            ),
        )
    )
