"""Names that do not resolve, mail servers and webhooks that are dead or silent: visitors notice nothing, /readyz and
the setup page say which, and what waited is done when they are back.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.acceptance.service import Service
from tests.acceptance.stage import Stage
from tests.acceptance.witness import Seen, Witness, call_witness, until
from tests.support.ports import free_port
from tests.support.receiver import Receiver
from tests.support.relay import Relay
from wherefrom.app import open_services
from wherefrom.management import invoke

NOWHERE = "mail.company.invalid"  # RFC 6761: no name server knows it

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # none of it is about the database


@pytest_asyncio.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    limits = "socket_timeout_seconds = 2\n"
    running = Service(tmp_path, database_url, webhook_settings="timeout_seconds = 1", extra_settings=limits, retries=60)
    try:
        yield running
    finally:
        running.kill()


async def tell(stage: Stage, method: str, path: str, **body: Any) -> Any:
    """A change by the owner."""
    async with open_services(stage.service.settings) as services:
        return await invoke(services, method, "/sites/{site}" + path, site="shop", body=body)


def notices(seen: Seen) -> str:
    return "\n".join(seen.ready.json()["notices"])


async def setup_page(witness: Witness) -> str:
    answer = await witness.client.get(f"{witness.stage.service.url}/sites/shop/setup")
    assert answer.status_code == 200
    return answer.text


@only_sqlite
async def test_names_that_do_not_resolve_keep_nobody_but_those_they_are_of(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    account = {"username": "sales@company.invalid", "password": "secret"}
    box = await tell(stage, "POST", "/mailboxes", host=NOWHERE, **account)
    hook = await tell(stage, "POST", "/endpoints", url="https://crm.company.invalid/hook")
    sender = {**account, "host": NOWHERE, "port": 587, "security": "starttls", "from_address": "sales@company.invalid"}
    await tell(stage, "PUT", "/sender", **sender)
    letter = {"contact": {"email": "ann@mail.example"}, "subject": "News", "html": "<p>Hello</p>", "deliver": True}
    await tell(stage, "POST", "/sends", **letter)
    witness = await call_witness(stage, client)
    await stage.service.start()
    await witness.write()  # the mailbox and the webhook that work go on working
    await until(lambda: stage.receiver.requests)
    lines = (
        f"mailbox {box.id} is not read: its server cannot be reached",
        f"webhook {hook.id} takes nothing: posts to it fail",
        "the sending account of site",
    )
    seen = await witness.until(lambda seen: seen.is_well and all(line in notices(seen) for line in lines))
    seen.assert_well(stage.address)
    assert "company.invalid" not in seen.ready.text
    page = await setup_page(witness)
    assert f"{NOWHERE}" in page
    assert stage.service.stop() == 0, stage.service.log()


@pytest.fixture
def silent_resolver(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """What starts a process whose only name server swallows every question: in a mount namespace of its own."""
    address = "127.53.0.1"
    (tmp_path / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:30 attempts:5\n")
    inside = f'mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", inside, "sh")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((address, 53))
            subprocess.run([*prefix, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs the right to bind port 53 and to mount: run it as root")
        yield prefix


@only_sqlite
async def test_a_name_server_that_swallows_all_questions_holds_up_nobody_else_and_no_stop(
    stage: Stage, client: httpx.AsyncClient, silent_resolver: tuple[str, ...]
) -> None:
    account = {"username": "sales@company.example", "password": "secret"}
    box = await tell(stage, "POST", "/mailboxes", host="imap.company.example", **account)
    hooks = [await tell(stage, "POST", "/endpoints", url=f"https://crm{one}.company.example/") for one in range(10)]
    sender = {**account, "host": "smtp.company.example", "port": 587, "from_address": "sales@company.example"}
    await tell(stage, "PUT", "/sender", **sender)
    letter = {"contact": {"email": "ann@mail.example"}, "subject": "News", "html": "<p>Hello</p>", "deliver": True}
    await tell(stage, "POST", "/sends", **letter)
    witness = await call_witness(stage, client)
    stage.service.prefix = silent_resolver
    await stage.service.start()
    for subject in ("First", "Second", "Third"):  # the mailbox and the webhook that work go on working
        before = len(stage.receiver.requests)
        await witness.write(subject)
        await until(lambda before=before: len(stage.receiver.requests) > before)
    lines = (
        f"mailbox {box.id} is not read: its server cannot be reached",
        *(f"webhook {hook.id} takes nothing: posts to it fail" for hook in hooks),
    )
    seen = await witness.until(lambda seen: seen.is_well and all(line in notices(seen) for line in lines))
    seen.assert_well(stage.address)
    assert stage.service.stop() == 0, stage.service.log()
    assert "did not close in time" not in stage.service.log()


@only_sqlite
async def test_a_mail_server_that_is_silent_is_named_and_read_as_soon_as_it_answers(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    cable = Relay(stage.dovecot.imaps_port)
    await cable.mend()
    try:
        async with open_services(stage.service.settings) as services:
            (box,) = (await invoke(services, "GET", "/sites/{site}/mailboxes", site="shop")).data
            path = "/sites/{site}/mailboxes/{mailbox}"
            await invoke(services, "PATCH", path, site="shop", mailbox=box.id, body={"port": cable.port})
        witness = await call_witness(stage, client)
        await stage.service.start()
        await witness.until_well()
        shown = await witness.write("A first letter")
        await until(lambda: len(stage.receiver.requests) == 1)
        cable.cut()
        seen = await witness.until(lambda seen: seen.is_well and "cannot be reached" in notices(seen))
        seen.assert_well(stage.address)
        await cable.mend()
        await witness.until(lambda seen: not notices(seen))
        cable.silence()
        witness.deliver(shown, "A second letter")
        seen = await witness.until(lambda seen: seen.is_well and "is not read" in notices(seen))
        seen.assert_well(stage.address)
        await cable.mend()
        await until(lambda: len(stage.receiver.requests) == 2)
        assert stage.service.stop() == 0, stage.service.log()
    finally:
        await cable.stop()


@only_sqlite
async def test_a_webhook_that_is_dead_is_named_and_gets_what_waited_when_it_is_back(
    stage: Stage, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    witness = await call_witness(stage, client)
    await stage.service.start()
    receiver.stop()
    await witness.write()
    seen = await witness.until(lambda seen: seen.is_well and "posts to it fail" in notices(seen))
    seen.assert_well(stage.address)
    receiver.start()
    await until(lambda: receiver.requests)
    await witness.until(lambda seen: not notices(seen))
    assert len(receiver.requests) == 1
    assert stage.service.stop() == 0, stage.service.log()


@only_sqlite
async def test_a_mail_server_that_refuses_connections_stops_no_stop(stage: Stage, client: httpx.AsyncClient) -> None:
    account = {"username": "sales@company.example", "password": "secret", "port": free_port()}
    await tell(stage, "POST", "/mailboxes", host="127.0.0.1", **account)
    witness = await call_witness(stage, client)
    await stage.service.start()
    await witness.until(lambda seen: "its server cannot be reached" in notices(seen))
    assert stage.service.stop() == 0, stage.service.log()
