"""The account a site's letters go out by: set, shown, tried, and what happens to letters while it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import dns.resolver
import msgspec
import pytest
from dns.resolver import Resolver
from sqlalchemy import select

from tests.inbox.rows import Rows
from tests.outbound.office import Office
from tests.outbound.stage import HTML
from tests.support.certificates import Certificates, make_certificates
from tests.support.management import management_api
from tests.support.name_server import NameServer
from tests.support.ports import free_port
from tests.support.submission_sink import SubmissionSink
from wherefrom.events.types import EventType
from wherefrom.inbox.account import diagnose_account
from wherefrom.inbox.store.mailboxes import get_mailbox
from wherefrom.outbound.outcome import PATIENCE
from wherefrom.outbound.sender_api import OPERATIONS
from wherefrom.outbound.sender_trial import try_sender
from wherefrom.outbound.tables import sender
from wherefrom.settings import Mail

ON_ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Where the database has no part in what is tested."""
LOGIN = ("news@shop.example", "the secret word")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("submission"))


@pytest.fixture(params=["starttls", "tls"])
def provider(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[SubmissionSink]:
    """A mail server that wants TLS and a login."""
    with SubmissionSink(certificates=certificates, wrapped=request.param == "tls", login=LOGIN) as server:
        yield server


def account_at(provider: SubmissionSink, certificates: Certificates, **more: Any) -> dict[str, Any]:
    return {
        "host": "localhost", "port": provider.port, "security": provider.security, "username": LOGIN[0],
        "password": LOGIN[1], "ca_file": str(certificates.ca_file), **more,
    }  # fmt: skip


async def test_a_letter_goes_with_tls_and_login_as_providers_want_it(
    office: Office, provider: SubmissionSink, certificates: Certificates
) -> None:
    await office.set(**account_at(provider, certificates))
    made = await office.send()
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 1)
    assert [(line.letters, line.login) for line in provider.lines] == [(1, LOGIN[0])]


async def test_a_wrong_password_stops_the_account_and_loses_no_letter(
    office: Office, provider: SubmissionSink, certificates: Certificates
) -> None:
    await office.set(**account_at(provider, certificates, password="not this"))
    made = await office.send()
    await office.work()
    shown = await office.sender()
    assert (shown["status"], shown["waiting"]) == ("failing", 1)
    assert "refuses user name or password" in shown["detail"]
    assert "app password" in shown["hint"]
    assert "not this" not in str(shown)
    [event] = await office.events(EventType.SENDER_STOPPED)
    assert (event.data["trouble"], event.data["reason"]) == ("login", shown["detail"])
    assert await office.state(made) == ("queued", "accepted", 0)
    await office.work(timedelta(hours=3))
    assert len(await office.events(EventType.SENDER_STOPPED)) == 1  # told once, until it works again
    await office.set(**account_at(provider, certificates))
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 1)
    assert ((await office.sender())["status"], (await office.sender())["detail"]) == ("working", "")


async def test_an_account_that_is_not_reached_is_left_alone_for_longer_each_time(office: Office) -> None:
    office.sink.stop()
    made = await office.send()
    pauses = []
    for _ in range(8):
        await office.work()
        shown = await office.sender()
        pause = datetime.fromisoformat(shown["next_try_at"]) - office.stage.clock.now()
        pauses.append(pause / timedelta(minutes=1))
        told = len(await office.events(EventType.SENDER_STOPPED))
        down = office.stage.clock.now() - datetime.fromisoformat(shown["failing_since"])
        assert told == (1 if down >= PATIENCE else 0)  # a restart of a mail server is no news
        office.stage.clock.advance(pause)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    office.sink.start()
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 1)


async def test_a_pace_does_not_shorten_the_pauses(office: Office) -> None:
    await office.set(per_hour=2, port=free_port())
    await office.send()
    pauses = []
    for _ in range(4):
        await office.work()
        told = await office.sender()
        pauses.append(datetime.fromisoformat(told["next_try_at"]) - office.stage.clock.now())
        office.stage.clock.advance(timedelta(hours=1))
    assert pauses == [timedelta(minutes=number) for number in (1, 2, 4, 8)]


async def test_a_server_that_takes_fewer_connections_gets_all_letters_by_those_it_takes(office: Office) -> None:
    await office.set(connections=3)
    await office.send()
    await office.work()
    office.sink.most_lines = 1
    made = await office.send_many(8)
    await office.work()
    assert [await office.state(one) for one in made] == [("sent", "accepted", 1)] * 8
    assert (await office.sender())["status"] == "working"
    assert len(office.sink.lines) <= 4  # that there is room for one is not tried anew with each letter


@pytest.mark.parametrize(
    ("step", "answer", "trouble", "words"),
    [
        ("MAIL", "553 5.7.1 sender address rejected: not owned by user", "sender", "from_address"),
        ("RCPT", "550 5.4.5 Daily user sending limit exceeded", "busy", "per_hour"),
        ("DATA", "554 5.2.0 SubmissionQuotaExceededException; hourly quota", "busy", "per_hour"),
        ("MAIL", "421 4.7.0 too many connections", "busy", "wait"),
        ("MAIL", "530 5.7.0 Authentication Required", "login", "password"),
    ],
)
async def test_what_is_said_of_the_account_rejects_no_letter(
    office: Office, step: str, answer: str, trouble: str, words: str
) -> None:
    await office.set(connections=1)
    office.sink.answer(step, answer)
    made = await office.send_many(3)
    await office.work()
    shown = await office.sender()
    assert (shown["status"], shown["waiting"]) == ("failing", 3)
    assert answer in shown["detail"]
    assert words in shown["hint"]
    await office.work(timedelta(minutes=3))
    assert [await office.state(one) for one in made] == [("sent", "accepted", 1)] * 3


async def test_a_letter_that_the_account_stumbles_over_lets_the_others_go_first(office: Office) -> None:
    """Words that seem to speak of the account may be of one letter after all."""
    await office.set(connections=1)
    office.sink.answer("RCPT p0@mail.example", *["450 4.7.1 rate limit"] * 50)
    made = await office.send_many(3)
    await office.work()
    await office.work(timedelta(minutes=1))
    assert [(await office.state(one))[0] for one in made] == ["queued", "sent", "sent"]
    assert (await office.sender())["status"] == "working"


# ---------------------------------------------------------------------------------------------- set and shown


async def test_the_password_is_sealed_and_never_shown(office: Office) -> None:
    await office.set(username="anna", password="the secret word")
    shown = await office.sender()
    assert (shown["has_password"], shown["username"]) == (True, "anna")
    assert "secret word" not in str(shown)
    async with office.stage.services.db.read() as tx:
        [stored] = await tx.scalars(select(sender.c.password))
    assert "secret" not in stored
    assert office.stage.services.tokens.decrypt(stored) == "the secret word"


@ON_ONE_ENGINE
@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({"from_name": "Another"}, True),
        ({"host": "smtp.other.example"}, False),
        ({"username": "bob"}, False),
        ({"security": "none"}, False),
    ],
)
async def test_the_password_stays_but_goes_to_no_other_server_and_not_readable(
    office: Office, changed: dict[str, str], kept: bool
) -> None:
    account = {"host": "smtp.shop.example", "security": "starttls", "username": "anna"}
    await office.set(**account, password="the secret word")
    if kept:
        assert (await office.set(**{**account, **changed}))["has_password"]
    else:
        problem = await office.refused("PUT", "/sender", 400, json=office.account(**{**account, **changed}))
        assert problem["field"] == "password"


@ON_ONE_ENGINE
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "no host"), ("host", ""), ("port", 0), ("port", 70_000), ("security", "ssl"), ("from_address", "news"),
        ("from_address", "нов@shop.example"), ("bounce_address", "b@"), ("bounce_address", "x" * 40 + "@shop.example"),
        ("per_hour", 0), ("connections", 0), ("connections", 21), ("from_name", "x" * 201), ("from_name", "a\x00b"),
        ("password", "without a user"), ("ca_file", "nowhere.pem"), ("unknown", 1),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_named(office: Office, field: str, value: object) -> None:
    before = await office.sender()
    problem = await office.refused("PUT", "/sender", 400, json=office.account(**{field: value}))
    told = f"{problem.get('field', '')} {problem['detail']}"
    assert field in told or (field, value) == ("password", "without a user")
    assert await office.sender() == before


@ON_ONE_ENGINE
async def test_files_of_the_machine_are_the_operators(office: Office, certificates: Certificates) -> None:
    services, site_id = office.stage.services, office.stage.site_id
    async with management_api(services, OPERATIONS, str(site_id)) as client:
        body = office.account(ca_file=str(certificates.ca_file))
        assert (await client.put("/sites/shop/sender", json=body)).status_code == 403
        assert (await client.put("/sites/shop/sender", json=office.account())).status_code == 200


async def test_without_an_account_nothing_is_sent_from_here(office: Office) -> None:
    made = await office.send()
    await office.call("DELETE", "/sender")
    await office.work()
    assert await office.state(made) == ("queued", "accepted", 0)
    for method, path in (("GET", "/sender"), ("DELETE", "/sender"), ("POST", "/sender/test")):
        assert "sender" in (await office.refused(method, path, 404))["hint"]
    body = {"contact": {"email": "a@b.example"}, "html": HTML, "deliver": True}
    assert (await office.refused("POST", "/sends", 422, json=body))["field"] == "deliver"
    assert (await office.api.post("/sites/shop/sends", json={**body, "deliver": False})).status_code == 201
    await office.set()
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 1)


# ---------------------------------------------------------------------------------------------- tried


async def steps(office: Office) -> list[tuple[str, bool, str]]:
    told = await office.call("POST", "/sender/test")
    assert told["ok"] == all(one["ok"] for one in told["steps"])
    assert all(one["hint"] for one in told["steps"] if not one["ok"])
    return [(one["name"], one["ok"], f"{one['detail']} | {one['hint']}") for one in told["steps"]]


@ON_ONE_ENGINE
async def test_a_test_walks_the_whole_way_and_sends_nothing(
    office: Office, provider: SubmissionSink, certificates: Certificates
) -> None:
    await office.set(**account_at(provider, certificates))
    told = await steps(office)
    assert [(name, ok) for name, ok, _ in told] == [("connect", True), ("login", True), ("sender", True)]
    assert provider.letters == []


@ON_ONE_ENGINE
async def test_a_test_says_in_words_what_is_wrong(
    office: Office, provider: SubmissionSink, certificates: Certificates
) -> None:
    good = account_at(provider, certificates)
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"host": "nowhere.invalid"}, "connect", "There is no host nowhere.invalid"),
        ({"port": free_port()}, "connect", "nothing listens on port"),
        ({"ca_file": ""}, "connect", "certificate of localhost is not trusted"),
        ({"password": "not this"}, "login", "refuses user name or password"),
        ({"username": "", "password": None}, "sender", "password"),
    ]
    if provider.security == "starttls":  # the other way round both wait for the other's first word
        wrong.append(({"security": "tls"}, "connect", "465"))
    for change, step, words in wrong:
        await office.set(**{**good, **change})
        name, ok, told = (await steps(office))[-1]
        assert (name, ok) == (step, False), change
        assert words in told
        assert "not this" not in told


@ON_ONE_ENGINE
async def test_a_test_says_whether_the_keys_are_published(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        await office.call("POST", "/sender/dkim", json={"selector": selector, **more})
        for selector, more in (("s1", {}), ("s2", {"algorithm": "ed25519"}), ("s3", {"domain": "firm.example"}))
    ]
    async with NameServer() as server:
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        told = await steps(office)
        assert [(name, ok) for name, ok, _ in told[3:]] == [("dkim", False)] * 3
        assert keys[0]["zone_line"] in told[3][2]
        server.texts = {
            keys[0]["record_name"]: keys[0]["record"].replace("; ", ";  "),
            keys[1]["record_name"]: keys[0]["record"],
            keys[2]["record_name"]: keys[2]["record"],
        }
        told = await steps(office)
    assert [ok for _, ok, _ in told[3:]] == [True, False, True]
    assert "has another key" in told[4][2]
    assert "DMARC" in told[5][2]


@ON_ONE_ENGINE
async def test_a_server_that_offers_no_login_is_told(office: Office) -> None:
    await office.set(username="anna", password="the secret word")
    name, ok, told = (await steps(office))[-1]
    assert (name, ok) == ("login", False)
    assert "security" in told


async def test_an_account_that_works_when_it_is_tried_sends_what_waits(office: Office) -> None:
    office.sink.answer("MAIL", "421 4.3.0 down for a moment")
    made = await office.send()
    await office.work()
    assert (await office.sender())["status"] == "failing"
    await steps(office)
    assert (await office.sender())["status"] == "working"
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 1)


@ON_ONE_ENGINE
async def test_an_account_inside_is_not_called_where_the_operator_lets_none_lie_there(office: Office) -> None:
    services = office.stage.services
    strict = replace(services, settings=msgspec.structs.replace(services.settings, mail=Mail(allow=())))
    (step,) = await try_sender(strict, office.stage.site_id)
    assert (step.name, step.ok) == ("connect", False)
    assert "127.0.0.1 is this machine itself" in step.detail
    assert "mail.allow" in step.hint
    mailbox_id, _ = await Rows(services, office.stage.site_id).mailbox()
    async with services.db.read() as tx:
        mailbox = await get_mailbox(tx, office.stage.site_id, mailbox_id)
    sealed = replace(mailbox, host="127.0.0.1", password=services.tokens.encrypt("word"))
    told, _ = await diagnose_account(strict, sealed)
    assert [(one.name, one.code) for one in told.steps] == [("dns", "mailbox-inside")]
