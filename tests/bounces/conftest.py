from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.bounces.desk import Desk
from tests.inbox.letters import Post
from tests.outbound.stage import set_stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services


@pytest_asyncio.fixture
async def desk(services: Services, clock: FixedClock) -> AsyncIterator[Desk]:
    """The site "shop", letters it sends, and a mailbox in which reports on them arrive."""
    stage = await set_stage(services, clock)
    async with stage.http:
        yield Desk(stage, await Post.open(services, stage.site_id))
