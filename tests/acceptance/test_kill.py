"""The service is killed at moments drawn by lot while letters come in and the CRM fails: none is lost, none doubled.

By default a short run (about a minute an engine). The long one:

    WHEREFROM_KILLS=200 WHEREFROM_LETTERS=500 python -m pytest tests/acceptance/test_kill.py

A letter counts as lost when it has no row, no visit or another's, or no accepted delivery; as doubled when it has two
rows, or is posted under two ids. The same bytes may be posted more than once: at least once is what is promised.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from sqlalchemy import func, select

from tests.acceptance.letters import write_letter
from tests.acceptance.service import Service
from tests.acceptance.stage import DEAL, Stage, set_up
from tests.support.dovecot import Dovecot
from tests.support.receiver import Answer, Received, Receiver
from wherefrom.db import Database
from wherefrom.inbox.tables import match, message
from wherefrom.webhooks.tables import delivery

_numbers = itertools.count(1)

SEED = 20261121
KILLS = int(os.environ.get("WHEREFROM_KILLS", "8"))
LETTERS = int(os.environ.get("WHEREFROM_LETTERS", "60"))
VISITS = 20
LONGEST_LIFE = 1.5  # seconds of work; a mailbox of new letters takes less
STILLBORN = 0.2  # this part of the processes is killed before it is ready
DRAINED_WITHIN = 240.0
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def unreliable(chance: random.Random) -> Answer:
    """A CRM's answer on a bad day; the slowest comes after the service has given up, though the letter was taken."""
    lot = chance.random()
    if lot < 0.15:
        return Answer(500, b"down")
    if lot < 0.25:
        return Answer(drop=True)
    if lot < 0.35:
        return Answer(delay=0.4)
    if lot < 0.40:
        return Answer(delay=1.6)
    return Answer(200, json.dumps(DEAL).encode(), {"Content-Type": "application/json"})


@dataclass
class Run:
    """``visits``: the visit number by substitute; ``sent``: that of each letter, by subject."""

    stage: Stage
    chance: random.Random
    visits: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)

    async def show_pages(self) -> None:
        """So many visitors, each with a substitute."""
        async with httpx.AsyncClient(trust_env=False, headers={"User-Agent": PERSON}) as client:
            for number in range(VISITS):
                page = f"https://shop.example/chairs?utm_source=google&utm_campaign=c{number}"
                hit = {"site": self.stage.key, "page": page, "addresses": [self.stage.address]}
                answer = await client.post(
                    f"{self.stage.service.url}/v1/visits", json=hit, headers={"Origin": "https://shop.example"}
                )
                told = answer.json()
                self.visits[told["substitutes"][self.stage.address]["address"]] = told["visit"]

    async def live(self, seconds: float) -> None:
        """Lets the service work for so long, with letters coming in, or not even become ready."""
        if self.chance.random() < STILLBORN:
            self.stage.service.spawn()
        else:
            await self.stage.service.start()
        await asyncio.sleep(seconds / 2)  # what happens until the kill is left to chance: nothing is waited for
        self.deliver(self.chance.randint(0, 3))
        await asyncio.sleep(seconds / 2)

    def deliver(self, count: int) -> None:
        """Letters to any of them, as long as some are left to write."""
        for _ in range(min(count, LETTERS - len(self.sent))):
            substitute = self.chance.choice(sorted(self.visits))
            subject = f"Letter {len(self.sent)}"
            sender = f"Customer <c{len(self.sent)}@visitor.example>"
            raw, _ = write_letter(substitute, subject)
            raw = raw.replace(b"Anna Berg <anna@visitor.example>", sender.encode())
            self.stage.dovecot.deliver(substitute, raw)
            self.sent[subject] = self.visits[substitute]


@pytest_asyncio.fixture
async def run(database_url: str, tmp_path: Path, dovecot: Dovecot, receiver: Receiver) -> AsyncIterator[Run]:
    # Each letter is refused many times by chance and by kills; that a schedule comes to its end is tested elsewhere.
    service = Service(tmp_path, database_url, webhook_settings="timeout_seconds = 1", retries=200)
    stage = await set_up(service, dovecot, receiver, "plus", f"kill{next(_numbers)}.example")
    try:
        yield Run(stage, random.Random(SEED))
    finally:
        service.kill()


async def test_a_service_killed_at_any_moment_stores_matches_and_tells_every_letter(
    run: Run, record_property: Callable[[str, object], None]
) -> None:
    service, receiver = run.stage.service, run.stage.receiver
    await service.start()
    await run.show_pages()
    service.kill()
    for _ in range(4 * LETTERS):
        receiver.queue(unreliable(run.chance))
    for _ in range(KILLS):
        run.deliver(run.chance.randint(0, 2 * LETTERS // KILLS))
        await run.live(run.chance.uniform(0, LONGEST_LIFE))
        service.kill()
    run.deliver(LETTERS)
    stored, posted = await _count(service), len(receiver.requests)
    assert stored
    assert posted
    receiver.forget_answers()
    began = time.monotonic()
    await service.start()
    await _drained(service)
    took = time.monotonic() - began
    assert service.stop() == 0

    await _assert_rows(run)
    doubles = _assert_posts(run, receiver.requests)
    record_property(
        "figure",
        f"{KILLS} kills, {LETTERS} letters: {stored} stored and {posted} posts made before the last start, "
        f"{took:.0f} s to the end after it; each has one row, its visit and one id; {doubles} were posted again",
    )


async def _count(service: Service) -> int:
    database = Database(service.database_url)
    try:
        async with database.read() as tx:
            return int(await tx.scalar(select(func.count()).select_from(message)) or 0)
    finally:
        await database.close()


async def _drained(service: Service) -> None:
    """Waits until every letter has an accepted delivery."""
    database = Database(service.database_url)
    deadline = time.monotonic() + DRAINED_WITHIN
    try:
        while True:
            async with database.read() as tx:
                ended = await tx.scalar(
                    select(func.count()).select_from(delivery).where(delivery.c.status == "delivered")
                )
            if ended == LETTERS:
                return
            assert time.monotonic() < deadline, f"{ended} of {LETTERS} letters were told\n{service.log()[-4000:]}"
            await asyncio.sleep(0.2)
    finally:
        await database.close()


async def _assert_rows(run: Run) -> None:
    """One row a letter, with the visit it was written from."""
    database = Database(run.stage.service.database_url)
    joined = (match.c.site_id == message.c.site_id) & (match.c.message_id == message.c.id)
    try:
        async with database.read() as tx:
            query = select(message.c.subject, message.c.status, match.c.visit_id).outerjoin(match, joined)
            rows = (await tx.execute(query)).all()
    finally:
        await database.close()
    assert sorted((subject, status, str(visit)) for subject, status, visit in rows) == sorted(
        (subject, "sorted", visit) for subject, visit in run.sent.items()
    )


def _assert_posts(run: Run, requests: list[Received]) -> int:
    """Each letter posted under one id, with one body; how many were posted more than once."""
    posts: dict[str, list[Received]] = defaultdict(list)
    for request in requests:
        if request.body:  # a connection that was cut within the request has none
            posts[_body(request)["data"]["message"]["subject"]].append(request)
    assert set(posts) == set(run.sent)
    ids = {subject: {one.headers["webhook-id"] for one in found} for subject, found in posts.items()}
    assert all(len(found) == 1 for found in ids.values()), ids
    assert len(set.union(*ids.values())) == len(run.sent)
    assert all(len({one.body for one in found}) == 1 for found in posts.values())
    assert {subject: _body(found[0])["data"]["visit"]["id"] for subject, found in posts.items()} == run.sent
    run.stage.verify(requests[-1])  # a signature is good for five minutes, so that the first ones may be too old
    return sum(len(found) > 1 for found in posts.values())


def _body(request: Received) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(request.body)
    return read
