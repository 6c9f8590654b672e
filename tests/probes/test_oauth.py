"""Probes that go out by an account which takes tokens instead of a password."""

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import msgspec
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from tests.grants.connecting import with_oauth
from tests.support.management import management_api
from tests.support.oauth_server import OauthServer
from tests.support.ports import LOOPBACK
from tests.support.smtp_sink import SmtpSink
from wherefrom.errors import Conflict
from wherefrom.events.store import list_events
from wherefrom.grants.api import OPERATIONS
from wherefrom.mail.smtp import SenderFailed, SenderTokenRefused
from wherefrom.probes.door import Door
from wherefrom.probes.rounds import require_account
from wherefrom.services import Services
from wherefrom.settings import Smtp

PROBES = "probes@elsewhere.example"


class TokenSink(SmtpSink):
    """An SMTP server that lets in whose token it is given."""

    def __init__(self, oauth: OauthServer) -> None:
        super().__init__()
        self._oauth = oauth

    async def auth_XOAUTH2(self, server: SMTP, words: list[str]) -> AuthResult:  # noqa: N802
        """aiosmtpd's hook for the mechanism."""
        user, token = base64.b64decode(words[1]).decode().split("\1")[:2]
        if self._oauth.user_of(token.removeprefix("auth=Bearer ")) == user.removeprefix("user="):
            return AuthResult(success=True)
        await server.challenge_auth('{"status":"401","schemes":"Bearer"}')
        return AuthResult(success=False, handled=False)


class _LongSmtp(SMTP):
    line_length_limit = 12_288  # RFC 4954 section 4


class LongLines(Controller):
    """aiosmtpd's server, with room for a token in a line."""

    def factory(self) -> SMTP:
        server = _LongSmtp(self.handler, hostname=LOOPBACK, auth_require_tls=False)
        server.command_size_limits["AUTH"] = 12_288
        return server


@pytest.fixture
def submission(oauth: OauthServer) -> Iterator[TokenSink]:
    sink = TokenSink(oauth)
    controller = LongLines(sink, hostname=LOOPBACK, port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


@pytest.fixture
def site(services: Services, oauth: OauthServer, submission: TokenSink) -> Services:
    smtp = Smtp(
        host=LOOPBACK, port=submission.port, security="none", username=PROBES, oauth="custom", sender=PROBES
    )  # fmt: skip
    settings = msgspec.structs.replace(with_oauth(services.settings, oauth), smtp=smtp)
    return replace(services, settings=settings)


@pytest_asyncio.fixture
async def api(site: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(site, OPERATIONS) as client:
        yield client


async def connect(api: httpx.AsyncClient, oauth: OauthServer) -> None:
    begun = await api.post("/smtp/connect")
    assert begun.status_code == 201, begun.text
    done = await api.post("/smtp/connect/complete", json={"code": await oauth.agree(begun.json()["url"])})
    assert done.status_code == 204, done.text


async def send(site: Services) -> None:
    await Door(site, require_account(site.settings)).hand_in(PROBES, "sales@shop.example", b"Subject: x\r\n\r\nx\r\n")


async def test_d04_probes_go_out_by_token(
    site: Services, api: httpx.AsyncClient, oauth: OauthServer, submission: TokenSink
) -> None:
    with pytest.raises(SenderFailed, match="was never connected") as caught:
        await send(site)
    assert "wherefrom smtp connect" in caught.value.hint
    await connect(api, oauth)
    await send(site)
    assert (await submission.next()).recipients == ("sales@shop.example",)


async def test_a_token_the_server_refuses_is_replaced_once(
    site: Services, api: httpx.AsyncClient, oauth: OauthServer, submission: TokenSink
) -> None:
    await connect(api, oauth)
    oauth.revoke_tokens()
    await send(site)
    assert (len(submission.letters), len(oauth.refreshes)) == (1, 1)
    oauth.user = "somebody.else@elsewhere.example"
    await connect(api, oauth)
    for _ in range(2):
        with pytest.raises(SenderTokenRefused, match=f"does not take the token for {PROBES}"):
            await send(site)
    assert (len(submission.letters), len(oauth.refreshes)) == (1, 2)


async def test_what_was_taken_back_is_told_and_no_site_hears_of_it(
    site: Services, api: httpx.AsyncClient, oauth: OauthServer
) -> None:
    await connect(api, oauth)
    oauth.end_grants()
    oauth.revoke_tokens()
    for _ in range(2):
        with pytest.raises(SenderFailed, match="Token has been expired or revoked") as caught:
            await send(site)
        assert "wherefrom smtp connect" in caught.value.hint
    assert len(oauth.refreshes) == 1
    async with site.db.read() as tx:
        assert await list_events(tx, 0) == []


async def test_only_the_operator_connects_the_account_of_the_service(site: Services, oauth: OauthServer) -> None:
    async with management_api(site, OPERATIONS, key="7") as api:
        assert (await api.post("/smtp/connect")).status_code == 403
        assert (await api.post("/smtp/connect/complete", json={"code": "c"})).status_code == 403


async def test_an_account_with_a_password_needs_no_sign_in(services: Services, oauth: OauthServer) -> None:
    async with management_api(services, OPERATIONS) as api:
        refused = await api.post("/smtp/connect")
    assert (refused.status_code, "oauth" in refused.json()["hint"]) == (Conflict.status, True)
