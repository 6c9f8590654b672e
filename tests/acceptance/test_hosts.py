"""Three web and two working processes share PostgreSQL and nothing else, while they are killed and cut off by lot.

Each has a folder of its own, and its own way to the database, which can be pulled out. Visitors, letters and readers of
mail go on meanwhile. What a process has answered is true for ever: visits, substitutes and opens are there, a pool's
address is nobody else's while it is held, each letter has one row and its visit, the CRM hears of each under one id.

By default a short run. The long one:

    WHEREFROM_STRIKES=300 python -m pytest tests/acceptance/test_hosts.py
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, make_url, select

from tests.acceptance.letters import write_letter
from tests.acceptance.service import Service
from tests.acceptance.stage import set_up
from tests.support.dovecot import Dovecot
from tests.support.receiver import Received, Receiver
from tests.support.relay import Relay
from wherefrom.app import open_services
from wherefrom.db import Database
from wherefrom.inbox.tables import match, message
from wherefrom.management import invoke
from wherefrom.substitution.tables import lease
from wherefrom.tracking.tables import engagement, hit
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import delivery

STRIKES = int(os.environ.get("WHEREFROM_STRIKES", "10"))
LETTERS = 3 * STRIKES
SEED = 20261121
POOL = 300
DRAINED_WITHIN = 180.0
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
_numbers = itertools.count(1)


@dataclass
class Host:
    """A process with its folder and its way to the database."""

    service: Service
    relay: Relay
    role: str

    async def start(self) -> None:
        await self.relay.mend()
        self.service.kill()
        self.service.spawn_as(self.role)

    @property
    def alive(self) -> bool:
        return self.service.process is not None and self.service.process.poll() is None


@dataclass
class Run:
    """``coded``: visit by plus code, ``lent``: visit by every answer of the pool, ``hits``: answered pixels by send."""

    hosts: list[Host]
    key: str
    plus: str
    pool: str
    dovecot: Dovecot
    receiver: Receiver
    database: Database
    pixels: dict[str, str]
    chance: random.Random
    coded: dict[str, str] = field(default_factory=dict)
    visits: set[str] = field(default_factory=set)
    lent: list[tuple[str, str]] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    sent: dict[str, str] = field(default_factory=dict)

    @property
    def webs(self) -> list[Host]:
        return [one for one in self.hosts if one.role == "web"]

    async def ask(self, client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response | None:
        """An answer of any web process; None when it had none to give."""
        url = self.chance.choice(self.webs).service.url + path
        try:
            answer = await client.request(method, url, **more)
        except httpx.TransportError:
            self.unanswered += 1
            return None
        if answer.status_code != 200:
            assert answer.status_code in (500, 503), (answer.status_code, answer.text)
            self.unanswered += 1
            return None
        return answer

    async def browse(self, client: httpx.AsyncClient) -> None:
        """Visitors come, one after the other, and each is shown both addresses."""
        for number in itertools.count():
            page = {"site": self.key, "page": f"https://shop.example/p{number}", "addresses": [self.plus, self.pool]}
            answer = await self.ask(client, "POST", "/v1/visits", json=page, headers={"Origin": "https://shop.example"})
            if answer is None:
                await asyncio.sleep(0.02)  # as a browser would, only sooner
                continue
            told = answer.json()
            self.visits.add(told["visit"])
            self.coded[told["substitutes"][self.plus]["address"]] = told["visit"]
            if self.pool in told["substitutes"]:
                self.lent.append((told["substitutes"][self.pool]["address"], told["visit"]))

    async def read_mail(self, client: httpx.AsyncClient) -> None:
        """People open letters."""
        while True:
            send, path = self.chance.choice(list(self.pixels.items()))
            answer = await self.ask(client, "GET", path)
            if answer is not None:
                self.hits[send] += 1
            await asyncio.sleep(0.005)

    def write(self, count: int) -> None:
        """Letters to addresses that were shown, as long as some are left to write."""
        for _ in range(min(count, LETTERS - len(self.sent)) if self.coded else 0):
            address = self.chance.choice(sorted(self.coded))
            subject = f"Letter {len(self.sent)}"
            raw, _ = write_letter(address, subject)
            raw = raw.replace(b"Anna Berg <anna@", f"Customer <c{len(self.sent)}@".encode())
            self.dovecot.deliver(address, raw)
            self.sent[subject] = self.coded[address]

    async def strike(self) -> None:
        """Something happens to a host; another one comes back."""
        host = self.chance.choice(self.hosts)
        blow = self.chance.choice(["kill", "kill", "cut", "silence"])
        if blow == "kill" or not host.alive:
            host.service.kill()
        elif blow == "cut":
            host.relay.cut()
        else:
            host.relay.silence()
        self.write(self.chance.randint(0, 2 * LETTERS // STRIKES))
        await asyncio.sleep(self.chance.uniform(0.2, 1.5))  # so long the others are alone
        if not host.alive:
            await host.start()
        else:
            await host.relay.mend()


@pytest_asyncio.fixture
async def run(database_url: str, tmp_path: Path, dovecot: Dovecot, receiver: Receiver) -> AsyncIterator[Run]:
    domain = f"hosts{next(_numbers)}.example"
    (tmp_path / "first").mkdir()
    first = Service(tmp_path / "first", database_url, retries=200)
    stage = await set_up(first, dovecot, receiver, "plus", domain)
    pool = f"help@{domain}"
    async with open_services(first.settings) as services:
        lines = "".join(f"help-{number}@{domain}\n" for number in range(POOL))
        target = {"address": pool, "strategy": "pool", "pool": lines}
        await invoke(services, "POST", "/sites/{site}/targets", site="shop", body=target)
        pixels = {}
        for number in range(5):
            letter = {"contact": {"email": f"reader{number}@people.example"}, "html": "<p>Chairs</p>"}
            made = await invoke(services, "POST", "/sites/{site}/sends", site="shop", body=letter)
            pixels[made.send.id] = made.html.partition('src="')[2].partition('"')[0].replace(first.url, "")
    hosts = [_host(tmp_path, database_url, first, role, n) for n, role in enumerate(["web"] * 3 + ["work"] * 2)]
    database = Database(database_url)
    try:
        for host in hosts:
            await host.start()
        yield Run(
            hosts, stage.key, stage.address, pool, dovecot, receiver, database, pixels, random.Random(SEED)
        )  # fmt: skip
    finally:
        for host in hosts:
            host.service.kill()
            await host.relay.stop()
        await database.close()


def _host(home: Path, database_url: str, first: Service, role: str, number: int) -> Host:
    url = make_url(database_url)
    assert url.port is not None
    relay, folder = Relay(url.port), home / f"host{number}"
    folder.mkdir()
    key = first.folder / first.settings.data.key_file
    service = Service(
        folder,
        url.set(port=relay.port).render_as_string(hide_password=False),
        retries=200,
        webhook_settings="timeout_seconds = 2",
        extra_settings=f'[data]\nshared = true\nkey_file = "{key}"\n',
    )
    return Host(service, relay, role)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite is for one host
async def test_hosts_that_are_killed_and_cut_off_keep_what_they_answered(
    run: Run, record_property: Callable[[str, object], None]
) -> None:
    await _first_answers(run)
    async with httpx.AsyncClient(trust_env=False, timeout=6, headers={"User-Agent": PERSON}) as client:
        load = [asyncio.create_task(one(client)) for one in (run.browse, run.browse, run.read_mail)]
        for _ in range(STRIKES):
            await run.strike()
            for task in load:
                assert not task.done() or task.result() is None
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    for host in run.hosts:
        await host.relay.mend()
        if not host.alive:
            await host.start()
    run.write(LETTERS)
    began = time.monotonic()
    await _drained(run)
    took = time.monotonic() - began
    await _assert_visits(run)
    await _assert_hits(run)
    shared = await _assert_leases(run)
    await _assert_letters(run)
    doubles = _assert_posts(run, run.receiver.requests)
    record_property(
        "figure",
        f"{STRIKES} strikes at 3 web and 2 working processes: {len(run.visits)} visits, {sum(run.hits.values())} opens "
        f"and {LETTERS} letters, {run.unanswered} requests without an answer; nothing answered was lost, no address "
        f"held twice ({shared} lent knowingly), {doubles} posts made again, {took:.0f} s to the end after the last one",
    )


async def _first_answers(run: Run) -> None:
    deadline = time.monotonic() + 60
    async with httpx.AsyncClient(trust_env=False) as client:
        for host in run.webs:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(host.service.url + "/readyz")).status_code == 200:
                        break
                assert time.monotonic() < deadline, host.service.log()
                await asyncio.sleep(0.05)


async def _drained(run: Run) -> None:
    deadline = time.monotonic() + DRAINED_WITHIN
    while True:
        async with run.database.read() as tx:
            done = await tx.scalar(select(func.count()).select_from(delivery).where(delivery.c.status == "delivered"))
            waiting = await tx.scalar(select(func.count()).select_from(hit))
        if done == LETTERS and not waiting:
            return
        logs = "\n".join(one.service.log()[-2000:] for one in run.hosts)
        assert time.monotonic() < deadline, f"{done} of {LETTERS} letters were told, {waiting} hits wait\n{logs}"
        await asyncio.sleep(0.2)


async def _assert_visits(run: Run) -> None:
    """Every visit that was answered is there, and so is its substitute."""
    async with run.database.read() as tx:
        kept = {str(number) for number in (await tx.scalars(select(visit.c.id))).all()}
        leases = {(row[0], str(row[1])) for row in await tx.execute(select(lease.c.address, lease.c.visit_id))}
    assert run.visits <= kept
    assert set(run.coded.items()) <= leases
    assert set(run.lent) <= leases


async def _assert_leases(run: Run) -> int:
    """No address of the pool was two visits' at one time, unless it was lent as shared; how many were."""
    query = select(lease).where(lease.c.strategy == "pool").order_by(lease.c.address_key, lease.c.leased_at)
    async with run.database.read() as tx:
        rows = (await tx.execute(query)).all()
    assert rows
    for before, after in itertools.pairwise(rows):
        if before.address_key == after.address_key and not after.shared:
            assert before.expires_at <= after.leased_at, (before, after)
    return sum(row.shared for row in rows)


async def _assert_hits(run: Run) -> None:
    """Every pixel that was answered is counted, or its process has said that it could not be: people get it anyway."""
    async with run.database.read() as tx:
        kept = await tx.scalar(select(func.count()).select_from(engagement)) or 0
    told = sum(host.service.log().count("an open could not be recorded") for host in run.webs)
    assert kept + told >= sum(run.hits.values())


async def _assert_letters(run: Run) -> None:
    joined = (match.c.site_id == message.c.site_id) & (match.c.message_id == message.c.id)
    query = select(message.c.subject, message.c.status, match.c.visit_id).outerjoin(match, joined)
    async with run.database.read() as tx:
        rows = (await tx.execute(query)).all()
    assert sorted((subject, status, str(number)) for subject, status, number in rows) == sorted(
        (subject, "sorted", number) for subject, number in run.sent.items()
    )


def _assert_posts(run: Run, requests: list[Received]) -> int:
    """Each letter under one id; how many were posted more than once."""
    ids: dict[str, list[str]] = defaultdict(list)
    for request in requests:
        if request.body:
            ids[json.loads(request.body)["data"]["message"]["subject"]].append(request.headers["webhook-id"])
    assert set(ids) == set(run.sent)
    assert all(len(set(found)) == 1 for found in ids.values()), ids
    return sum(len(found) > 1 for found in ids.values())
