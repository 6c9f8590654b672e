"""The service is killed at moments drawn by lot, in the middle of everything: nothing that was answered is lost.

Visitors, letters and readers of mail go on meanwhile, and the CRM has a bad day. By default a short run. The long one:

    WHEREFROM_KILLS=300 python -m pytest tests/acceptance/test_crash.py

or in parts, by other lots each: WHEREFROM_SEED=1.

What has to be there in the end is told in ``traffic``. The same bytes may be posted to the CRM more than once: at least
once is what is promised.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio

from tests.acceptance.service import Service
from tests.acceptance.stage import DEAL
from tests.acceptance.traffic import Traffic, open_traffic
from tests.support.dovecot import Dovecot
from tests.support.receiver import Answer, Receiver

_numbers = itertools.count(1)

SEED = int(os.environ.get("WHEREFROM_SEED", "20261122"))
KILLS = int(os.environ.get("WHEREFROM_KILLS", "6"))
LETTERS = 3 * KILLS
LONGEST_LIFE = 300  # answers from the first one on; a second, where there is nothing else to do
LATEST_DEATH = 5.0  # seconds from then on; where there is
STILLBORN = 0.2  # this part of the processes is killed before it answers
LONGEST_BIRTH = 1.0
VISITORS, READERS = 8, 3


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


@pytest_asyncio.fixture
async def traffic(database_url: str, tmp_path: Path, dovecot: Dovecot, receiver: Receiver) -> AsyncIterator[Traffic]:
    # Each letter is refused many times by chance and by kills; that a schedule comes to its end is tested elsewhere.
    service = Service(tmp_path, database_url, webhook_settings="timeout_seconds = 1", retries=200)
    domain = f"crash{next(_numbers)}.example"
    try:
        async with open_traffic(service, dovecot, receiver, domain, letters=LETTERS, seed=SEED) as found:
            yield found
    finally:
        service.kill()


async def test_a_service_killed_at_any_moment_loses_nothing_that_it_answered(
    traffic: Traffic, record_property: Callable[[str, object], None]
) -> None:
    (service,), receiver = traffic.services, traffic.stage.receiver
    moments = random.Random(SEED)
    for _ in range(4 * LETTERS):
        receiver.queue(unreliable(moments))
    async with traffic.flowing(VISITORS, READERS):
        for _ in range(KILLS):
            await _live(service, traffic, moments)
            service.kill()
    waiting = await traffic.check_deliveries()
    await traffic.end_claims()
    posted = len(receiver.requests)
    traffic.write(LETTERS)
    receiver.forget_answers()
    await service.start()
    took = await traffic.drained()
    assert service.stop() == 0
    _, doubles = await traffic.check()
    record_property(
        "figure",
        f"{KILLS} kills: {len(traffic.visits)} visits, {len(traffic.lent)} addresses of a pool, "
        f"{sum(traffic.hits.values())} opens and clicks and {LETTERS} letters were answered, {traffic.unanswered} "
        f"requests were not; {posted} posts made and {waiting} owed before the last start, {took:.0f} s to the end "
        f"after it; nothing answered was lost, {doubles} letters posted again under their id",
    )


async def _live(service: Service, traffic: Traffic, moments: random.Random) -> None:
    """Lets the service work for a time, with letters coming in, or not even become ready. What happens until the kill
    is left to chance."""
    life, letters = moments.randint(0, LONGEST_LIFE), moments.randint(0, 6)
    service.spawn()
    if moments.random() < STILLBORN:
        await asyncio.sleep(moments.uniform(0, LONGEST_BIRTH))
        return
    await traffic.heard()
    await traffic.flow(life // 2, LATEST_DEATH / 2)
    traffic.write(letters)
    await traffic.flow(life // 2, LATEST_DEATH / 2)
