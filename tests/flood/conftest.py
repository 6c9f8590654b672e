from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.service import Service
from tests.support.databases import SqliteDatabases

LIMITS = """
[limits]
connections = 40
head_seconds = 1
body_seconds = 1
[metrics]
token = "flood"
"""


@pytest_asyncio.fixture(scope="module")
async def narrow(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> AsyncIterator[Service]:
    """One service for the tests of a file, with little room and little patience. On SQLite alone: what is tested here
    happens before any database."""
    folder = tmp_path_factory.mktemp("narrow")
    running = Service(folder, await sqlite_databases.create(folder), extra_settings=LIMITS)
    try:
        await running.start()
        yield running
    finally:
        running.kill()
