"""The OAuth server of the tests, and the mail server that asks it."""

import httpx
import imapclient  # type: ignore[import-untyped]
import pytest

from tests.support.dovecot import Dovecot
from tests.support.oauth_server import CLIENT_ID, CLIENT_SECRET, OauthServer
from wherefrom.mail.oauth import challenge_of

BACK = "http://127.0.0.1:8025/oauth/callback/custom"
VERIFIER = "a" * 43


async def tokens(server: OauthServer, user: str, verifier: str = VERIFIER) -> httpx.Response:
    query = {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": BACK, "scope": "mail offline_access",
        "state": "s", "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256", "login_hint": user,
    }  # fmt: skip
    back = await server.agree(f"{server.url}/authorize?{httpx.QueryParams(query)}")
    code = httpx.URL(back).params["code"]
    return await ask(server, grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=verifier)


async def ask(server: OauthServer, **form: str) -> httpx.Response:
    async with httpx.AsyncClient(verify=False, timeout=60) as client:
        return await client.post(
            f"{server.url}/token", data={"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
        )


async def test_a_code_is_worth_tokens_once_and_only_with_its_verifier(oauth: OauthServer) -> None:
    assert (await tokens(oauth, "anna", verifier="b" * 43)).json()["error"] == "invalid_grant"
    assert (await tokens(oauth, "anna")).status_code == 200
    code = oauth.asked[-1]["code"]
    again = await ask(oauth, grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=VERIFIER)
    assert again.status_code == 400


async def test_a_refresh_token_that_is_used_twice_ends_the_grant(oauth: OauthServer) -> None:
    first = (await tokens(oauth, "anna")).json()["refresh_token"]
    second = (await ask(oauth, grant_type="refresh_token", refresh_token=first)).json()["refresh_token"]
    assert (await ask(oauth, grant_type="refresh_token", refresh_token=first)).status_code == 400
    assert (await ask(oauth, grant_type="refresh_token", refresh_token=second)).status_code == 400


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_the_mail_server_lets_in_whose_token_it_is_and_nobody_else(
    oauth: OauthServer, token_dovecot: Dovecot, mechanism: str
) -> None:
    anna = token_dovecot.add_user()
    other = token_dovecot.add_user()
    token = (await tokens(oauth, anna.user)).json()["access_token"]

    def log_in(user: str, token: str) -> None:
        client = imapclient.IMAPClient(token_dovecot.host, port=token_dovecot.imap_port, ssl=False, timeout=60)
        try:
            if mechanism == "XOAUTH2":
                client.oauth2_login(user, token)
            else:
                client.oauthbearer_login(user, token)
            client.select_folder("INBOX", readonly=True)
        finally:
            client.shutdown()

    log_in(anna.user, token)
    for user, tried in ((other.user, token), (anna.user, token[:-1] + ("b" if token[-1] == "a" else "a"))):
        with pytest.raises(imapclient.exceptions.LoginError):
            log_in(user, tried)
    oauth.revoke_tokens()
    with pytest.raises(imapclient.exceptions.LoginError):
        log_in(anna.user, token)
