"""Work that is done for all sites, or for things of theirs, one after the other, by a worker's step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from wherefrom.errors import Unavailable
from wherefrom.services import Services
from wherefrom.sites.site import Site
from wherefrom.sites.store import list_sites
from wherefrom.web.responses import told

log = structlog.get_logger(__name__)

Thing = TypeVar("Thing")


async def for_each_site(services: Services, step: Callable[[Site], Awaitable[bool]]) -> bool:
    """``for_each``, of all sites."""
    async with services.db.read() as tx:
        sites = await list_sites(tx)
    return await for_each(sites, step, lambda site: site.id)


async def for_each(
    things: Iterable[Thing], step: Callable[[Thing], Awaitable[bool]], site_of: Callable[[Thing], int]
) -> bool:
    """Does ``step`` for each; whether it found work for any. What fails for one is raised when the others have had
    their turn: the first fault of several, each of which is in the log with its site. A database that is away is so
    for all, and raised at once."""
    found, first = False, None
    for thing in things:
        try:
            found = await step(thing) or found
        except Exception as fault:
            if isinstance(told(fault), Unavailable):
                raise
            log.exception("work for a site failed", site=site_of(thing), step=step.__qualname__)
            first = first or fault
    if first is not None:
        raise first
    return found
