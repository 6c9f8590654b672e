"""The management API of mailboxes and messages over HTTP."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.inbox.letters import Post, letter
from tests.support.certificates import make_certificates
from tests.support.dovecot import Dovecot
from tests.support.management import management_api
from wherefrom.clock import FixedClock
from wherefrom.inbox.api import OPERATIONS
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.web.openapi import describe

CODE = "sales+k7f3q9x2@company.example"
ACCOUNT = {"host": "imap.company.example", "username": "owner@company.example", "password": "a secret"}


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    """A site with a mailbox and a visit whose code is known."""
    site = await add_site(services, "shop", ["company.example"])
    made = await Post.open(services, site.id)
    await made.rows.visit(7, utm_source="fb", marker="fb_new")
    await made.rows.lease(7, await made.rows.target("sales@company.example"), CODE)
    return made


@pytest_asyncio.fixture
async def api(post: Post) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(post.services, OPERATIONS) as client:
        yield client


async def test_a_mailbox_is_added_listed_changed_and_removed_and_never_shows_its_password(
    api: httpx.AsyncClient,
) -> None:
    added = await api.post("/sites/shop/mailboxes", json=ACCOUNT)
    assert added.status_code == 201
    told = added.json()
    assert (told["port"], told["security"], told["status"], told["enabled"]) == (993, "tls", "new", True)
    assert [(one["name"], one["kind"], one["since"]) for one in told["folders"]] == [
        ("INBOX", "inbox", "new"),
        ("\\Junk", "junk", "new"),
    ]
    listed = (await api.get("/sites/shop/mailboxes")).json()["data"]
    assert [one["id"] for one in listed][-1] == told["id"]
    path = f"/sites/shop/mailboxes/{told['id']}"
    changed = await api.patch(path, json={"name": "Sales", "enabled": False, "password": "another"})
    assert (changed.json()["name"], changed.json()["enabled"], changed.json()["host"]) == (
        "Sales",
        False,
        "imap.company.example",
    )
    assert not any("secret" in reply.text or "another" in reply.text for reply in (added, changed))
    assert (await api.get(path)).json()["name"] == "Sales"
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(path)).status_code == 404
    assert (await api.delete(path)).status_code == 404


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"host": "no host!"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 70000}, "port"),
        ({"username": "  "}, "username"),
        ({"password": ""}, "password"),
        ({"since": "yesterday"}, "since"),
        ({"since": "0"}, "since"),
        ({"ca_file": "no/such/file.pem"}, "ca_file"),
        ({"name": "Sales\0"}, "name"),
        ({"folders": []}, "folders"),
        ({"folders": [{"name": "INBOX"}, {"name": "INBOX"}]}, "folders"),
        ({"folders": [{"name": "line\nbreak"}]}, "folders"),
    ],
)
async def test_a_mailbox_with_a_wrong_field_is_refused_by_name(
    api: httpx.AsyncClient, values: dict[str, Any], field: str
) -> None:
    answer = await api.post("/sites/shop/mailboxes", json=ACCOUNT | values)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["detail"]


async def test_one_account_is_connected_once_whatever_the_case_of_its_host(api: httpx.AsyncClient) -> None:
    await api.post("/sites/shop/mailboxes", json=ACCOUNT)
    again = await api.post("/sites/shop/mailboxes", json=ACCOUNT | {"host": "IMAP.Company.Example"})
    assert again.status_code == 409
    other = (await api.post("/sites/shop/mailboxes", json=ACCOUNT | {"username": "two"})).json()
    taken = await api.patch(f"/sites/shop/mailboxes/{other['id']}", json={"username": ACCOUNT["username"]})
    assert taken.status_code == 409


async def test_another_account_begins_anew_and_the_same_one_keeps_its_place(
    api: httpx.AsyncClient, clock: FixedClock
) -> None:
    told = (await api.post("/sites/shop/mailboxes", json=ACCOUNT)).json()
    path = f"/sites/shop/mailboxes/{told['id']}"
    clock.advance(timedelta(hours=1))
    same = (await api.patch(path, json={"password": "new", "port": 143, "security": "starttls"})).json()
    assert [one["checked_at"] for one in same["folders"]] == [one["checked_at"] for one in told["folders"]]
    other = (await api.patch(path, json={"username": "somebody else"})).json()
    assert all(one["checked_at"] > told["created_at"] for one in other["folders"])


async def test_folders_are_replaced_and_those_that_stay_keep_their_place(api: httpx.AsyncClient) -> None:
    told = (await api.post("/sites/shop/mailboxes", json=ACCOUNT)).json()
    path = f"/sites/shop/mailboxes/{told['id']}"
    folders = [{"name": "INBOX"}, {"name": "Leads", "kind": "other"}]
    changed = (await api.patch(path, json={"folders": folders})).json()["folders"]
    assert [(one["name"], one["kind"]) for one in changed] == [("INBOX", "inbox"), ("Leads", "other")]
    assert changed[0]["id"] == told["folders"][0]["id"]


async def test_testing_a_mailbox_says_step_by_step_what_works(api: httpx.AsyncClient, dovecot: Dovecot) -> None:
    user = dovecot.add_user()
    account = {
        "host": "127.0.0.1", "port": dovecot.imap_port, "security": "none", "username": user.user,
        "password": user.password,
    }  # fmt: skip
    good = (await api.post("/sites/shop/mailboxes", json=account)).json()
    told = (await api.post(f"/sites/shop/mailboxes/{good['id']}/test")).json()
    assert told["ok"]
    assert [step["name"] for step in told["steps"]] == [
        "dns",
        "tcp",
        "tls",
        "login",
        "folder",
        "folder",
        "capabilities",
        "idle",
        "probe",
    ]
    assert told["steps"][-1]["detail"].startswith("Not tried")
    await api.patch(f"/sites/shop/mailboxes/{good['id']}", json={"password": "wrong"})
    bad = (await api.post(f"/sites/shop/mailboxes/{good['id']}/test")).json()
    assert not bad["ok"]
    assert (bad["steps"][-1]["name"], bad["steps"][-1]["ok"]) == ("login", False)
    assert bad["steps"][-1]["hint"]


async def test_letters_are_listed_with_their_source_and_paged(api: httpx.AsyncClient, post: Post) -> None:
    first = await post.receive(letter(CODE))
    await post.receive(letter(message_id="<2@x>", sender="other@x.example", subject="Second"), at=post.minutes(1))
    page = (await api.get("/sites/shop/messages", params={"limit": 1})).json()
    (second,) = page["data"]
    assert (second["subject"], second["visit"], second["rule"]) == ("Second", None, "none")
    page = (await api.get("/sites/shop/messages", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    (matched,) = page["data"]
    assert page["next_cursor"] is None
    assert (matched["id"], matched["visit"]["id"], matched["visit"]["marker"]) == (str(first.row.id), "7", "fb_new")
    assert matched["confidence"] == 0.99


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"matched": "true"}, 1),
        ({"matched": "false"}, 0),
        ({"utm_source": "fb"}, 1),
        ({"visit": "7"}, 1),
        ({"visit": "8"}, 0),
        ({"text": "HELLO"}, 1),
        ({"date_from": "2026-11-02", "date_to": "2026-11-02"}, 1),
        ({"date_from": "2026-11-03"}, 0),
        ({"date_to": "2026-11-02T08:59:59Z"}, 0),
        ({"date_from": "2026-11-02T10:00:00+01:00"}, 1),
    ],
)
async def test_letters_are_filtered(api: httpx.AsyncClient, post: Post, query: dict[str, str], count: int) -> None:
    await post.receive(letter(CODE))
    assert len((await api.get("/sites/shop/messages", params=query)).json()["data"]) == count


@pytest.mark.parametrize(
    "query", [{"date_from": "yesterday"}, {"date_to": "2026-13-01"}, {"limit": "0"}, {"limit": "x"}, {"cursor": "no"}]
)
async def test_a_query_that_is_not_understood_is_refused(api: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await api.get("/sites/shop/messages", params=query)
    assert answer.status_code == 400
    assert answer.json()["detail"]


async def test_a_letter_is_shown_whole_with_links_that_work_without_a_key(api: httpx.AsyncClient, post: Post) -> None:
    raw = _with_file(CODE)
    detail = await post.receive(raw)
    path = f"/sites/shop/messages/{detail.row.id}"
    told = (await api.get(path)).json()
    assert told["reasons"][0].startswith("code: ")
    assert (told["candidates"][0]["visit"], told["message_id"]) == ("7", "1@customer.example")
    assert [(one["role"], one["address"]) for one in told["addresses"]] == [("to", CODE)]
    (file,) = told["attachments"]
    assert (file["name"], file["size"], file["content_type"]) == ("plan für alle.pdf", 9, "application/pdf")
    assert file["url"].startswith("http://127.0.0.1:8025/a/")
    downloaded = await api.get(f"{path}/attachments/{file['number']}")
    assert downloaded.content == b"%PDF-1.7\n"
    whole = await api.get(f"{path}/raw")
    assert whole.content == raw
    assert whole.headers["content-disposition"].startswith("attachment;")


async def test_a_letter_tells_its_own_words_apart_from_what_it_quotes(api: httpx.AsyncClient, post: Post) -> None:
    detail = await post.receive(letter(CODE, text="Two, please.\n\nAm 02.11.26 um 10:00 schrieb Sales:\n> How many?\n"))
    told = (await api.get(f"/sites/shop/messages/{detail.row.id}")).json()
    assert told["reply_text"] == "Two, please."
    assert told["quoted_text"] == "Am 02.11.26 um 10:00 schrieb Sales:\n> How many?"
    assert told["text"] == f"{told['reply_text']}\n\n{told['quoted_text']}"


async def test_what_is_not_there_is_told(api: httpx.AsyncClient, post: Post) -> None:
    detail = await post.receive(letter(CODE))
    for path in ("/messages/1", "/messages/1/raw", f"/messages/{detail.row.id}/attachments/1", "/mailboxes/1"):
        answer = await api.get("/sites/shop" + path)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:wherefrom:problem:not-found"), path


async def test_a_key_of_another_site_sees_nothing(post: Post) -> None:
    other = await add_site(post.services, "other", ["other.example"])
    detail = await post.receive(letter(CODE))
    async with management_api(post.services, OPERATIONS, key=str(other.id)) as api:
        assert (await api.get(f"/sites/shop/messages/{detail.row.id}")).status_code == 403
        assert (await api.get(f"/sites/other/messages/{detail.row.id}")).status_code == 404
        assert (await api.get("/sites/other/messages")).json()["data"] == []


async def test_an_analyst_corrects_a_match_and_the_history_of_it_stays(api: httpx.AsyncClient, post: Post) -> None:
    await post.rows.visit(8)
    detail = await post.receive(letter(CODE))
    path = f"/sites/shop/messages/{detail.row.id}/match"
    told = (await api.put(path, json={"visit": "8"})).json()
    assert (told["visit"]["id"], told["rule"], told["confidence"]) == ("8", "analyst", 1.0)
    assert "before: visit 7 by rule code (99 %)" in told["reasons"][0]
    assert told["reasons"][1].startswith("code: ")
    none = (await api.put(path, json={"visit": None})).json()
    assert (none["visit"], none["rule"], len(none["reasons"])) == (None, "analyst", 3)
    assert (await api.put(path, json={"visit": "99"})).status_code == 404
    assert (await api.put(path, json={"visit": "x"})).status_code == 400


async def test_the_next_letter_of_the_thread_follows_the_corrected_match(api: httpx.AsyncClient, post: Post) -> None:
    await post.rows.visit(8)
    detail = await post.receive(letter(CODE))
    await api.put(f"/sites/shop/messages/{detail.row.id}/match", json={"visit": "8"})
    reply = letter(message_id="<2@x>", In_Reply_To="<1@customer.example>")
    assert (await post.receive(reply)).row.visit_id == 8


async def test_every_operation_stands_in_the_description() -> None:
    described = describe(OPERATIONS, "http://api")
    assert sum(len(entry) for entry in described["paths"].values()) == len(OPERATIONS)


def _with_file(to: str) -> bytes:
    from email import message_from_bytes, policy

    made = message_from_bytes(letter(to), policy=policy.SMTP)
    made.add_attachment(b"%PDF-1.7\n", maintype="application", subtype="pdf", filename="plan für alle.pdf")
    return made.as_bytes()


async def test_a_site_s_key_cannot_ask_which_files_the_machine_has(services: Services) -> None:
    site = await add_site(services, "shop", ["company.example"])
    account = {"host": "imap.example", "username": "a", "password": "b"}
    async with management_api(services, OPERATIONS, key=str(site.id)) as api:
        added = await api.post("/sites/shop/mailboxes", json=account)
        assert added.status_code == 201
        for path in ("/etc/hostname", "/no/such/file"):
            told = await api.post("/sites/shop/mailboxes", json=account | {"username": "c", "ca_file": path})
            assert (told.status_code, told.json()["field"]) == (403, "ca_file")
            assert path not in told.text
            told = await api.patch(f"/sites/shop/mailboxes/{added.json()['id']}", json={"ca_file": path})
            assert told.status_code == 403


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the database has no part in it
async def test_of_files_that_hold_no_certificate_nobody_learns_which_are_there(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Who has a key for all sites need not have the machine."""
    words, pipe, endless = tmp_path / "words", tmp_path / "pipe", tmp_path / "endless"
    words.write_text("root:x:0:0:root:/root:/bin/bash\n")
    os.mkfifo(pipe)
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    added = (await api.post("/sites/shop/mailboxes", json=ACCOUNT)).json()
    told = set()
    for name in (words, tmp_path / "nowhere", tmp_path, pipe, endless, "/dev/zero", "a\0b", "x" * 5000):
        body = {"ca_file": str(name)}
        for answer in (
            await api.post("/sites/shop/mailboxes", json=ACCOUNT | {"username": "two"} | body),
            await api.patch(f"/sites/shop/mailboxes/{added['id']}", json=body),
        ):
            assert (answer.status_code, answer.json()["field"]) == (400, "ca_file")
            told.add((answer.json()["detail"], answer.json()["hint"]))
    assert len(told) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_file_of_certificates_is_taken(api: httpx.AsyncClient, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes("# für uns\n".encode() + make_certificates(tmp_path).ca_file.read_bytes())
    answer = await api.post("/sites/shop/mailboxes", json=ACCOUNT | {"ca_file": str(bundle)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["ca_file"] == str(bundle)
