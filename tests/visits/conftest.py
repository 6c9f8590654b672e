from __future__ import annotations

import pytest_asyncio

from tests.visits.stage import Stage, set_stage
from wherefrom.services import Services


@pytest_asyncio.fixture
async def stage(services: Services) -> Stage:
    """The site "shop" on shop.example with the target sales@company.com (plus codes)."""
    return await set_stage(services)
