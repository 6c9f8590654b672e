"""The service as a process of its own, and the site it is set up with. A test may name the strategy: "plus" if not."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.acceptance.service import Service
from tests.acceptance.stage import Stage, set_up
from tests.support.clients import BRIEFLY
from tests.support.dovecot import Dovecot
from tests.support.receiver import Receiver

_numbers = itertools.count(1)


@pytest_asyncio.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    running = Service(tmp_path, database_url)
    try:
        yield running
    finally:
        running.kill()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=BRIEFLY) as made:
        yield made


@pytest_asyncio.fixture
async def stage(service: Service, dovecot: Dovecot, receiver: Receiver, request: pytest.FixtureRequest) -> Stage:
    strategy = getattr(request, "param", "plus")
    return await set_up(service, dovecot, receiver, strategy, f"story{next(_numbers)}.example")
