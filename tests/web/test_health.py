"""K04: ``/healthz`` says that the process lives, ``/readyz`` whether it can do its work, and what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from wherefrom.clock import FixedClock
from wherefrom.db import Database, Tx
from wherefrom.db.migrate import newest_revision
from wherefrom.services import Services
from wherefrom.supervise import Supervisor, Worker
from wherefrom.web import health

READERS = 4  # of SQLite, at a time


async def _step() -> bool:
    return False


@pytest.fixture
def supervisor(services: Services, clock: FixedClock) -> Supervisor:
    made = Supervisor([Worker("sort", _step, 1, "messages"), Worker("hits", _step, 1, "hits")], services.bell, clock)
    for state in made.states.values():
        state.status = "running"
    return made


@asynccontextmanager
async def door(services: Services, supervisor: Supervisor | None = None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=health.routes(services, supervisor)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025") as client:
        yield client


async def ready(services: Services, supervisor: Supervisor | None = None) -> tuple[int, dict[str, Any]]:
    async with door(services, supervisor) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()


async def test_all_is_well(services: Services, supervisor: Supervisor) -> None:
    status, told = await ready(services, supervisor)
    assert (status, told["status"], told["problems"]) == (200, "ready", [])
    assert told["database"] == newest_revision()
    assert [one["name"] for one in told["workers"]] == ["sort", "hits"]


async def test_a_process_of_the_web_side_alone_is_ready(services: Services) -> None:
    assert (await ready(services))[0] == 200


async def test_a_worker_that_fails_is_named_without_its_secrets(services: Services, supervisor: Supervisor) -> None:
    state = supervisor.states["sort"]
    state.status, state.restarts, state.fault = "failed", 3, "OSError: owner@company.example"
    status, told = await ready(services, supervisor)
    assert status == 503
    assert told["problems"] == [
        "the worker sort failed (3 times so far) and is started again; the log says why",
    ]
    assert "owner@" not in str(told)


@pytest.mark.parametrize(
    ("revision", "hint"), [("0001", "run wherefrom migrate"), ("9999", "an older version of Wherefrom runs")]
)
async def test_a_schema_of_another_version_is_told_with_what_to_do(
    services: Services, revision: str, hint: str
) -> None:
    async with services.db.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    status, told = await ready(services)
    newest = newest_revision()
    assert (status, told["problems"]) == (
        503, [f"the database's schema is {revision}, and this version needs {newest}: {hint}"],
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the database that is asked is neither
async def test_a_database_that_does_not_answer_is_told_and_the_process_still_lives(services: Services) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    try:
        async with door(replace(services, db=gone)) as client:
            answer = await client.get("/readyz")
            assert (await client.get("/healthz")).json() == {"status": "alive"}
    finally:
        await gone.close()
    assert answer.status_code == 503
    assert "the database server cannot be reached" in answer.json()["problems"]


@asynccontextmanager
async def _nothing_is_read(services: Services) -> AsyncIterator[None]:
    """As under reports that take all there is to read with."""
    async with AsyncExitStack() as held:
        if services.db.dialect == "sqlite":
            for _ in range(READERS):
                await held.enter_async_context(services.db.read())
        else:
            tx = await held.enter_async_context(services.db.write())
            await tx.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        yield


@asynccontextmanager
async def _nothing_is_written(services: Services) -> AsyncIterator[None]:
    """Another program locks SQLite's file; on PostgreSQL the batch before does not end."""
    if services.db.dialect == "sqlite":
        with contextlib.closing(sqlite3.connect(str(services.db.sync_engine.url.database))) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    begun, over = asyncio.Event(), asyncio.Event()

    async def hold(_: Tx) -> None:
        begun.set()
        await over.wait()

    holding = asyncio.create_task(services.db.batch(hold))
    await begun.wait()
    yield
    over.set()
    await holding


async def test_a_database_that_is_written_to_is_not_silent_however_long_its_answers_take(services: Services) -> None:
    async with _nothing_is_read(services):
        status, told = await ready(services)
    assert (status, told["problems"]) == (200, [])
    assert told["notices"] == ["the database is written to, and its answers take more than 3 seconds to be heard"]
    assert (await ready(services))[1]["notices"] == []


async def test_a_database_that_is_neither_read_nor_written_is_silent(services: Services) -> None:
    async with _nothing_is_read(services), _nothing_is_written(services):
        status, told = await ready(services)
    assert status == 503
    assert sorted(told["problems"]) == [
        "nothing can be written: no write was taken within 3 seconds: something keeps the database locked",
        "the database did not answer within 3 seconds",
    ]
