"""Three web and two working processes share PostgreSQL and nothing else, while they are killed and cut off by lot.

Each has a folder of its own, and its own way to the database, which can be pulled out. Visitors, letters and readers of
mail go on meanwhile. What has to be there in the end is told in ``traffic``.

By default a short run. The long one:

    WHEREFROM_STRIKES=300 python -m pytest tests/acceptance/test_hosts.py
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from tests.acceptance.service import Service
from tests.acceptance.traffic import Traffic, open_traffic
from tests.support.dovecot import Dovecot
from tests.support.receiver import Receiver
from tests.support.relay import Relay

STRIKES = int(os.environ.get("WHEREFROM_STRIKES", "10"))
LETTERS = 3 * STRIKES
SEED = 20261121
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

    async def come_back(self) -> None:
        """Whatever has happened to it."""
        if self.alive:
            await self.relay.mend()
        else:
            await self.start()

    @property
    def alive(self) -> bool:
        return self.service.process is not None and self.service.process.poll() is None


@dataclass
class Run:
    """What flows, and the hosts that things happen to."""

    hosts: list[Host]
    traffic: Traffic
    moments: random.Random

    async def strike(self) -> None:
        """Something happens to a host; another one comes back."""
        host = self.moments.choice(self.hosts)
        blow = self.moments.choice(["kill", "kill", "cut", "silence"])
        if blow == "kill" or not host.alive:
            host.service.kill()
        elif blow == "cut":
            host.relay.cut()
        else:
            host.relay.silence()
        self.traffic.write(self.moments.randint(0, 2 * LETTERS // STRIKES))
        await asyncio.sleep(self.moments.uniform(0.2, 1.5))  # so long the others are alone
        await host.come_back()


@pytest_asyncio.fixture
async def run(database_url: str, tmp_path: Path, dovecot: Dovecot, receiver: Receiver) -> AsyncIterator[Run]:
    (tmp_path / "first").mkdir()
    first = Service(tmp_path / "first", database_url, retries=200)
    domain = f"hosts{next(_numbers)}.example"
    hosts = [_host(tmp_path, database_url, first, role, n) for n, role in enumerate(["web"] * 3 + ["work"] * 2)]
    try:
        async with open_traffic(first, dovecot, receiver, domain, letters=LETTERS, seed=SEED) as traffic:
            traffic.services = [one.service for one in hosts if one.role == "web"]
            for host in hosts:
                await host.start()
            yield Run(hosts, traffic, random.Random(SEED))
    finally:
        for host in hosts:
            host.service.kill()
            await host.relay.stop()


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
    traffic = run.traffic
    await _first_answers(traffic)
    async with traffic.flowing():
        for _ in range(STRIKES):
            await run.strike()
    for host in run.hosts:
        await host.come_back()
    traffic.write(LETTERS)
    took = await traffic.drained()
    shared, doubles = await traffic.check()
    record_property(
        "figure",
        f"{STRIKES} strikes at 3 web and 2 working processes: {len(traffic.visits)} visits, "
        f"{sum(traffic.hits.values())} opens and clicks and {LETTERS} letters, {traffic.unanswered} requests without "
        f"an answer; nothing answered was lost, no address held twice ({shared} lent knowingly), {doubles} posts made "
        f"again, {took:.0f} s to the end after the last one",
    )


async def _first_answers(traffic: Traffic) -> None:
    """Each web process is ready."""
    deadline = time.monotonic() + 60
    async with httpx.AsyncClient(trust_env=False) as client:
        for service in traffic.services:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(service.url + "/readyz")).status_code == 200:
                        break
                assert time.monotonic() < deadline, service.log()
                await asyncio.sleep(0.05)
