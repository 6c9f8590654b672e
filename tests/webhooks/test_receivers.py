"""The receivers of the manual, run for real: each takes a real delivery and refuses what is forged."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.components import NODE, PHP, require
from tests.support.ports import free_port
from tests.support.receiver import Receiver
from tests.webhooks.conftest import SITE, letter, listen, tell, work
from tests.webhooks.test_deliver import deliveries
from wherefrom.services import Services
from wherefrom.webhooks.change import Added, ChangeSecret, change_secret
from wherefrom.webhooks.signature import sign_headers
from wherefrom.webhooks.store import find_deals
from wherefrom.webhooks.trial import try_endpoint

FOLDER = Path(__file__).parents[2] / "docs" / "receivers"
COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "receiver.py": lambda port: [sys.executable, "receiver.py"],
    "receiver.php": lambda port: ["php", "-S", f"127.0.0.1:{port}", "receiver.php"],
    "receiver.mjs": lambda port: ["node", "receiver.mjs"],
}
NEEDS = {"receiver.php": PHP, "receiver.mjs": NODE}
ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the receiver does not see the database


@contextmanager
def running(name: str, port: int, secret: str) -> Iterator[None]:
    """The program as its first lines say it is started, until it answers."""
    environment = {**os.environ, "SECRET": secret, "PORT": str(port)}
    process = subprocess.Popen(
        COMMANDS[name](port), cwd=FOLDER, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, f"{name} ended with status {process.returncode}"
                assert time.monotonic() < deadline, f"{name} does not listen"
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest_asyncio.fixture(params=list(COMMANDS))
async def started(services: Services, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Added, str]]:
    """An endpoint with a receiver behind it, and its URL."""
    if request.param in NEEDS:
        require(NEEDS[request.param])
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    added = await listen(services, url)
    manager = running(request.param, port, added.secret)
    await asyncio.to_thread(manager.__enter__)
    try:
        yield added, url
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


@ONE_ENGINE
async def test_a_letter_is_taken_and_its_deal_number_comes_back(services: Services, started: tuple[Added, str]):
    await tell(services, 5, letter(id="5", text="Привет, сколько?", from_address="anna@mail.example"))
    await work(services)
    [one] = await deliveries(services)
    assert one.status == "delivered"
    async with services.db.read() as tx:
        assert (await find_deals(tx, SITE, [5]))[5].number == "from anna@mail.example"


@ONE_ENGINE
async def test_a_sample_is_taken_and_so_is_a_letter_while_the_secret_is_changed(
    services: Services, started: tuple[Added, str]
):
    added, _ = started
    for sample in ("ping", "letter"):
        trial = await try_endpoint(services, SITE, added.endpoint.id, sample)
        assert trial.answer.accepted, trial.words
    await change_secret(services, SITE, added.endpoint.id, ChangeSecret())
    assert (await try_endpoint(services, SITE, added.endpoint.id, "letter")).answer.accepted
    await change_secret(services, SITE, added.endpoint.id, ChangeSecret(overlap_hours=0))
    assert (await try_endpoint(services, SITE, added.endpoint.id, "letter")).answer.status == 401


@ONE_ENGINE
async def test_what_is_forged_altered_or_replayed_is_refused(services: Services, started: tuple[Added, str]):
    added, url = started
    body, now = b'{"data":{"message":{"from_address":"a"}}}', datetime.now(UTC)
    good = sign_headers([added.secret], "msg_1", now, body)
    old = sign_headers([added.secret], "msg_1", now - timedelta(minutes=6), body)
    early = sign_headers([added.secret], "msg_1", now + timedelta(minutes=6), body)
    cases: list[tuple[dict[str, Any], bytes, int]] = [
        (good, body, 200),
        (good, body + b" ", 401),
        ({**good, "webhook-id": "msg_2"}, body, 401),
        ({**good, "webhook-timestamp": str(int(now.timestamp()) + 1)}, body, 401),
        ({**good, "webhook-signature": "v1,AAAA"}, body, 401),
        ({**good, "webhook-signature": "v1,AAAA " + good["webhook-signature"]}, body, 200),
        ({**good, "webhook-signature": ""}, body, 401),
        ({}, body, 401),
        (old, body, 401),
        (early, body, 401),
    ]
    async with httpx.AsyncClient() as client:
        for headers, sent, status in cases:
            assert (await client.post(url, content=sent, headers=headers)).status_code == status, (headers, sent)


async def test_the_manuals_letters_are_what_a_sample_posts(services: Services, receiver: Receiver):
    for form in ("standard", "roistat"):
        added = await listen(services, f"{receiver.url}/{form}", format=form)
        await try_endpoint(services, SITE, added.endpoint.id, "letter")
        sent = json.loads(receiver.requests[-1].body)
        shown = json.loads((FOLDER / f"letter.{form}.json").read_text())
        assert shapes(shown) == shapes(sent)


def shapes(tree: Any) -> Any:
    """The tree with its moments cut out: they are those of the sending."""
    if isinstance(tree, dict):
        return {name: "…" if name.endswith(("_at", "timestamp")) else shapes(one) for name, one in tree.items()}
    return tree


def test_each_receiver_is_about_ten_lines_without_blanks_and_comments():
    for name in COMMANDS:
        lines = [line.strip() for line in (FOLDER / name).read_text().splitlines()]
        code = [
            line for line in lines if line and not line.startswith(("//", "#", '"""', "<?php", "}", "import", "from"))
        ]
        assert len(code) <= 16, (name, len(code))
