"""The clock jumps back an hour while the service runs, or while it is down: nothing waits for an hour, nothing is told
twice, nobody has to log in anew. Needs libfaketime, by which the process sees another time than the machine.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from tests.acceptance.service import Service
from tests.acceptance.stage import Stage
from tests.acceptance.witness import call_witness, until
from tests.support.components import FAKETIME, require
from tests.support.faketime import find_library
from tests.support.receiver import Answer
from wherefrom.db import Database
from wherefrom.inbox.tables import message
from wherefrom.tracking.tables import engagement, hit
from wherefrom.webhooks.tables import delivery

PATIENCE = 150.0  # a process under libfaketime is slow on a machine with more to do; an hour it is not


@pytest.fixture
def time_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is written there is how far the clock of processes started from now on is off."""
    require(FAKETIME)
    file = tmp_path / "time"
    file.write_text("+0")
    for name, value in (
        ("LD_PRELOAD", str(find_library())),
        ("FAKETIME_TIMESTAMP_FILE", str(file)),
        ("FAKETIME_CACHE_DURATION", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ):
        monkeypatch.setenv(name, value)
    return file


def set_back(file: Path) -> None:
    file.write_text("-3600")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is moved on PostgreSQL: tests/archive
async def test_a_clock_that_jumps_back_an_hour_makes_nothing_wait_for_an_hour(
    stage: Stage, client: httpx.AsyncClient, time_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_WEBHOOKS_RETRY_SECONDS", "6,6,6,6")
    service, receiver = stage.service, stage.receiver
    client.timeout = PATIENCE
    witness = await call_witness(stage, client)
    witness.longest = PATIENCE
    receiver.queue(Answer(500))
    await service.start()
    await witness.until_well(PATIENCE)
    await witness.write("A first letter")
    await until(lambda: receiver.requests, PATIENCE)  # which is to be posted again some seconds later
    before = await witness.answered_visit()
    await witness.look()  # an open and a click, which are counted some seconds later
    set_back(time_file)
    await witness.until(lambda seen: "the clock was set back" in str(seen.ready.json()["notices"]), PATIENCE)
    seen = await witness.until_well(PATIENCE)
    assert int(seen.visit.json()["visit"]) > int(before.json()["visit"])
    await witness.write("A second letter")
    await until(lambda: len(receiver.requests) >= 3, PATIENCE)
    database = Database(service.database_url)
    try:
        async with asyncio.timeout(PATIENCE):
            waiting = 1
            while waiting:
                await asyncio.sleep(0.1)
                async with database.read() as tx:
                    waiting = int(await tx.scalar(select(func.count()).select_from(hit)) or 0)
                    kept = int(await tx.scalar(select(func.count()).select_from(engagement)) or 0)
        assert kept > 2
        async with database.read() as tx:
            subjects = list(await tx.scalars(select(message.c.subject).order_by(message.c.id)))
    finally:
        await database.close()
    assert subjects == ["A first letter", "A second letter"]  # ids grow all the same
    posted = sorted(one.json()["data"]["message"]["subject"] for one in receiver.requests)
    assert posted == ["A first letter", "A first letter", "A second letter"]
    seen = await witness.look()
    assert "A second letter" in seen.page
    assert service.stop() == 0, service.log()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_clock_that_was_set_back_while_the_service_was_down_makes_nothing_wait_for_an_hour(
    stage: Stage, client: httpx.AsyncClient, time_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_WEBHOOKS_RETRY_SECONDS", "6,6,6,6")
    service, receiver = stage.service, stage.receiver
    client.timeout = PATIENCE
    witness = await call_witness(stage, client)
    witness.longest = PATIENCE
    receiver.queue(Answer(500))
    await service.start()
    await witness.until_well(PATIENCE)
    before = await witness.answered_visit()
    await witness.write("A first letter")
    await until_tried(service)
    service.kill()  # its claim of the mailbox stays
    set_back(time_file)
    await service.start()
    await until(lambda: "the clock was set back" in service.log(), PATIENCE)
    await until(lambda: len(receiver.requests) >= 2, PATIENCE)
    seen = await witness.until_well(PATIENCE)
    assert int(seen.visit.json()["visit"]) > int(before.json()["visit"])
    await witness.write("A second letter")
    await until(lambda: len(receiver.requests) >= 3, PATIENCE)
    posted = [one.json()["data"]["message"]["subject"] for one in receiver.requests]
    assert posted == ["A first letter", "A first letter", "A second letter"]
    assert "A second letter" in (await witness.look()).page  # whoever was logged in still is
    assert service.stop() == 0, service.log()


async def until_tried(service: Service) -> None:
    """Until what came of the first post is written down."""
    database = Database(service.database_url)
    try:
        async with asyncio.timeout(PATIENCE):
            tried = 0
            while not tried:
                await asyncio.sleep(0.1)
                async with database.read() as tx:
                    tried = int(await tx.scalar(select(func.sum(delivery.c.attempts))) or 0)
    finally:
        await database.close()
