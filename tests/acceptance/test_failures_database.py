"""The database is locked, gone, or silent: what people see meanwhile, and that all is well at once when it is over.

The visitor's page keeps its real address and hears 503 within three seconds, a pixel stays a pixel, a link leads on or
answers in words, the analyst reads what is wrong, and so does who asks /readyz. By default each trouble is short. Long:

    WHEREFROM_TROUBLE_SECONDS=60 python -m pytest tests/acceptance/test_failures_database.py
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest
import pytest_asyncio
from sqlalchemy import make_url, select

from tests.acceptance.service import Service
from tests.acceptance.witness import until, witness_of
from tests.support.dovecot import Dovecot
from tests.support.postgres import Postgres
from tests.support.receiver import Answer, Receiver
from tests.support.relay import Relay
from tests.support.submission_sink import SubmissionSink
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.management import invoke
from wherefrom.outbound.tables import outgoing
from wherefrom.webhooks.tables import delivery

TROUBLE_SECONDS = float(os.environ.get("WHEREFROM_TROUBLE_SECONDS", "0"))

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest_asyncio.fixture
async def relay(database_url: str) -> AsyncIterator[Relay]:
    """The way to PostgreSQL, which can be cut."""
    port = make_url(database_url).port
    assert port is not None
    way = Relay(port)
    await way.mend()
    try:
        yield way
    finally:
        await way.stop()


@contextmanager
def held_by_another(file: str) -> Iterator[None]:
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@only_sqlite
async def test_a_database_that_another_process_keeps_locked_is_read_and_not_written(
    service: Service, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver
) -> None:
    witness = await witness_of(service, client, dovecot, receiver)
    with held_by_another(service.database_url.removeprefix("sqlite:///")):
        seen = await witness.until_not_ready("something keeps the database locked")
        seen.assert_refused()
        assert seen.history.status_code == 200
        assert seen.click.status_code == 307  # where it leads can be read
        await asyncio.sleep(TROUBLE_SECONDS)  # 15 s is as long as a write waits
    await witness.until_well()
    assert service.stop() == 0, service.log()


@only_postgresql
async def test_a_table_that_is_locked_on_the_server_holds_up_nothing_but_what_writes_to_it(
    service: Service, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver
) -> None:
    witness = await witness_of(service, client, dovecot, receiver)
    other = await asyncpg.connect(service.database_url)
    try:
        await other.execute("BEGIN; LOCK TABLE visit IN SHARE ROW EXCLUSIVE MODE")
        await witness.visit()  # a first one, which waits for the lock longer than its page does
        seen = await witness.until(lambda seen: "locked" in seen.problems)
        seen.assert_refused()
        assert seen.history.status_code == 200
        await asyncio.sleep(TROUBLE_SECONDS)
        await other.execute("ROLLBACK")
    finally:
        await other.close()
    await witness.until(lambda seen: seen.visit.status_code == 200)


@only_postgresql
async def test_a_database_server_that_is_stopped_for_a_while_is_missed_in_words_and_used_again_at_once(
    service: Service, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver, postgres: Postgres
) -> None:
    witness = await witness_of(service, client, dovecot, receiver)
    await asyncio.to_thread(postgres.stop)
    try:
        seen = await witness.until_not_ready("the database server cannot be reached")
        seen.assert_refused()
        assert "The database server cannot be reached" in seen.page
        assert (seen.history.status_code, seen.click.status_code) == (503, 503)
        await asyncio.sleep(TROUBLE_SECONDS)
    finally:
        await asyncio.to_thread(postgres.start)
    await witness.until_well()


@only_postgresql
async def test_a_database_server_that_is_silent_is_waited_for_no_longer_than_is_said(
    tmp_path: Path, database_url: str, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver, relay: Relay
) -> None:
    url = make_url(database_url).set(port=relay.port).render_as_string(hide_password=False)
    service = Service(tmp_path, url, database_settings="timeout_seconds = 2")
    try:
        witness = await witness_of(service, client, dovecot, receiver)
        relay.silence()
        seen = await witness.until_not_ready("the database did not answer")
        seen.assert_refused()
        assert "The database did not answer in time" in seen.page
        assert (seen.history.status_code, seen.click.status_code) == (503, 503)
        await asyncio.sleep(TROUBLE_SECONDS)
        await relay.mend()
        await witness.until_well()
        relay.silence()
        service.stop()  # it ends, though nobody answers its good-bye
    finally:
        service.kill()


@only_postgresql
async def test_what_is_answered_while_the_database_is_away_is_written_down_later_and_not_sent_twice(
    tmp_path: Path, database_url: str, client: httpx.AsyncClient, dovecot: Dovecot, receiver: Receiver, relay: Relay
) -> None:
    url = make_url(database_url).set(port=relay.port).render_as_string(hide_password=False)
    service, sink = Service(tmp_path, url), SubmissionSink()
    sink.start()
    try:
        witness = await witness_of(service, client, dovecot, receiver)
        async with open_services(service.settings) as services:
            account = {
                "host": sink.host, "port": sink.port, "security": "none", "username": "", "password": "",
                "from_address": "news@shop.example",
            }  # fmt: skip
            await invoke(services, "PUT", "/sites/{site}/sender", site="shop", body=account)
            sink.hold()
            letter = {"contact": {"email": "ann@mail.example"}, "subject": "News", "html": "<p>Hello</p>"}
            await invoke(services, "POST", "/sites/{site}/sends", site="shop", body={**letter, "deliver": True})
        receiver.queue(Answer(200, delay=2))
        await witness.write()
        await sink.wait_held(1)
        await until(lambda: receiver.requests)
        relay.cut()
        sink.release()
        await witness.until_not_ready()
        await asyncio.sleep(2 + TROUBLE_SECONDS)  # until the receiver has answered
        await relay.mend()
        await witness.until_well()
        database = Database(database_url)
        try:
            await until_ended(database)
        finally:
            await database.close()
        assert (len(receiver.requests), len(sink.letters)) == (1, 1)
    finally:
        service.kill()
        sink.stop()


async def until_ended(database: Database) -> None:
    """Until the webhook has been told and the letter sent, as far as the database knows."""
    async with asyncio.timeout(60):
        while True:
            async with database.read() as tx:
                told = list(await tx.scalars(select(delivery.c.status)))
                sent = list(await tx.scalars(select(outgoing.c.state)))
            if (told, sent) == (["delivered"], ["sent"]):
                return
            await asyncio.sleep(0.1)
