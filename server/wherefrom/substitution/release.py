"""Writes down what time has made of the substitutes: leased → cooling → free.

Only for whoever reads the stored status: lending goes by the times (``lease.status_at``) and does not wait for this.
"""

from __future__ import annotations

from wherefrom.services import Services
from wherefrom.substitution.lease import Terms
from wherefrom.substitution.store import substitutes

_MOST_AT_ONCE = 500


async def release_expired(services: Services) -> bool:
    """One step of the worker "substitutes"; whether there was anything to release. Looks before it writes, so that an
    idle service does not take the database's writer every time."""
    now = services.clock.now()
    cool_before = Terms.of(services.settings).cool_before(now)
    async with services.db.read() as tx:
        if not await substitutes.is_any_overdue(tx, now, cool_before):
            return False
    async with services.db.write() as tx:
        return await substitutes.release_overdue(tx, now, cool_before, _MOST_AT_ONCE) > 0
