"""The service is asked to stop in the middle of something: what is under way ends within the grace, nothing is lost,
and nothing that was answered in time is sent twice.

How the queue of letters goes on in another process is told in ``test_sending``; a database that does not answer while
the service stops in ``test_failures_database``.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, insert, literal, select, true, update

from tests.acceptance.letters import write_letter
from tests.acceptance.service import Service
from tests.acceptance.stage import Stage
from tests.acceptance.witness import Witness, call_witness, until
from tests.support.clients import BRIEFLY
from tests.support.receiver import Answer
from tests.support.slow_smtp import SlowSmtp
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.inbox.tables import message
from wherefrom.management import invoke
from wherefrom.outbound.tables import outgoing
from wherefrom.settings import Settings
from wherefrom.supervise import CLOSING_SECONDS
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import delivery

DOCKER_SECONDS = 10
"""What ``docker stop`` waits before it kills. A machine with more to do may take longer here."""

LONG_GRACE = 60
"""Seconds, for what is to end by itself: a machine with more to do takes longer than the usual grace."""

COPIES = 12_000

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest_asyncio.fixture
async def witness(stage: Stage) -> AsyncIterator[Witness]:
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=BRIEFLY) as client:
        yield await call_witness(stage, client)


@pytest_asyncio.fixture
async def database(service: Service) -> AsyncIterator[Database]:
    opened = Database(service.database_url)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def long_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_SERVER_GRACE_SECONDS", str(LONG_GRACE))


def ask_to_stop(service: Service, number: signal.Signals = signal.SIGTERM) -> None:
    assert service.process is not None
    service.process.send_signal(number)


async def ended(service: Service, within: float = 6 * DOCKER_SECONDS) -> int:
    """The exit status, and not a moment too late."""
    process = service.process
    assert process is not None
    await until(lambda: process.poll() is not None, within)
    return int(process.returncode)


async def until_stopping(service: Service) -> None:
    await until(lambda: "stopping" in service.log())


async def until_stored(database: Database, count: int) -> None:
    """Until so many letters are stored."""
    async with asyncio.timeout(60):
        while True:
            async with database.read() as tx:
                if int(await tx.scalar(select(func.count()).select_from(message)) or 0) >= count:
                    return
            await asyncio.sleep(0.02)


async def test_a_service_that_waits_for_letters_ends_at_once(stage: Stage, database: Database) -> None:
    service = stage.service
    await service.start()
    raw, _ = write_letter(stage.address)
    stage.dovecot.deliver(stage.address, raw)
    await until_stored(database, 1)  # from here on it is in IDLE
    begun = time.monotonic()
    ask_to_stop(service)
    assert await ended(service) == 0, service.log()
    assert time.monotonic() - begun < DOCKER_SECONDS
    assert "Traceback" not in service.log()


@pytest.mark.usefixtures("long_grace")
async def test_a_webhook_that_is_being_answered_is_waited_for_and_not_posted_again(
    witness: Witness, database: Database
) -> None:
    service, receiver = witness.stage.service, witness.stage.receiver
    receiver.queue(Answer(200, b'{"deal": {"number": "D-1"}}', {"Content-Type": "application/json"}, delay=1.5))
    await service.start()
    await witness.write()
    await until(lambda: receiver.requests)
    ask_to_stop(service)
    assert await ended(service) == 0, service.log()
    async with database.read() as tx:
        assert list(await tx.scalars(select(delivery.c.status))) == ["delivered"]
    await service.start()
    await witness.write("A second letter")
    await until(lambda: len(receiver.requests) > 1)
    subjects = Counter(one.json()["data"]["message"]["subject"] for one in receiver.requests)
    assert subjects == {"Four chairs, please": 1, "A second letter": 1}
    assert service.stop() == 0


def test_the_time_of_docker_stop_is_enough() -> None:
    assert Settings().server.grace_seconds + CLOSING_SECONDS < DOCKER_SECONDS


@only_sqlite  # what happens is the same on both, and takes the whole grace
async def test_a_webhook_that_is_never_answered_is_given_up_within_the_time_of_docker_stop(
    witness: Witness, database: Database
) -> None:
    service, receiver = witness.stage.service, witness.stage.receiver
    receiver.hang()
    await service.start()
    await witness.write()
    await until(lambda: receiver.requests)
    ask_to_stop(service)
    assert await ended(service) == 0, service.log()
    async with database.read() as tx:
        kept = (await tx.execute(select(delivery.c.status, delivery.c.claimed_until, delivery.c.attempts))).all()
    assert [tuple(row) for row in kept] == [("pending", None, 0)]  # due at once, whoever comes


@only_sqlite
@pytest.mark.usefixtures("long_grace")
async def test_a_second_signal_ends_the_service_at_once(witness: Witness) -> None:
    service, receiver = witness.stage.service, witness.stage.receiver
    receiver.hang()
    await service.start()
    await witness.write()
    await until(lambda: receiver.requests)
    ask_to_stop(service, signal.SIGINT)
    await until_stopping(service)
    await asyncio.sleep(0.3)  # one press of a key may come twice, and counts once
    assert service.process is not None
    assert service.process.poll() is None
    ask_to_stop(service)
    assert await ended(service, LONG_GRACE / 2) == 128 + signal.SIGTERM


@only_sqlite
async def test_a_process_that_is_leaving_says_so_and_answers_visitors_as_ever(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_SERVER_LEAVING_SECONDS", str(LONG_GRACE))
    service = witness.stage.service
    await service.start()
    await witness.until_well()
    ask_to_stop(service)
    seen = await witness.until_not_ready("it was asked to stop")
    assert (seen.alive.status_code, seen.alive.json()) == (503, {"status": "stopping"})
    assert seen.visit.status_code == 200
    await asyncio.sleep(0.3)  # two signals at once are one press of a key
    assert (await witness.visit()).status_code == 200
    ask_to_stop(service)
    assert await ended(service, LONG_GRACE / 2) == 128 + signal.SIGTERM


async def test_visits_under_way_are_answered_and_every_answer_is_true(witness: Witness, database: Database) -> None:
    service = witness.stage.service
    await service.start()
    await witness.until_well()
    answers: list[httpx.Response] = []

    async def browse() -> None:
        while True:
            try:
                answers.append(await witness.visit())
            except httpx.TransportError:
                return

    load = [asyncio.create_task(browse()) for _ in range(8)]
    await until(lambda: [one.status_code for one in answers].count(200) >= 50)
    ask_to_stop(service)
    assert await ended(service) == 0, service.log()
    await asyncio.gather(*load)
    assert {one.status_code for one in answers} <= {200, 503}
    told = {int(one.json()["visit"]) for one in answers if one.status_code == 200}
    async with database.read() as tx:
        kept = set(await tx.scalars(select(visit.c.id)))
    assert len(told) >= 50
    assert told <= kept


@only_sqlite
async def test_a_group_commit_that_waits_for_the_disk_is_written_before_the_end(
    witness: Witness, database: Database
) -> None:
    service = witness.stage.service
    await service.start()
    await witness.until_well()
    other = sqlite3.connect(service.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    visits = [asyncio.create_task(witness.visit()) for _ in range(5)]
    await asyncio.sleep(0.5)  # they are in the service's hands by then, or come too late and are not answered
    ask_to_stop(service)
    await until_stopping(service)
    other.execute("ROLLBACK")
    other.close()
    answers = await asyncio.gather(*visits, return_exceptions=True)
    assert await ended(service) == 0, service.log()
    told = {int(one.json()["visit"]) for one in answers if isinstance(one, httpx.Response) and one.status_code == 200}
    async with database.read() as tx:
        assert told <= set(await tx.scalars(select(visit.c.id)))


async def test_a_first_sync_that_is_interrupted_goes_on_and_stores_each_letter_once(
    stage: Stage, database: Database
) -> None:
    service, count = stage.service, 300
    with stage.dovecot.imap(stage.account) as client:
        for number in range(count):
            client.append("INBOX", write_letter(stage.address, f"Letter {number}")[0])
    await service.start()
    await until_stored(database, 1)
    ask_to_stop(service)
    assert await ended(service) == 0, service.log()
    await service.start()
    await until_stored(database, count)
    assert service.stop() == 0
    async with database.read() as tx:
        kept = Counter(await tx.scalars(select(message.c.uid)))
    assert len(kept) == count
    assert set(kept.values()) == {1}


@pytest.mark.usefixtures("long_grace")
async def test_an_export_under_way_is_whole_when_its_reader_keeps_up(witness: Witness, database: Database) -> None:
    service = witness.stage.service
    lines = await fill_history(witness, database)
    async with witness.client.stream("GET", f"{service.url}/sites/shop/messages.csv") as answer:
        pieces = answer.aiter_bytes()
        file = await anext(pieces)
        ask_to_stop(service)
        await until_stopping(service)
        async for piece in pieces:
            file += piece
    assert file.count(b"\r\n") == lines + 1
    assert await ended(service) == 0, service.log()


@only_sqlite
async def test_an_export_whose_reader_has_gone_to_sleep_is_broken_off_and_never_looks_whole(
    witness: Witness, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_SERVER_GRACE_SECONDS", "1")
    service = witness.stage.service
    await fill_history(witness, database)
    async with witness.client.stream("GET", f"{service.url}/sites/shop/messages.csv") as answer:
        pieces = answer.aiter_raw()
        await anext(pieces)
        ask_to_stop(service)
        assert await ended(service) == 0, service.log()
        with pytest.raises(httpx.TransportError):
            async for _ in pieces:
                pass


@only_sqlite  # the queue is tested on both elsewhere
@pytest.mark.usefixtures("long_grace")
async def test_a_letter_in_the_middle_of_its_data_arrives_once_and_is_known_to_have_arrived(
    stage: Stage, database: Database
) -> None:
    async with SlowSmtp() as server:
        await queue_letter(stage.service, server)
        await stage.service.start()
        await until(server.begun.is_set)
        ask_to_stop(stage.service)
        await until_stopping(stage.service)
        server.go.set()
        assert await ended(stage.service) == 0, stage.service.log()
        assert (await sent_states(database), len(server.letters)) == (["sent"], 1)
        await stage.service.start()
        assert stage.service.stop() == 0
        assert len(server.letters) == 1


@only_sqlite
async def test_a_letter_whose_data_does_not_end_in_time_stays_queued_and_goes_at_the_next_start(
    stage: Stage, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_SERVER_GRACE_SECONDS", "2")
    service = stage.service
    async with SlowSmtp() as server:
        await queue_letter(service, server)
        await service.start()
        await until(server.begun.is_set)
        begun = time.monotonic()
        ask_to_stop(service)
        assert await ended(service) == 0, service.log()
        assert time.monotonic() - begun > 1.5
        assert (await sent_states(database), server.letters) == (["queued"], [])
        async with database.write() as tx:  # its claim runs out
            await tx.execute(update(outgoing).values(claimed_until=None))
        await server.forget()
        server.go.set()
        monkeypatch.setenv("WHEREFROM_SERVER_GRACE_SECONDS", str(LONG_GRACE))
        await service.start()
        await until(lambda: server.letters)
        assert service.stop() == 0  # what was answered is written down first
        async with database.read() as tx:
            attempts = list(await tx.scalars(select(outgoing.c.attempts)))
    assert (await sent_states(database), len(server.letters), attempts) == (["sent"], 1, [1])


async def queue_letter(service: Service, server: SlowSmtp) -> None:
    """A letter of some length, to be sent by ``server``."""
    async with open_services(service.settings) as services:
        account = {"host": server.host, "port": server.port, "security": "none", "from_address": "news@shop.example"}
        await invoke(services, "PUT", "/sites/{site}/sender", site="shop", body=account)
        letter = {"contact": {"email": "ann@mail.example"}, "subject": "News", "html": f"<p>{'Hello ' * 20_000}</p>"}
        await invoke(services, "POST", "/sites/{site}/sends", site="shop", body=letter | {"deliver": True})


async def sent_states(database: Database) -> list[str]:
    async with database.read() as tx:
        return list(await tx.scalars(select(outgoing.c.state)))


async def fill_history(witness: Witness, database: Database) -> int:
    """Starts the service with so many letters that an export does not fit between the two: copies of one that came."""
    stage = witness.stage
    await stage.service.start()
    await witness.write("x" * 400)
    await until(lambda: stage.receiver.requests)
    begun = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = begun.union_all(select(begun.c.n + 1).where(begun.c.n < COPIES))
    made = {"id": message.c.id + numbers.c.n, "uid": message.c.uid + numbers.c.n}
    columns = list(message.c)
    copies = select(*(made.get(one.name, one) for one in columns)).select_from(message.join(numbers, true()))
    async with database.write() as tx:
        await tx.execute(insert(message).from_select(columns, copies))
    return COPIES + 1
