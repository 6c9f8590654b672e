"""Mailboxes that are read by token: a real mail server that asks a real OAuth server whose each token is (D04)."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.grants.connecting import HOLDER, connected, with_oauth
from tests.inbox.letters import letter
from tests.inbox.watching import Watching, real_time
from tests.mail.scripted import ImapScript, ScriptedServer, Talk, tag_of
from tests.support.dovecot import Account, Dovecot
from tests.support.oauth_server import OauthServer
from wherefrom.errors import BadInput
from wherefrom.grants.store import find_grant
from wherefrom.inbox.connect import ConnectMailbox, begin, complete
from wherefrom.inbox.mailbox import (
    AddMailbox,
    ChangeMailbox,
    add_mailbox,
    change_mailbox,
    remove_mailbox,
)
from wherefrom.inbox.mailbox import (
    test_mailbox as try_mailbox,
)
from wherefrom.inbox.pace import Pace, status_of
from wherefrom.inbox.store.mailboxes import Mailbox, get_mailbox
from wherefrom.inbox.sync import sync_once
from wherefrom.mail import token_login
from wherefrom.mail.diagnosis import Diagnosis
from wherefrom.mail.failures import Throttled
from wherefrom.mail.oauth import read_redirect
from wherefrom.mail.oauth_failures import ClientRefused, GrantEnded, TokenRefused, TokenServerDown
from wherefrom.services import Services


class Case:
    """One account of a mail server that takes tokens, connected as a mailbox of site 1."""

    def __init__(self, services: Services, oauth: OauthServer, server: Dovecot) -> None:
        self.services = replace(services, settings=with_oauth(services.settings, oauth, server))
        self.oauth, self.server = oauth, server
        self.account: Account = server.add_user()
        self.mailbox_id = 0

    async def connect(self) -> Mailbox:
        found = await connected(self.services, self.oauth, self.account.user)
        self.mailbox_id = found.id
        return found

    async def mailbox(self) -> Mailbox:
        async with self.services.db.read() as tx:
            return await get_mailbox(tx, 1, self.mailbox_id)

    async def sync(self) -> None:
        await sync_once(self.services, 1, self.mailbox_id)

    async def test(self) -> Diagnosis:
        return await try_mailbox(self.services, 1, self.mailbox_id)

    async def deliver(self, subject: str) -> None:
        await asyncio.to_thread(self.server.deliver, self.account.address, letter(subject=subject))


@pytest.fixture
def case(services: Services, oauth: OauthServer, token_dovecot: Dovecot) -> Case:
    return Case(real_time(services), oauth, token_dovecot)


def watching(case: Case) -> Watching:
    return Watching(case.services, case.server, case.account, case.mailbox_id)


async def test_d04_letters_are_read_by_token_as_they_come(case: Case) -> None:
    await case.connect()
    made = watching(case)
    try:
        made.start()
        await made.settled()
        await case.deliver("By token")
        await made.stored(1)
        assert await made.sort() == ["By token"]
    finally:
        await made.stop()
    assert case.oauth.refreshes == []


async def test_d04_the_mail_server_takes_our_oauthbearer_too(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_login, "_MECHANISMS", ("OAUTHBEARER",))  # as if it offered only that
    await case.connect()
    await case.sync()
    assert (await case.mailbox()).status == "ok"


async def test_d04_a_refused_token_is_replaced_once_and_the_letters_come(case: Case) -> None:
    await case.connect()
    await case.sync()
    case.oauth.revoke_tokens()
    await case.sync()
    assert len(case.oauth.refreshes) == 1
    assert (await case.mailbox()).status == "ok"
    case.oauth.revoke_tokens()  # one that was taken in between may be replaced again
    await case.sync()
    assert len(case.oauth.refreshes) == 2


async def test_a_token_that_is_never_taken_is_not_asked_for_again_and_again(case: Case) -> None:
    case.oauth.user = case.server.add_user().user  # another account of the same browser agreed
    await case.connect()
    for _ in range(3):
        with pytest.raises(TokenRefused, match=f"does not take the token for {case.account.user}") as caught:
            await case.sync()
    assert f"Was it {case.account.user} who agreed" in caught.value.hint
    assert len(case.oauth.refreshes) == 1
    found = await case.mailbox()
    assert found.status == "login_failed"
    assert "connect again" in found.status_detail


async def test_d04_an_ended_grant_stops_the_mailbox_until_it_is_connected_again(case: Case) -> None:
    await case.connect()
    case.oauth.end_grants()
    case.oauth.revoke_tokens()
    made = watching(case)
    try:
        made.start()
        found = await made.status("connect_again")
        assert "Token has been expired or revoked" in found.status_detail
        assert "Connect this mailbox again" in found.status_detail
        with pytest.raises(GrantEnded):
            await case.sync()
        assert len(case.oauth.refreshes) == 1
        await case.connect()  # the watcher hears of it at once
        await made.settled()
    finally:
        await made.stop()


async def test_a_mail_server_that_cannot_check_tokens_for_now_is_not_taken_for_one_that_refuses_them(
    case: Case,
) -> None:
    await case.connect()
    case.oauth.introspects = False
    with pytest.raises(Throttled):
        await case.sync()
    case.oauth.introspects = True
    await case.sync()
    assert (await case.mailbox()).status == "ok"
    assert case.oauth.refreshes == []


async def test_a_token_server_that_is_away_is_told_and_found_again(case: Case) -> None:
    case.oauth.lifetime = 0  # it has to be renewed before the first login
    await case.connect()
    case.oauth.mode = "down"
    with pytest.raises(TokenServerDown):
        await case.sync()
    found = await case.mailbox()
    assert found.status == "unreachable"
    assert "Example's token server answered 502" in found.status_detail
    case.oauth.mode, case.oauth.lifetime = "well", 3_600
    await case.sync()
    assert (await case.mailbox()).status == "ok"


def test_a_token_server_that_is_away_is_asked_less_and_less_and_an_ended_grant_hardly_at_all() -> None:
    pace = Pace(lambda: 0.5)
    waits = [pace.next_wait(TokenServerDown("away"), 0) for _ in range(10)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2, 30)
    assert pace.next_wait(GrantEnded("over"), 0) == 300
    assert [status_of(one) for one in (TokenServerDown("away"), GrantEnded("over"), ClientRefused("no"))] == [
        "unreachable",
        "connect_again",
        "login_failed",
    ]


# ---------------------------------------------------------------------------------------------- the mailbox itself


async def test_a_mailbox_read_with_a_password_is_switched_over_and_back(case: Case) -> None:
    account = {"host": "127.0.0.1", "port": case.server.imap_port, "security": "none", "username": case.account.user}
    by_password = await add_mailbox(case.services, 1, AddMailbox(**account, password=case.account.password))  # type: ignore[arg-type]
    by_token = await case.connect()
    assert (by_token.id, by_token.password) == (by_password.id, "")
    assert [one.id for one in by_token.folders] == [one.id for one in by_password.folders]
    await case.sync()
    await change_mailbox(case.services, 1, by_token.id, ChangeMailbox(password=case.account.password))
    case.oauth.revoke_tokens()
    await case.sync()
    async with case.services.db.read() as tx:
        assert await find_grant(tx, 1, by_token.id) is None


@pytest.mark.parametrize("change", [{"host": "evil.example"}, {"port": 144}, {"security": "tls"}, {"username": "otto"}])
async def test_a_token_goes_to_no_other_server_than_it_was_granted_for(case: Case, change: dict[str, Any]) -> None:
    found = await case.connect()
    with pytest.raises(BadInput, match="what was granted for") as caught:
        await change_mailbox(case.services, 1, found.id, ChangeMailbox(**change))
    assert caught.value.extra["field"] == next(iter(change))
    same = ChangeMailbox(name="Sales", host=found.host, username=found.username)
    assert (await change_mailbox(case.services, 1, found.id, same)).name == "Sales"


async def test_a_removed_mailbox_takes_its_grant_along(case: Case) -> None:
    found = await case.connect()
    await remove_mailbox(case.services, 1, found.id)
    async with case.services.db.read() as tx:
        assert await find_grant(tx, 1, found.id) is None


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "provider"),
        ({"provider": "google", "username": "a"}, "client_id"),
        ({"provider": "google", "username": "a", "client_id": "me", "host": "evil.example"}, "host"),
        ({"provider": "custom", "username": " "}, "username"),
        ({"provider": "custom", "username": "a", "since": "ever"}, "since"),
        ({"provider": "custom", "username": "a", "folders": ()}, "folders"),
        ({"mailbox": "x"}, "mailbox"),
        ({"mailbox": "MINE", "username": "otto"}, "username"),
        ({"mailbox": "MINE", "provider": "google", "client_id": "me"}, "mailbox"),
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # refused before the database is asked
async def test_a_wish_that_does_not_hold_is_refused_before_anybody_is_sent_away(
    case: Case, wanted: dict[str, Any], field: str
) -> None:
    if wanted.get("mailbox") == "MINE":
        wanted = wanted | {"mailbox": str((await case.connect()).id)}
    with pytest.raises(BadInput) as caught:
        await begin(case.services, 1, HOLDER, ConnectMailbox(**wanted))
    assert caught.value.extra["field"] == field


# ---------------------------------------------------------------------------------------------- test connection


def names(found: Diagnosis) -> list[tuple[str, bool]]:
    return [(one.name, one.ok) for one in found.steps]


async def test_d01_the_test_shows_the_token_as_its_first_step(case: Case) -> None:
    await case.connect()
    found = await case.test()
    assert found.ok
    assert [one.name for one in found.steps][:6] == ["token", "dns", "tcp", "tls", "login", "folder"]


async def test_d01_the_test_tries_another_token_when_the_first_is_refused(case: Case) -> None:
    await case.connect()
    case.oauth.revoke_tokens()
    assert (await case.test()).ok
    assert len(case.oauth.refreshes) == 1


async def test_d01_a_wrong_scope_is_told_with_what_to_do(case: Case) -> None:
    case.oauth.granted = "profile"
    await case.connect()
    found = await case.test()
    assert names(found)[-1] == ("login", False)
    assert "was not allowed the scope" in found.steps[-1].hint
    assert "connect again" in found.steps[-1].hint


async def test_d01_an_ended_grant_is_told_without_going_on(case: Case) -> None:
    await case.connect()
    case.oauth.end_grants()
    case.oauth.revoke_tokens()
    found = await case.test()
    assert names(found)[0] == ("token", False)
    assert "Connect" in found.steps[0].hint
    assert names(await case.test()) == [("token", False)]


async def test_d01_authenticated_but_not_connected_is_explained(services: Services, oauth: OauthServer) -> None:
    def take(talk: Talk, line: bytes) -> None:
        talk.send(b"+ \r\n")
        talk.read_line()
        talk.send(tag_of(line) + b" OK AUTHENTICATE completed.\r\n")

    script = ImapScript(
        {
            "CAPABILITY": b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR IDLE\r\n",
            "AUTHENTICATE": take,
            "EXAMINE": b"BAD User is authenticated but not connected.",
        }
    )
    with ScriptedServer(script) as server:
        settings = with_oauth(services.settings, oauth)
        custom = msgspec.structs.replace(settings.oauth.custom, port=server.port)
        settings = msgspec.structs.replace(settings, oauth=msgspec.structs.replace(settings.oauth, custom=custom))
        site = replace(services, settings=settings)
        asked = await begin(site, 1, HOLDER, ConnectMailbox(provider="custom", username="sales@company.example"))
        back = read_redirect(await oauth.agree(asked.url))
        mailbox = await complete(site, HOLDER, back.state, back)
        found = await try_mailbox(site, 1, mailbox.id)
    step = found.steps[-1]
    assert (step.name, step.ok) == ("folder", False)
    assert "The login worked, but the mailbox stays closed" in step.detail
    assert "IMAP is off for it" in step.hint
    assert oauth.refreshes == []
