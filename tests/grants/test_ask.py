"""Asking at a provider, and what comes back: bound to who asked, good once, for a while."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.grants.connecting import HOLDER, connected, with_oauth
from tests.support.oauth_server import CLIENT_ID, CLIENT_SECRET, OauthServer
from wherefrom.clock import FixedClock
from wherefrom.errors import BadInput, Unprocessable
from wherefrom.grants.ask import forget_requests
from wherefrom.grants.client import Choice, get_client, list_offers, redirect_url
from wherefrom.grants.store import find_grant
from wherefrom.grants.tables import grant_request, mailbox_grant
from wherefrom.inbox.connect import ConnectMailbox, begin, complete
from wherefrom.inbox.store.mailboxes import list_mailboxes
from wherefrom.mail.oauth import Redirected, read_redirect
from wherefrom.mail.oauth_failures import ClientRefused, TokenServerDown
from wherefrom.services import Services
from wherefrom.settings import Oauth, OauthClient, OauthCustom, OauthMicrosoft, Server, Settings

ANNA = "anna@company.example"


@pytest.fixture
def services_with(services: Services, oauth: OauthServer) -> Services:
    return replace(services, settings=with_oauth(services.settings, oauth))


async def test_d04_agreeing_connects_the_mailbox_and_seals_its_tokens(
    services_with: Services, oauth: OauthServer
) -> None:
    found = await connected(services_with, oauth, ANNA, name="Sales", since="all")
    assert (found.username, found.host, found.status, found.password) == (ANNA, "127.0.0.1", "new", "")
    assert [one.since for one in found.folders] == ["all", "all"]
    async with services_with.db.read() as tx:
        row = (await tx.execute(select(mailbox_grant))).one()
        assert (await tx.execute(select(grant_request))).all() == []
    assert row.refused is False
    assert row.expires_at - row.obtained_at == timedelta(hours=1)
    stored = " ".join(str(value) for value in row)
    assert CLIENT_SECRET not in stored
    token = services_with.tokens.decrypt(row.access_token)
    assert len(token) > 1_000
    assert token not in stored
    assert services_with.tokens.decrypt(row.refresh_token) not in stored


async def test_the_code_goes_with_the_verifier_and_the_secret(services_with: Services, oauth: OauthServer) -> None:
    await connected(services_with, oauth, ANNA)
    (form,) = oauth.asked
    assert (form["client_id"], form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
    assert len(form["code_verifier"]) == 43
    assert form["redirect_uri"] == "http://127.0.0.1:8025/oauth/callback/custom"


async def test_a_sign_in_is_completed_once_and_by_whoever_began_it(services_with: Services, oauth: OauthServer) -> None:
    asked = await begin(services_with, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))
    back = read_redirect(await oauth.agree(asked.url))
    with pytest.raises(BadInput, match="somebody else"):
        await complete(services_with, "session of a stranger", back.state, back)
    await complete(services_with, HOLDER, back.state, back)
    with pytest.raises(BadInput, match="completed already"):
        await complete(services_with, HOLDER, back.state, back)
    assert len(oauth.asked) == 1


@pytest.mark.parametrize("state", ["", "1.", "1.nonsense", ".x", "zz.x", "1" * 40 + ".x", "²³.x", "-1.x"])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # all but one are refused unlooked
async def test_a_state_that_was_never_given_out_is_refused(services_with: Services, state: str) -> None:
    with pytest.raises(BadInput, match="not known"):
        await complete(services_with, HOLDER, state, Redirected(code="c"))


async def test_a_sign_in_runs_out_and_is_forgotten(
    services_with: Services, oauth: OauthServer, clock: FixedClock
) -> None:
    asked = await begin(services_with, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))
    back = read_redirect(await oauth.agree(asked.url))
    clock.advance(timedelta(minutes=21))
    with pytest.raises(BadInput, match="has run out"):
        await complete(services_with, HOLDER, back.state, back)
    await begin(services_with, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))
    assert await forget_requests(services_with) == 1
    async with services_with.db.read() as tx:
        assert len((await tx.execute(select(grant_request))).all()) == 1


async def test_a_person_who_declines_connects_nothing(services_with: Services, oauth: OauthServer) -> None:
    asked = await begin(services_with, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))
    back = read_redirect(await oauth.agree(asked.url, decline=True))
    with pytest.raises(BadInput, match="Example did not grant it: access_denied The user declined"):
        await complete(services_with, HOLDER, back.state, back)
    async with services_with.db.read() as tx:
        assert await list_mailboxes(tx, 1) == []


async def test_a_code_of_another_sign_in_is_refused_by_pkce(services_with: Services, oauth: OauthServer) -> None:
    first = await begin(services_with, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))
    second = await begin(services_with, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))
    stolen = read_redirect(await oauth.agree(first.url))
    with pytest.raises(BadInput, match="cannot be used any more"):
        await complete(services_with, HOLDER, second.state, stolen)


async def test_a_token_that_cannot_be_renewed_is_refused_unless_it_has_no_end(
    services_with: Services, oauth: OauthServer
) -> None:
    oauth.gives_refresh = False
    with pytest.raises(Unprocessable, match="for 3600 seconds and none to renew") as caught:
        await connected(services_with, oauth, ANNA)
    assert "offline_access" in caught.value.hint
    oauth.lifetime = None  # a token without an end needs no renewal
    assert (await connected(services_with, oauth, ANNA)).username == ANNA


async def test_a_wrong_secret_is_told_as_the_set_up_s_fault(services: Services, oauth: OauthServer) -> None:
    wrong = replace(services, settings=with_oauth(services.settings, oauth, client_secret="old"))
    with pytest.raises(ClientRefused, match="invalid_client") as caught:
        await connected(wrong, oauth, ANNA)
    assert "has it run out" in caught.value.hint


@pytest.mark.parametrize("mode", ["down", "garbage"])
async def test_a_token_server_that_is_away_is_told_and_nothing_is_connected(
    services_with: Services, oauth: OauthServer, mode: str
) -> None:
    oauth.mode = mode  # type: ignore[assignment]
    with pytest.raises(TokenServerDown, match="Example"):
        await connected(services_with, oauth, ANNA)


async def test_a_token_server_inside_is_only_asked_where_the_operator_opened_it(
    services: Services, oauth: OauthServer
) -> None:
    closed = replace(services, settings=with_oauth(Settings(), oauth))
    with pytest.raises(BadInput, match="this machine itself"):
        await begin(closed, 1, HOLDER, ConnectMailbox(provider="custom", username=ANNA))


async def test_the_same_account_connected_again_is_the_same_mailbox(
    services_with: Services, oauth: OauthServer
) -> None:
    first = await connected(services_with, oauth, ANNA)
    again = await connected(services_with, oauth, ANNA)
    by_id = await begin(services_with, 1, HOLDER, ConnectMailbox(mailbox=str(first.id)))
    back = read_redirect(await oauth.agree(by_id.url))
    third = await complete(services_with, HOLDER, back.state, back)
    assert first.id == again.id == third.id
    assert first.revision < again.revision < third.revision
    async with services_with.db.read() as tx:
        assert len(await list_mailboxes(tx, 1)) == 1


async def test_a_client_of_the_owner_s_own_is_kept_with_the_mailbox(services: Services, oauth: OauthServer) -> None:
    found = await connected(services, oauth, ANNA, **oauth.settings, host="127.0.0.1", port=143, security="none")
    async with services.db.read() as tx:
        grant = await find_grant(tx, 1, found.id)
    assert grant is not None
    assert (grant.client_id, grant.token_url) == (CLIENT_ID, f"{oauth.url}/token")
    assert services.tokens.decrypt(grant.client_secret) == CLIENT_SECRET


# ---------------------------------------------------------------------------------------------- whose client

OWN = {
    "client_id": "me", "authorize_url": "https://id.example/a", "token_url": "https://id.example/t", "scopes": "mail"
}  # fmt: skip
OPERATORS = Settings(
    oauth=Oauth(
        google=OauthClient(client_id="g", client_secret="gs"),
        microsoft=OauthMicrosoft(client_id="m", client_secret="ms", tenant="contoso.example"),
        custom=OauthCustom(**{**OWN, "client_id": "c", "client_secret": "cs"}),
    )
)


def test_a_preset_takes_the_operators_client_and_its_tenant() -> None:
    google, microsoft = get_client(OPERATORS, Choice("google")), get_client(OPERATORS, Choice("microsoft"))
    assert (google.client_id, google.secret) == ("g", "gs")
    assert microsoft.token_url == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    assert microsoft.authorize_url == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"


def test_an_owner_s_client_goes_without_the_operator_s_secret_and_tenant() -> None:
    own = get_client(OPERATORS, Choice("microsoft", client_id="mine"))
    assert (own.client_id, own.secret) == ("mine", "")
    assert "/common/" in own.token_url


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        # The operator's secret is never sent to an address that somebody else names.
        (Choice("google", token_url="https://evil.example/t"), "token_url"),
        (Choice("google", client_id="me", token_url="https://evil.example/t"), "token_url"),
        (Choice("custom", token_url="https://evil.example/t"), "token_url"),
        (Choice("custom", authorize_url="https://evil.example/a"), "authorize_url"),
        (Choice("google", client_secret="s"), "client_secret"),
        (Choice("microsoft", tenant="evil"), "tenant"),
        (Choice("microsoft", client_id="me", tenant="a/../../b?"), "tenant"),
        (Choice("google", client_id="me", tenant="common"), "tenant"),
        (Choice("yandex"), "client_id"),
        (Choice("yahoo"), "provider"),
        (Choice("custom", **{**OWN, "token_url": ""}), "token_url"),
        (Choice("custom", **{**OWN, "token_url": "http://id.example/t"}), "token_url"),
        (Choice("custom", **{**OWN, "token_url": "https://10.0.0.7/t"}), "token_url"),
        (Choice("custom", **{**OWN, "token_url": "https://169.254.169.254/t"}), "token_url"),
        (Choice("custom", **{**OWN, "authorize_url": "javascript:alert(1)"}), "authorize_url"),
    ],
)
def test_a_choice_that_does_not_hold_is_refused_by_its_field(choice: Choice, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        get_client(OPERATORS, choice)
    assert caught.value.extra["field"] == field


def test_offers_say_which_are_set_up_and_where_people_are_sent_back() -> None:
    offers = {one.key: one for one in list_offers(OPERATORS)}
    assert {key for key, one in offers.items() if one.ready} == {"google", "microsoft", "custom"}
    assert list(offers) == ["google", "microsoft", "yandex", "mailru", "custom"]
    assert "custom" not in {one.key for one in list_offers(Settings())}
    settings = Settings(server=Server(public_url="https://mail.company.example/"))
    assert redirect_url(settings, "google") == "https://mail.company.example/oauth/callback/google"
