from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.outbound.office import OPERATIONS, Office
from tests.outbound.stage import Stage, set_stage
from tests.support.management import OPERATOR, management_api
from tests.support.submission_sink import SubmissionSink
from wherefrom.clock import FixedClock
from wherefrom.services import Services


@pytest_asyncio.fixture
async def stage(services: Services, clock: FixedClock) -> AsyncIterator[Stage]:
    """The site "shop", with the doors of letters' pixels and links."""
    made = await set_stage(services, clock)
    async with made.http:
        yield made


@pytest.fixture
def sink() -> Iterator[SubmissionSink]:
    """A mail server that takes letters, and does as it is told."""
    with SubmissionSink() as server:
        yield server


@pytest_asyncio.fixture
async def office(stage: Stage, sink: SubmissionSink) -> AsyncIterator[Office]:
    """The site "shop", which sends by `sink`."""
    async with management_api(stage.services, OPERATIONS, OPERATOR) as client:
        made = Office(stage, client, sink)
        await made.set()
        yield made
        await made.postman.close()
