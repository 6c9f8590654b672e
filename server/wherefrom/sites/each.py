"""Work that is done for all sites, one after the other, by a worker's step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from wherefrom.errors import Unavailable
from wherefrom.services import Services
from wherefrom.sites.site import Site
from wherefrom.sites.store import list_sites
from wherefrom.web.responses import told

log = structlog.get_logger(__name__)


async def for_each_site(services: Services, step: Callable[[Site], Awaitable[bool]]) -> bool:
    """Does ``step`` for each site; whether it found work for any. What fails for one site is raised when the others
    have had their turn: the first fault of several, each of which is in the log. A database that is away is so for
    all, and raised at once."""
    async with services.db.read() as tx:
        sites = await list_sites(tx)
    found, first = False, None
    for site in sites:
        try:
            found = await step(site) or found
        except Exception as fault:
            if isinstance(told(fault), Unavailable):
                raise
            log.exception("work for a site failed", site=site.id, step=step.__qualname__)
            first = first or fault
    if first is not None:
        raise first
    return found
