"""Asks a person to agree at a provider, and takes what comes back.

    ask ─▶ request row + URL ─▶ (browser) provider ─▶ redirect with code and state ─▶ redeem ─▶ tokens

The state is unguessable, kept as a hash, good for twenty minutes, for one use, and for whoever asked (the console's
session, or the API key): a code that somebody else is sent with a forged redirect connects nothing. Refuses to know
what is done with the tokens; ``memo`` comes back as it was given.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wherefrom.errors import BadInput, Unprocessable
from wherefrom.grants import store
from wherefrom.grants.client import Choice, get_client, redirect_url
from wherefrom.grants.store import GrantRequest
from wherefrom.mail.oauth import Client, Redirected, Tokens, authorize_url, code_form, lacks_scope, make_verifier
from wherefrom.mail.oauth_failures import GrantEnded
from wherefrom.mail.token_request import request_tokens
from wherefrom.services import Services
from wherefrom.tokens import hash_token, random_token

LIFE = timedelta(minutes=20)
_BEGIN_AGAIN = "begin again: choose the provider once more"


@dataclass(frozen=True, slots=True)
class Asked:
    """``url``: where the person agrees; ``state``: what tells this request from others."""

    url: str
    state: str = field(repr=False)
    redirect_url: str
    expires_at: datetime


async def ask(
    services: Services, site_id: int, holder: str, choice: Choice, login_hint: str, memo: str
) -> Asked:  # fmt: skip
    """Keeps the request, and says where to go. BadInput when the choice does not hold."""
    client = get_client(services.settings, choice)
    now, verifier, state = services.clock.now(), make_verifier(), f"{site_id:x}.{random_token()}"
    request = GrantRequest(
        site_id=site_id,
        id=services.ids.next(),
        state_hash=hash_token(state),
        holder=holder,
        provider=choice.provider,
        verifier=services.tokens.encrypt(verifier),
        memo=services.tokens.encrypt(memo),
        expires_at=now + LIFE,
    )
    async with services.db.write() as tx:
        await store.add_request(tx, request)
    back = redirect_url(services.settings, choice.provider)
    return Asked(authorize_url(client, back, state, verifier, login_hint), state, back, request.expires_at)


def site_of(state: str) -> int:
    """The site a state was made for; BadInput when it is none of ours."""
    head, _, rest = state.partition(".")
    if not rest or not head.isascii() or not head.isalnum() or len(head) > 16:
        raise _unknown()
    try:
        return int(head, 16)
    except ValueError:
        raise _unknown() from None


async def find_asked(services: Services, holder: str, state: str) -> tuple[GrantRequest, str]:
    """The open request of this holder, and its memo. BadInput when there is none."""
    async with services.db.read() as tx:
        found = await store.find_request(tx, site_of(state), hash_token(state))
    if found is None or found.expires_at < services.clock.now():
        raise _unknown()
    if not hmac.compare_digest(found.holder.encode(), holder.encode()):
        raise BadInput("this sign-in was begun by somebody else, or in another session", hint=_BEGIN_AGAIN)
    return found, services.tokens.decrypt(found.memo)


async def find_open(services: Services, state: str) -> GrantRequest | None:
    """The request of this state, whoever began it, while it is open."""
    try:
        site_id = site_of(state)
    except BadInput:
        return None
    async with services.db.read() as tx:
        return await store.find_request(tx, site_id, hash_token(state))


async def redeem(services: Services, request: GrantRequest, choice: Choice, back: Redirected) -> Tokens:
    """The tokens for the code that came ``back``. Uses the request up, whatever comes of it. BadInput,
    Unprocessable: the person begins again; MailboxError: the provider or its set-up."""
    async with services.db.write() as tx:
        if not await store.take_request(tx, request):
            raise _unknown()
    client = get_client(services.settings, choice)
    if back.error or not back.code:
        raise BadInput(
            f"{client.name} did not grant it: {back.error[:300] or 'it sent no code'}",
            hint="agree to what is asked; for an organisation's account its administrator may have to allow it",
        )
    form = code_form(
        client, back.code, redirect_url(services.settings, request.provider), services.tokens.decrypt(request.verifier)
    )
    try:
        tokens = await request_tokens(services.http(), client, form)
    except GrantEnded as error:
        raise BadInput(f"the code cannot be used any more: {error.detail}", hint=_BEGIN_AGAIN) from None
    _check(client, tokens)
    return tokens


async def forget_requests(services: Services) -> int:
    """Forgets the sign-ins that nobody completed in time; how many. They hold what was wanted, sealed."""
    async with services.db.write() as tx:
        return await store.delete_requests(tx, services.clock.now())


def _check(client: Client, tokens: Tokens) -> None:
    if lacks_scope(client, tokens):
        raise Unprocessable(
            f"{client.name} did not grant reading the mail; it granted “{tokens.scope[:200]}”",
            hint=f"begin again and leave everything ticked; wanted is {client.scopes}",
        )
    if not tokens.refresh and tokens.seconds is not None:
        raise Unprocessable(
            f"{client.name} gave a token for {tokens.seconds} seconds and none to renew it with",
            hint="allow the client offline access at the provider (scope offline_access, or access_type=offline), "
            "then begin again",
        )


def _unknown() -> BadInput:
    return BadInput("this sign-in is not known, was completed already, or has run out", hint=_BEGIN_AGAIN)
