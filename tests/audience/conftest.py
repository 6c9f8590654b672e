from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.outbound.stage import Stage, set_stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services


@pytest_asyncio.fixture
async def stage(services: Services, clock: FixedClock) -> AsyncIterator[Stage]:
    """The site "shop", with the doors of letters' pixels and links."""
    made = await set_stage(services, clock)
    async with made.http:
        yield made
