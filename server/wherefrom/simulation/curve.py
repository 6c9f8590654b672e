"""Use case: how right would pools of other sizes have been on a site's own traffic (B01)?

The recorded visits are played through the real lending and attribution once for each size. What people wrote is known
by the matches made, so where a pool was too small before, the letters it lost are missing here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from wherefrom.services import Services
from wherefrom.simulation.replay import Outcome, simulate
from wherefrom.simulation.store import list_recorded
from wherefrom.simulation.visit import SimulatedVisit
from wherefrom.substitution.lease import Terms
from wherefrom.substitution.sizing import DAYS
from wherefrom.substitution.use import find_pool_use

STEPS = (0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
"""Of the recommended size."""


class Curve(Struct, frozen=True):
    """``visits`` that had the address in view; one outcome for each size, the smallest first."""

    visits: int
    recommended: int
    outcomes: tuple[Outcome, ...]


async def find_curve(
    services: Services, site_id: int, target_id: int, days: int = DAYS, sizes: Sequence[int] = ()
) -> Curve:
    """On the last ``days``; without ``sizes`` at half to four times the recommended size. NotFound."""
    use = await find_pool_use(services, site_id, target_id, days)
    begin = use.end - timedelta(days=days)
    async with services.db.read() as tx:
        visits = await list_recorded(tx, site_id, target_id, begin, use.end)
    wanted = sorted(set(sizes or (max(1, round(use.advised * step)) for step in STEPS)))
    terms = Terms.of(services.settings)
    outcomes = await asyncio.to_thread(_play, visits, wanted, terms)
    return Curve(len(visits), use.advised, tuple(outcomes))


def _play(visits: Sequence[SimulatedVisit], sizes: Sequence[int], terms: Terms) -> list[Outcome]:
    return [simulate(visits, size, terms) for size in sizes]
