"""Moves a whole installation's database, when nobody works with it."""

from __future__ import annotations

from wherefrom.archive.store import is_at_work
from wherefrom.clock import SystemClock
from wherefrom.db import Database
from wherefrom.db.copy import Progress, copy_database
from wherefrom.db.migrate import check_revision
from wherefrom.errors import Conflict


async def move(source_url: str, target_url: str, progress: Progress, *, rehearsal: bool = False) -> int:
    """As ``copy_database``; Conflict, too, when a service is at work, unless it is a ``rehearsal``: what it writes
    between the copy and its end would be lost, even if it wrote nothing during the copy."""
    source = Database(source_url)
    try:
        await check_revision(source)
        async with source.read() as tx:
            at_work = await is_at_work(tx, SystemClock().now())
    finally:
        await source.close()
    if at_work and not rehearsal:
        raise Conflict(
            "a service is at work with this database: it watches a mailbox",
            hint="stop the service, all its processes; if one was killed, wait half a minute",
        )
    return await copy_database(source_url, target_url, progress, rehearsal=rehearsal)
