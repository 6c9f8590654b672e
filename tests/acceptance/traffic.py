"""What goes on at a site all the time: visitors, letters, readers of mail. It keeps what it was answered, for ever.

Whatever happens to the service meanwhile, in the end (``check``)

    every visit that was answered is there, and so is each address that was shown for it
    every open and click that was answered is there
    each letter has one row and its visit, and was posted with one body under one id, as often as it took
    nobody else held a pool's address at the time, unless it was lent as shared
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import func, select, update

from tests.acceptance.letters import write_letter
from tests.acceptance.service import Service
from tests.acceptance.stage import Stage, set_up
from tests.support.dovecot import Dovecot
from tests.support.receiver import Received, Receiver
from wherefrom.app import open_services
from wherefrom.clock import SystemClock
from wherefrom.db import Database
from wherefrom.inbox.tables import match, message
from wherefrom.management import invoke
from wherefrom.substitution.tables import lease
from wherefrom.tracking.tables import engagement, hit
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import delivery

POOL = 300
SENDS = 5
DRAINED_WITHIN = 240.0
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
_AGAIN_SECONDS = 0.1
ORIGIN = {"Origin": "https://shop.example"}


@dataclass
class Traffic:
    """``services`` are asked by lot. ``shown``: visit by plus address; ``lent``: each address of the pool that was
    answered, with its visit; ``hits``: how many opens and clicks were answered, by letter and kind; ``sent``: visit by
    subject, ``letters`` of them at the most."""

    services: Sequence[Service]
    stage: Stage
    pool: str
    database: Database
    paths: dict[tuple[str, str], str]
    letters: int
    chance: random.Random
    shown: dict[str, str] = field(default_factory=dict)
    visits: set[str] = field(default_factory=set)
    lent: list[tuple[str, str]] = field(default_factory=list)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    sent: dict[str, str] = field(default_factory=dict)
    answered: int = 0
    unanswered: int = 0

    # ------------------------------------------------------------------------------------------ what goes on

    @contextlib.asynccontextmanager
    async def flowing(self, visitors: int = 2, readers: int = 1) -> AsyncIterator[None]:
        """So many come all the time, each asking again once answered."""
        async with httpx.AsyncClient(trust_env=False, timeout=6, headers={"User-Agent": PERSON}) as client:
            tasks = [asyncio.create_task(self._browse(client)) for _ in range(visitors)]
            tasks += [asyncio.create_task(self._read_mail(client)) for _ in range(readers)]
            try:
                yield
                for task in tasks:
                    assert not task.done(), task.exception()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def heard(self) -> None:
        """Returns when a visitor was answered from now on."""
        before, deadline = len(self.visits), time.monotonic() + 90
        while len(self.visits) == before:
            assert time.monotonic() < deadline, self.logs()
            await asyncio.sleep(0.01)

    async def flow(self, answers: int, seconds: float) -> None:
        """Returns after so many answers from now on, or after so long."""
        before, deadline = self.answered, time.monotonic() + seconds
        while True:
            if self.answered >= before + answers or time.monotonic() > deadline:
                return
            await asyncio.sleep(0.002)

    def write(self, count: int) -> None:
        """Letters to addresses that were shown, as long as some are left to write."""
        addresses = list(self.shown)
        for _ in range(min(count, self.letters - len(self.sent)) if addresses else 0):
            address = self.chance.choice(addresses)
            subject = f"Letter {len(self.sent)}"
            raw, _ = write_letter(address, subject)
            raw = raw.replace(b"Anna Berg <anna@", f"Customer <c{len(self.sent)}@".encode())
            self.stage.dovecot.deliver(address, raw)
            self.sent[subject] = self.shown[address]

    async def _browse(self, client: httpx.AsyncClient) -> None:
        """Visitors come, one after the other, and each is shown both addresses."""
        plus, pool = self.stage.address, self.pool
        for number in itertools.count():
            page = {"site": self.stage.key, "page": f"https://shop.example/p{number}", "addresses": [plus, pool]}
            answer = await self._ask(client, "POST", "/v1/visits", json=page, headers=ORIGIN)
            if answer is None:
                continue
            told = answer.json()
            self.visits.add(told["visit"])
            self.shown[told["substitutes"][plus]["address"]] = told["visit"]
            if pool in told["substitutes"]:
                self.lent.append((told["substitutes"][pool]["address"], told["visit"]))

    async def _read_mail(self, client: httpx.AsyncClient) -> None:
        """People open letters, and follow what is in them."""
        while True:
            letter, path = self.chance.choice(list(self.paths.items()))
            if await self._ask(client, "GET", path) is not None:
                self.hits[letter] += 1
            await asyncio.sleep(0.005)

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response | None:
        """An answer of any web process; None when it had none to give."""
        url = self.chance.choice(self.services).url + path
        try:
            answer = await client.request(method, url, **more)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code in (200, 307):
            self.answered += 1
            return answer
        assert answer is None or answer.status_code in (500, 503), (answer.status_code, answer.text)
        self.unanswered += 1
        await asyncio.sleep(_AGAIN_SECONDS)  # as a browser would, only sooner
        return None

    # ------------------------------------------------------------------------------------------ what has to be there

    async def drained(self) -> float:
        """Waits until every letter is told and every hit judged; after how many seconds."""
        began = time.monotonic()
        while True:
            async with self.database.read() as tx:
                done = await tx.scalar(
                    select(func.count()).select_from(delivery).where(delivery.c.status == "delivered")
                )
                waiting = await tx.scalar(select(func.count()).select_from(hit))
            if done == len(self.sent) and not waiting:
                return time.monotonic() - began
            assert time.monotonic() - began < DRAINED_WITHIN, (
                f"{done} of {len(self.sent)} letters were told, {waiting} hits wait\n{self.logs()}"
            )
            await asyncio.sleep(0.2)

    async def end_claims(self) -> None:
        """What processes that are dead had claimed is free at once, as it would be after a minute."""
        now = SystemClock().now()
        async with self.database.write() as tx:
            for table in (message, delivery):
                await tx.execute(update(table).where(table.c.claimed_until > now).values(claimed_until=now))

    async def check(self) -> tuple[int, int]:
        """All of the list above, after ``drained``. How many answers of the pool were shared, and how many letters were
        posted more than once."""
        await self._check_visits()
        await self._check_hits()
        await self._check_letters()
        return await self._check_pool(), self._check_posts()

    async def check_deliveries(self) -> int:
        """At any moment: every delivery waits, or has been posted. How many wait."""
        async with self.database.read() as tx:
            rows = (await tx.execute(select(delivery.c.id, delivery.c.status))).all()
        posted = {request.headers["webhook-id"] for request in self.stage.receiver.requests}
        assert {row.status for row in rows} <= {"pending", "delivered"}
        assert {f"msg_{row.id}" for row in rows if row.status == "delivered"} <= posted
        return sum(row.status == "pending" for row in rows)

    async def _check_visits(self) -> None:
        async with self.database.read() as tx:
            kept = {str(number) for number in (await tx.scalars(select(visit.c.id))).all()}
            leases = {(row[0], str(row[1])) for row in await tx.execute(select(lease.c.address, lease.c.visit_id))}
        assert self.visits
        assert self.visits <= kept
        assert set(self.shown.items()) <= leases
        assert set(self.lent) <= leases

    async def _check_hits(self) -> None:
        """Or the process has said that it could not keep one: people get pictures and pages anyway."""
        by = (engagement.c.send_id, engagement.c.kind)
        async with self.database.read() as tx:
            rows = await tx.execute(select(*by, func.count().label("kept")).group_by(*by))
            kept = {(str(row.send_id), row.kind): row.kept for row in rows}
        lost = sum(max(0, count - kept.get(letter, 0)) for letter, count in self.hits.items())
        assert self.hits
        told = (re.findall(r"hits could not be recorded .*\bhits=(\d+)", one.log()) for one in self.services)
        assert lost <= sum(int(hits) for found in told for hits in found)

    async def _check_pool(self) -> int:
        query = select(lease).where(lease.c.strategy == "pool").order_by(lease.c.address_key, lease.c.leased_at)
        async with self.database.read() as tx:
            rows = (await tx.execute(query)).all()
        assert rows
        for before, after in itertools.pairwise(rows):
            if before.address_key == after.address_key and not after.shared:
                assert before.expires_at <= after.leased_at, (before, after)
        return sum(row.shared for row in rows)

    async def _check_letters(self) -> None:
        joined = (match.c.site_id == message.c.site_id) & (match.c.message_id == message.c.id)
        query = select(message.c.subject, message.c.status, match.c.visit_id).outerjoin(match, joined)
        async with self.database.read() as tx:
            rows = (await tx.execute(query)).all()
        assert sorted((subject, status, str(number)) for subject, status, number in rows) == sorted(
            (subject, "sorted", number) for subject, number in self.sent.items()
        )

    def _check_posts(self) -> int:
        posts: dict[str, list[Received]] = defaultdict(list)
        for request in self.stage.receiver.requests:
            if request.body:  # a connection that was cut within the request has none
                posts[_body(request)["data"]["message"]["subject"]].append(request)
        assert {subject: _body(found[0])["data"]["visit"]["id"] for subject, found in posts.items()} == self.sent
        ids = {subject: {one.headers["webhook-id"] for one in found} for subject, found in posts.items()}
        assert all(len(found) == 1 for found in ids.values()), ids
        assert len(set.union(*ids.values())) == len(self.sent)
        assert all(len({one.body for one in found}) == 1 for found in posts.values())
        self.stage.verify(self.stage.receiver.requests[-1])  # a signature is good for five minutes: not the first ones
        return sum(len(found) > 1 for found in posts.values())

    def logs(self) -> str:
        """The end of what each service has written."""
        return "\n".join(one.log()[-2000:] for one in self.services if (one.folder / "service.log").exists())


def _body(request: Received) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(request.body)
    return read


@contextlib.asynccontextmanager
async def open_traffic(
    first: Service, dovecot: Dovecot, receiver: Receiver, domain: str, *, letters: int, seed: int
) -> AsyncIterator[Traffic]:
    """Sets up a site at ``first``, which is not started: a mailbox, a plus address and a pool, an endpoint, and letters
    that went out. Nothing flows yet; ``services`` may be others."""
    stage = await set_up(first, dovecot, receiver, "plus", domain)
    pool = f"help@{domain}"
    paths = {}
    async with open_services(first.settings) as services:
        lines = "".join(f"help-{number}@{domain}\n" for number in range(POOL))
        target = {"address": pool, "strategy": "pool", "pool": lines}
        await invoke(services, "POST", "/sites/{site}/targets", site="shop", body=target)
        for number in range(SENDS):
            html = '<p>Chairs: <a href="https://shop.example/chairs">here</a></p>'
            letter = {"contact": {"email": f"reader{number}@people.example"}, "html": html}
            made = await invoke(services, "POST", "/sites/{site}/sends", site="shop", body=letter)
            for kind, before in (("open", 'src="'), ("click", 'href="')):
                paths[made.send.id, kind] = made.html.partition(before)[2].partition('"')[0].replace(first.url, "")
    database = Database(first.database_url)
    try:
        yield Traffic([first], stage, pool, database, paths, letters, random.Random(seed))
    finally:
        await database.close()
