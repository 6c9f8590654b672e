"""OAuth 2.0 as far as a mailbox needs it, without the network: what is asked, what is answered, how one logs in by it.

    begin    authorise URL (RFC 6749 4.1.1) with state and PKCE challenge (RFC 7636) ─▶ the person agrees
    back     redirect URL?code=…&state=…                                              ─▶ read_redirect
    tokens   POST code + verifier, later the refresh token                            ─▶ read_tokens
    log in   SASL XOAUTH2 (Google's) or OAUTHBEARER (RFC 7628) with the access token  ─▶ read_challenge when refused

Refuses to know who keeps the tokens, and where.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from wherefrom.errors import BadInput
from wherefrom.mail.failures import quote
from wherefrom.mail.oauth_failures import ClientRefused, GrantEnded, TokenServerDown

LONGEST_TOKEN = 16_384
"""Characters. Microsoft's have 2,000 to 4,000; a line of IMAP must hold one."""

_DEFAULT_SECONDS = 3_600
_LONGEST_SECONDS = 10 * 365 * 86_400
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# invalid_grant by RFC 6749; the others by OpenID Connect 3.1.2.6 and Microsoft, for "a person has to agree once more".
_ENDED = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required", "access_denied"})
_LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to a provider. ``secret`` "" for a public client. ``name`` is the provider's, for words to people;
    ``must_grant`` as in ``Provider``."""

    name: str
    client_id: str
    authorize_url: str
    token_url: str
    scopes: str
    secret: str = field(default="", repr=False)
    must_grant: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Tokens:
    """``seconds`` the access token is good for; None: the provider sets no end. ``refresh`` "" when none came."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int | None
    scope: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """What the provider's redirect brought: a code, or why there is none."""

    code: str = field(default="", repr=False)
    state: str = ""
    error: str = ""


# ---------------------------------------------------------------------------------------------- asking for agreement


def make_verifier() -> str:
    """A PKCE verifier: 43 characters, 256 bits."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """What the authorisation request says of the verifier (method S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorize_url(client: Client, redirect_url: str, state: str, verifier: str, login_hint: str) -> str:
    """Where the person agrees. ``login_hint``: the account meant, so that the right one is offered."""
    given = {
        "response_type": "code", "client_id": client.client_id, "redirect_uri": redirect_url, "scope": client.scopes,
        "state": state, "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
        "login_hint": login_hint, **dict(client.extra),
    }  # fmt: skip
    parts = urlsplit(client.authorize_url)
    query = "&".join(filter(None, [parts.query, urlencode(given)]))
    return parts._replace(query=query, fragment="").geturl()


def read_redirect(text: str) -> Redirected:
    """What a person pasted: the redirect's whole address, or the code alone. BadInput when it is neither."""
    pasted = "".join(text.split())
    if "code=" not in pasted and "error=" not in pasted:
        if not pasted or "://" in pasted or not _PRINTABLE.fullmatch(pasted):
            raise BadInput(
                "there is no code in what was pasted",
                hint="paste the whole address the browser ended at, or the code the page shows",
                field="code",
            )
        return Redirected(code=pasted[:LONGEST_TOKEN])
    return read_query({name: values[0] for name, values in parse_qs(pasted.partition("?")[2] or pasted).items()})


def read_query(query: Mapping[str, str]) -> Redirected:
    """The redirect's query parameters (RFC 6749 4.1.2)."""
    error = query.get("error", "")
    words = " ".join(filter(None, [error, query.get("error_description", "")]))
    return Redirected(query.get("code", "")[:LONGEST_TOKEN], query.get("state", "")[:500], words if error else "")


# ---------------------------------------------------------------------------------------------- tokens


def code_form(client: Client, code: str, redirect_url: str, verifier: str) -> dict[str, str]:
    """The request that turns a code into tokens (RFC 6749 4.1.3, RFC 7636 4.5)."""
    return {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_url, "code_verifier": verifier,
        **_identity(client),
    }  # fmt: skip


def refresh_form(client: Client, refresh_token: str) -> dict[str, str]:
    """The request for a new access token (RFC 6749 6); the scope is left out, which means what was granted."""
    return {"grant_type": "refresh_token", "refresh_token": refresh_token, **_identity(client)}


def _identity(client: Client) -> dict[str, str]:
    secret = {"client_secret": client.secret} if client.secret else {}
    return {"client_id": client.client_id, **secret}


def read_tokens(client: Client, status: int, body: bytes) -> Tokens:
    """The token server's answer. GrantEnded, ClientRefused, TokenServerDown."""
    answer = _read_json(body)
    if answer is None or (status != 200 and not isinstance(answer.get("error"), str)):
        raise TokenServerDown(
            f"{client.name}'s token server answered {status} with something that is no answer to a token request: "
            f"{quote(body[:200].decode('utf-8', 'replace'))}",
            hint=f"It is tried again by itself. If it stays, check the token URL: {client.token_url}",
        )
    if isinstance(answer.get("error"), str):
        raise _refusal(client, answer["error"], str(answer.get("error_description") or ""))
    access, refresh = answer.get("access_token"), answer.get("refresh_token") or ""
    if not _is_token(access) or (refresh and not _is_token(refresh)):
        raise TokenServerDown(f"{client.name}'s token server sent no token that can be used", hint="Try again later.")
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise ClientRefused(
            f"{client.name} gives tokens of the type {quote(str(answer['token_type']))}, and only Bearer is known here"
        )
    return Tokens(access, refresh, _seconds(answer.get("expires_in")), str(answer.get("scope") or ""))


def lacks_scope(client: Client, tokens: Tokens) -> bool:
    """Whether the provider says that it did not grant what reading takes (people can untick it)."""
    wanted = client.must_grant.lower()
    return bool(wanted and tokens.scope and wanted not in tokens.scope.lower())


def _refusal(client: Client, error: str, description: str) -> Exception:
    said = quote(f"{error}: {description}" if description else error)
    if error in _ENDED:
        return GrantEnded(
            f"{client.name} no longer lets this mailbox be read: {said}",
            hint="Connect again. What was granted ended: taken back, unused for long, or the password was changed.",
        )
    if error in _LATER:
        return TokenServerDown(f"{client.name}'s token server asks to come later: {said}", hint="Nothing to do.")
    return ClientRefused(
        f"{client.name} refuses this service as a client: {said}",
        hint="Check client id, client secret (has it run out?) and redirect address against what is registered there.",
    )


def _read_json(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_token(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= LONGEST_TOKEN and bool(_PRINTABLE.fullmatch(value))


def _seconds(value: Any) -> int | None:
    """``expires_in`` as servers send it: a number, a number as text, or nothing at all (then there is no end)."""
    if value is None:
        return None
    try:
        return min(max(int(value), 0), _LONGEST_SECONDS)
    except (TypeError, ValueError, OverflowError):
        return _DEFAULT_SECONDS


# ---------------------------------------------------------------------------------------------- logging in


def choose_mechanism(has: Mapping[str, bool]) -> str:
    """The SASL mechanism to use, of those the server offers; "" for none. XOAUTH2 first: all the big ones have it."""
    return next((name for name in ("XOAUTH2", "OAUTHBEARER") if has.get(name)), "")


def first_words(mechanism: str, username: str, token: str, host: str, port: int) -> str:
    """What the client says first."""
    if mechanism == "OAUTHBEARER":
        name = username.replace("=", "=3D").replace(",", "=2C")
        return f"n,a={name},\1host={host}\1port={port}\1auth=Bearer {token}\1\1"
    return f"user={username}\1auth=Bearer {token}\1\1"


def last_words(mechanism: str) -> str:
    """What the client says to a refusal, so that the server ends the exchange (RFC 7628 3.2.3)."""
    return "\1" if mechanism == "OAUTHBEARER" else ""


def read_challenge(challenge: bytes) -> dict[str, str]:
    """The server's error as sent before it says NO: JSON with ``status``, perhaps ``scope``; {} when it is none."""
    found = _read_json(challenge[:LONGEST_TOKEN]) or {}
    return {name: str(value)[:300] for name, value in found.items() if isinstance(value, (str, int))}
