"""A database of the first schema, as the service of that day wrote it, is brought to the newest and lived with.

`first_schema.json` has it: all its rows, its letters' files, its key, and what browsers and scripts hold since then
(the answers pages got, the secret of an API key).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, Connection, MetaData, select

from tests.inbox.letters import letter
from tests.support.receiver import Receiver
from wherefrom.accounts.login import log_in
from wherefrom.app import TAKERS, build_app, open_services
from wherefrom.clock import FixedClock, from_ms
from wherefrom.db import Database, migrate
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.store import messages
from wherefrom.management import invoke
from wherefrom.services import Services
from wherefrom.settings import Data, DatabaseGroup, Settings, Webhooks
from wherefrom.visits.source import Source
from wherefrom.visits.store import list_visits
from wherefrom.visits.visit import source_of
from wherefrom.webhooks.deliver import Courier

OLD: dict[str, Any] = json.loads((Path(__file__).parent / "first_schema.json").read_text())
TABLES: dict[str, list[dict[str, Any]]] = OLD["tables"]
SITE = TABLES["site"][0]["id"]
IN_OTHERS = ("visitor",)
"""Tables that are gone: what stood in them stands in others."""
BROWSER = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest_asyncio.fixture
async def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database of the first schema with all its rows."""
    if engine == "sqlite":
        found = f"sqlite:///{tmp_path}/old.db"
        await _fill(found)
        yield found
        return
    server = request.getfixturevalue("postgres")
    name = await server.create_database()
    try:
        await _fill(server.url(name))
        yield server.url(name)
    finally:
        await server.drop_database(name)


async def _fill(url: str) -> None:
    database = Database(url)
    try:
        async with database.write() as tx:
            await tx.run_sync(_make)
    finally:
        await database.close()


def _make(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._folder()))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    known = _reflect(connection)
    assert set(known.tables) - {"alembic_version"} == {name for name, rows in TABLES.items() if rows}, "every table"
    for name, rows in TABLES.items():
        table = known.tables[name]
        flags = {column.name for column in table.c if isinstance(column.type, Boolean)}
        told = [{key: bool(value) if key in flags else value for key, value in row.items()} for row in rows]
        connection.execute(table.insert(), told)


def _reflect(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


@pytest_asyncio.fixture
async def services(url: str, tmp_path: Path) -> AsyncIterator[Services]:
    """The service of today on it, an hour later."""
    key = tmp_path / "secret.key"
    key.write_text(OLD["key"])
    key.chmod(0o600)
    for name, text in OLD["files"].items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    settings = Settings(
        database=DatabaseGroup(url=url),
        data=Data(folder=str(tmp_path), key_file=str(key)),
        webhooks=Webhooks(allow=("127.0.0.0/8",)),
    )
    await migrate.upgrade(url)
    ended = max(row["stored_at"] for row in TABLES["message"])
    async with open_services(settings, FixedClock(from_ms(ended) + timedelta(hours=1))) as made:
        yield made


async def test_no_row_is_lost_or_changed(url: str) -> None:
    await migrate.upgrade(url)
    database = Database(url)
    try:
        async with database.read() as tx:
            known = await tx.run_sync(_reflect)
            for name, rows in TABLES.items():
                if name in IN_OTHERS:
                    assert name not in known.tables
                    continue
                table = known.tables[name]
                assert set(rows[0]) <= set(table.c.keys()), f"{name} lost a column"
                names = sorted(rows[0])
                found = await tx.execute(select(*(table.c[one] for one in names)))
                kept = sorted(map(repr, (tuple(map(_plain, row)) for row in found)))
                assert kept == sorted(repr(tuple(row[one] for one in names)) for row in rows), name
    finally:
        await database.close()


async def test_what_was_kept_of_visitors_stands_in_their_visits(url: str) -> None:
    await migrate.upgrade(url)
    database = Database(url)
    try:
        async with database.read() as tx:
            for row in TABLES["visitor"]:
                *_, latest = visits = (await list_visits(tx, SITE, limit=10, visitor_id=row["id"]))[::-1]
                assert {one.first_visit for one in visits} == {row["first_visit"]}
                found, kept = source_of(latest), msgspec.json.decode(row["source"], type=Source)
                assert found is not None
                same = msgspec.structs.replace(found, kind=kept.kind, referrer=kept.referrer)
                assert same == kept
    finally:
        await database.close()


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


async def test_everything_is_readable_through_the_service(services: Services) -> None:
    async def ask(path: str, **named: Any) -> Any:
        return await invoke(services, "GET", path, site=str(SITE), **named)

    letters = (await ask("/sites/{site}/messages")).data
    assert {one.subject for one in letters} == {row["subject"] for row in TABLES["message"]}
    for one in letters:
        whole = await ask("/sites/{site}/messages/{message}", message=one.id)
        assert "four oak chairs" in whole.text
        assert [file.name for file in whole.attachments] == ["wishes.csv"]
        raw = await ask("/sites/{site}/messages/{message}/raw", message=one.id)
        assert b"four oak chairs" in _bytes(raw.path), "its file is found"
    visits = (await ask("/sites/{site}/visits")).data
    assert {int(one.id) for one in visits} == {row["id"] for row in TABLES["visit"]}
    for one in visits:
        whole = await ask("/sites/{site}/visits/{visit}", visit=one.id)
        assert whole.visit.utm.source == "google"
        pages = [row for row in TABLES["pageview"] if str(row["visit_id"]) == one.id]
        assert pages, "the first page was a row like the others"
        assert [(view.page, view.title) for view in whole.pages] == [(row["page"], row["title"]) for row in pages]
    deliveries = (await ask("/sites/{site}/deliveries")).data
    assert sorted(one.status for one in deliveries) == ["delivered"] * 4 + ["pending"]
    assert {one.address for one in (await ask("/sites/{site}/targets")).data} == {
        row["address"] for row in TABLES["target"]
    }
    assert len((await invoke(services, "GET", "/users")).data) == 2
    assert [one.username for one in (await ask("/sites/{site}/mailboxes")).data] == ["user1"]
    sealed = [TABLES["mailbox"][0]["password"], TABLES["endpoint"][0]["secret"]]
    assert all(services.tokens.decrypt(one) for one in sealed)


def _bytes(file: str) -> bytes:
    return Path(file).read_bytes()


async def test_browsers_people_and_scripts_go_on_with_what_they_hold(services: Services) -> None:
    page = OLD["pages"][0]
    transport = httpx.ASGITransport(build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025") as client:
        again = {
            "site": TABLES["site"][0]["key"], "page": "https://shop.example/tables", "visit": page["token"],
            "visitor": page["visitor"], "addresses": ["sales@company.example"],
        }  # fmt: skip
        headers = {"Origin": "https://shop.example", "User-Agent": BROWSER}
        told = (await client.post("/v1/visits", json=again, headers=headers)).json()
        listed = await client.get(
            f"/api/v1/sites/{SITE}/messages", headers={"Authorization": f"Bearer {OLD['secret']}"}
        )
    assert told["visitor"].partition(".")[0] == page["visitor"].partition(".")[0]
    assert int(told["visit"]) > max(row["id"] for row in TABLES["visit"]), "half an hour ends a visit, numbers go on"
    assert len(listed.json()["data"]) == 5
    assert await log_in(services, TABLES["user_account"][0]["email"], OLD["password"], "192.0.2.1")


async def test_a_letter_to_an_address_of_then_finds_the_visit_of_then_and_what_was_owed_is_sent(
    services: Services, receiver: Receiver
) -> None:
    page = OLD["pages"][1]
    address = page["substitutes"]["sales@company.example"]["address"]
    raw = letter(to=address, sender="New <new@customer.example>", message_id="<new@customer.example>")
    sha256, number, now = await services.blobs.put(raw), services.ids.next(), services.clock.now()
    inbox = next(row for row in TABLES["folder"] if row["kind"] == "inbox")
    stored = {
        "site_id": SITE, "id": number, "mailbox_id": inbox["mailbox_id"], "folder_id": inbox["id"],
        "folder_kind": "inbox", "uidvalidity": inbox["uidvalidity"], "uid": inbox["last_uid"] + 1, "sha256": sha256,
        "size": len(raw), "truncated": False, "arrived_at": now, "stored_at": now,
    }  # fmt: skip
    async with services.db.write() as tx:
        await messages.add_message(tx, stored)
    while await Sorting(services, TAKERS).step():
        pass
    found = await invoke(services, "GET", "/sites/{site}/messages/{message}", site=str(SITE), message=str(number))
    assert (found.visit and found.visit.id, found.rule) == (page["visit"], "code")

    endpoint = str(TABLES["endpoint"][0]["id"])
    await invoke(
        services, "PATCH", "/sites/{site}/endpoints/{endpoint}", site=str(SITE), endpoint=endpoint,
        body={"url": receiver.url + "/crm"},
    )  # fmt: skip
    courier = Courier(services)
    while await courier.step():
        await courier.settle()
    (posted,) = receiver.requests
    owed = next(row for row in TABLES["delivery"] if row["status"] == "pending")
    assert posted.headers["webhook-id"] == f"msg_{owed['id']}"
    assert posted.body.decode() == owed["body"]
