"""OAuth without the network: what is asked, how answers and refusals are read; and the login on a scripted server."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mail.scripted import ImapScript, ScriptedServer, Talk, tag_of
from wherefrom.errors import BadInput
from wherefrom.mail.failures import LoginFailed, Throttled
from wherefrom.mail.imap import ImapAccount, ImapSession
from wherefrom.mail.oauth import (
    Client,
    authorize_url,
    challenge_of,
    code_form,
    first_words,
    lacks_scope,
    make_verifier,
    read_redirect,
    read_tokens,
    refresh_form,
)
from wherefrom.mail.oauth_failures import (
    ClientRefused,
    GrantEnded,
    TokenRefused,
    TokenServerDown,
    read_token_refusal,
)
from wherefrom.mail.providers import PRESETS, get_preset

CLIENT = Client(
    name="Example", client_id="me", authorize_url="https://login.example/authorize?flow=a",
    token_url="https://login.example/token", scopes="mail offline", secret="s3cret", must_grant="mail",
    extra=(("prompt", "consent"),),
)  # fmt: skip
BACK = "https://wherefrom.example/oauth/callback/custom"


def test_the_authorisation_request_holds_state_and_a_pkce_challenge_and_no_secret() -> None:
    verifier = make_verifier()
    url = authorize_url(CLIENT, BACK, "st4te", verifier, "anna@company.example")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked == {
        "flow": "a", "response_type": "code", "client_id": "me", "redirect_uri": BACK, "scope": "mail offline",
        "state": "st4te", "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
        "login_hint": "anna@company.example", "prompt": "consent",
    }  # fmt: skip
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64decode(asked["code_challenge"] + "=") == digest
    assert verifier not in url
    assert "s3cret" not in url


def test_the_challenge_is_the_one_of_rfc_7636() -> None:
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_public_client_sends_no_secret() -> None:
    public = Client("Example", "me", "https://a.example", "https://t.example", "mail")
    assert "client_secret" not in code_form(public, "c", BACK, "v") | refresh_form(public, "r")
    assert refresh_form(CLIENT, "r") == {
        "grant_type": "refresh_token",
        "refresh_token": "r",
        "client_id": "me",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize(
    ("pasted", "code", "state"),
    [
        ("4/0Ab_c-d", "4/0Ab_c-d", ""),
        ("  0.AXo\nAbc  ", "0.AXoAbc", ""),
        (f"{BACK}?state=s1&code=4%2F0Ab&scope=mail", "4/0Ab", "s1"),
        ("code=abc&state=s2", "abc", "s2"),
    ],
)
def test_the_redirect_may_be_pasted_whole_or_its_code_alone(pasted: str, code: str, state: str) -> None:
    found = read_redirect(pasted)
    assert (found.code, found.state, found.error) == (code, state, "")


def test_a_refusal_that_was_pasted_is_read_as_one() -> None:
    found = read_redirect(f"{BACK}?error=access_denied&error_description=The+user+said+no&state=s")
    assert (found.code, found.error, found.state) == ("", "access_denied The user said no", "s")


@pytest.mark.parametrize("pasted", ["", "   ", "https://accounts.example/signin", "naïve"])
def test_what_holds_no_code_is_told(pasted: str) -> None:
    with pytest.raises(BadInput, match="no code"):
        read_redirect(pasted)


@given(st.text(max_size=200))
def test_whatever_is_pasted_is_read_or_refused_in_words(pasted: str) -> None:
    try:
        found = read_redirect(pasted)
    except BadInput:
        return
    assert len(found.code) <= 16_384


# ---------------------------------------------------------------------------------------------- token answers


def answer(**values: object) -> bytes:
    return json.dumps(values).encode()


def test_tokens_are_read_with_their_end() -> None:
    tokens = read_tokens(CLIENT, 200, answer(access_token="a", refresh_token="r", expires_in="3599", scope="mail"))
    assert (tokens.access, tokens.refresh, tokens.seconds, tokens.scope) == ("a", "r", 3599, "mail")
    assert repr(tokens) == "Tokens(seconds=3599, scope='mail')"


@pytest.mark.parametrize(
    ("told", "seconds"), [(None, None), (-5, 0), (10**30, 315_360_000), ("soon", 3_600), ([], 3_600)]
)
def test_an_odd_end_is_taken_for_the_safest(told: object, seconds: int | None) -> None:
    assert read_tokens(CLIENT, 200, answer(access_token="a", expires_in=told)).seconds == seconds


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (400, answer(error="invalid_grant", error_description="Token revoked."), GrantEnded, "Token revoked"),
        (400, answer(error="interaction_required", error_description="AADSTS50076"), GrantEnded, "AADSTS50076"),
        (401, answer(error="invalid_client"), ClientRefused, "invalid_client"),
        (400, answer(error="invalid_scope"), ClientRefused, "invalid_scope"),
        (503, answer(error="temporarily_unavailable"), TokenServerDown, "temporarily_unavailable"),
        (500, b"<html>oops", TokenServerDown, "<html>oops"),
        (302, b"", TokenServerDown, "302"),
        (200, b"[]", TokenServerDown, "no answer to a token request"),
        (200, b"\xff", TokenServerDown, "200"),
        (200, answer(access_token=7), TokenServerDown, "no token"),
        (200, answer(access_token="line\nbreak"), TokenServerDown, "no token"),
        (200, answer(access_token="a" * 20_000), TokenServerDown, "no token"),
        (200, answer(access_token="a", token_type="mac"), ClientRefused, "mac"),
        # GitHub's like: an error with status 200.
        (200, answer(error="invalid_grant"), GrantEnded, "invalid_grant"),
    ],
)
def test_a_token_server_s_refusals_are_told_apart(status: int, body: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_tokens(CLIENT, status, body)


def test_a_scope_that_was_unticked_is_seen_where_the_provider_tells() -> None:
    granted = read_tokens(CLIENT, 200, answer(access_token="a", scope="Mail offline"))
    unticked = read_tokens(CLIENT, 200, answer(access_token="a", scope="offline"))
    silent = read_tokens(CLIENT, 200, answer(access_token="a"))
    assert [lacks_scope(CLIENT, one) for one in (granted, unticked, silent)] == [False, True, False]


# ---------------------------------------------------------------------------------------------- presets


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.key)
def test_a_preset_is_whole_encrypted_and_says_where_it_was_taken_from(one) -> None:  # type: ignore[no-untyped-def]
    for url in (one.authorize_url, one.token_url, one.register_at, *one.sources):
        assert url.startswith("https://")
    assert (one.port, one.security) == (993, "tls")
    assert one.sources
    assert len(one.register) >= 3
    assert one.must_grant.lower() in one.scopes.lower()
    assert ("{tenant}" in one.token_url) == bool(one.tenant) == ("{tenant}" in one.authorize_url)
    assert get_preset(one.key) is one


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="yahoo") as caught:
        get_preset("yahoo")
    assert "google, microsoft, yandex, mailru" in caught.value.hint


# ---------------------------------------------------------------------------------------------- the login


def account(port: int) -> ImapAccount:
    return ImapAccount("127.0.0.1", port, "none", "anna@company.example", "", token="t0ken")


def offering(*mechanisms: str) -> bytes:
    offered = " ".join(f"AUTH={one}" for one in mechanisms)
    return f"* CAPABILITY IMAP4rev1 {offered}\r\n".encode()


def refusing(challenge: bytes, said: bytes, heard: list[bytes]):  # type: ignore[no-untyped-def]
    """Takes the token, sends a challenge, and says NO once that was answered."""

    def play(talk: Talk, line: bytes) -> None:
        talk.send(b"+ \r\n")
        heard.append(base64.b64decode(talk.read_line()))
        talk.send(b"+ " + base64.b64encode(challenge) + b"\r\n")
        heard.append(base64.b64decode(talk.read_line()))
        talk.send(tag_of(line) + b" NO " + said + b"\r\n")

    return play


def failure(challenge: bytes, said: bytes, *mechanisms: str) -> tuple[LoginFailed, list[bytes]]:
    heard: list[bytes] = []
    script = ImapScript(
        {"CAPABILITY": offering(*(mechanisms or ("XOAUTH2",))), "AUTHENTICATE": refusing(challenge, said, heard)}
    )
    with ScriptedServer(script) as server, pytest.raises(LoginFailed) as caught:
        ImapSession(account(server.port), 2).connect()
    return caught.value, heard


def test_d04_the_token_goes_by_xoauth2_and_a_refusal_is_answered_with_nothing() -> None:
    challenge = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
    error, heard = failure(challenge, b"[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "OAUTHBEARER", "XOAUTH2")
    assert heard == [b"user=anna@company.example\x01auth=Bearer t0ken\x01\x01", b""]
    assert isinstance(error, TokenRefused)
    assert "Invalid credentials (Failure)" in error.detail
    assert "400" in error.detail
    assert "t0ken" not in error.detail + error.hint


def test_d04_oauthbearer_is_used_where_only_that_is_offered() -> None:
    _, heard = failure(b'{"status":"invalid_token"}', b"failed", "PLAIN", "OAUTHBEARER")
    assert heard[0].startswith(b"n,a=anna@company.example,\x01host=127.0.0.1\x01port=")
    assert heard[0].endswith(b"\x01auth=Bearer t0ken\x01\x01")
    assert heard[1] == b"\x01"


def test_names_with_the_signs_of_the_header_are_escaped() -> None:
    assert first_words("OAUTHBEARER", "a=b,c", "t", "h", 1).startswith("n,a=a=3Db=2Cc,\1")


def test_a_missing_scope_is_told_as_that() -> None:
    error, _ = failure(b'{"status":"insufficient_scope","scope":"mail.imap"}', b"no")
    assert "does not include reading mail" in error.detail
    assert "mail.imap" in error.detail


@pytest.mark.parametrize("challenge", [b"", b"\xff\xfe", b"[1]", b'{"status":{"a":1}}', b"{" * 5_000])
def test_a_challenge_that_is_no_json_is_passed_over(challenge: bytes) -> None:
    error, _ = failure(challenge, b"AUTHENTICATE failed.")
    assert "AUTHENTICATE failed." in error.detail


def test_imap_that_is_switched_off_is_told_as_that_and_not_as_a_bad_token() -> None:
    error, _ = failure(b"{}", b"[ALERT] Your account is not enabled for IMAP use. Please visit your settings page.")
    assert type(error) is LoginFailed
    assert "IMAP is switched off for anna@company.example" in error.detail
    assert "Connecting again is not needed" in error.hint


def test_authenticated_but_not_connected_is_told_as_microsoft_means_it() -> None:
    error, _ = failure(b"", b"User is authenticated but not connected.")
    assert type(error) is LoginFailed
    assert "The login worked, but the mailbox stays closed" in error.detail


@pytest.mark.parametrize(
    ("host", "answer", "words"),
    [
        ("outlook.office365.com", "AUTHENTICATE failed.", "IMAP.AccessAsUser.All"),
        ("outlook.office365.com", "AUTHENTICATE failed.", "Manage email apps"),
        ("imap.yandex.com", "[AUTHENTICATIONFAILED] AUTHENTICATE invalid credentials or IMAP is disabled", "IMAP may"),
        ("imap.gmail.com", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "Was it anna@x.example who agreed"),
    ],
)
def test_one_no_for_many_causes_is_told_with_all_of_them(host: str, answer: str, words: str) -> None:
    error = read_token_refusal(answer, {}, host, "anna@x.example")
    assert isinstance(error, TokenRefused)
    assert words in error.hint


def test_a_server_that_asks_for_patience_is_not_taken_for_one_that_refuses() -> None:
    script = ImapScript({"CAPABILITY": offering("XOAUTH2"), "AUTHENTICATE": b"NO [UNAVAILABLE] try again in 30 s"})
    with ScriptedServer(script) as server, pytest.raises(Throttled) as caught:
        ImapSession(account(server.port), 2).connect()
    assert caught.value.wait_seconds == 30


def test_a_server_without_token_logins_is_told_so_and_sees_no_token() -> None:
    script = ImapScript({"CAPABILITY": offering("PLAIN")})
    with ScriptedServer(script) as server, pytest.raises(LoginFailed, match="takes no tokens"):
        ImapSession(account(server.port), 2).connect()
    assert not any(b"AUTHENTICATE" in line or b"LOGIN" in line for line in script.asked)


def test_the_token_is_in_no_account_s_words() -> None:
    assert "t0ken" not in repr(account(1))
