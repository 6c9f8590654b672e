"""Access tokens that are good: renewed before they end, by one at a time.

    valid_token     good for five minutes more ─▶ as it is; else renew (while that fails, a good one stays in use)
    replace_token   the mail server refused it ─▶ renew, once: should the new one be refused too, it is not the token

A token server answers a renewal with new tokens, "not now" (tried again at the mailbox's pace), or "never again"
(invalid_grant): then the grant is ended, with an event, and nothing is asked any more until a person connects again.
A refresh token that was replaced (rotation) must never be used twice, or the provider ends the grant: so a claim in the
row lets one process at a time ask, and the answer is written before it is used.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.errors import BadInput
from wherefrom.events.snapshots import MailboxDisconnected
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.grants import store
from wherefrom.grants.client import Choice, get_client
from wherefrom.grants.store import Grant
from wherefrom.mail.failures import MailboxError
from wherefrom.mail.oauth import Client, Tokens, refresh_form
from wherefrom.mail.oauth_failures import ClientRefused, GrantEnded, TokenServerDown
from wherefrom.mail.token_request import request_tokens
from wherefrom.services import Services

log = structlog.get_logger(__name__)

MARGIN = timedelta(minutes=5)
"""A token is renewed this long before it ends: a login may take a minute, and clocks differ."""

_CLAIM_MORE = timedelta(seconds=45)  # a claim is that much longer than the HTTP client may take
_AGAIN = "Connect this mailbox again: in the console's setup, or with “wherefrom mailbox connect”."
_SENDER_AGAIN = "Connect the account probes go out by again: “wherefrom smtp connect”."
_LOOKS, _LOOK_SECONDS = 200, 0.1


class Owner(Struct, frozen=True):
    """The mailbox a grant is of; ``name`` and ``username`` are for words."""

    site_id: int
    mailbox_id: int
    name: str
    username: str


def choice_of(services: Services, grant: Grant) -> Choice:
    """Who granted it, and to which client."""
    secret = services.tokens.decrypt(grant.client_secret) if grant.client_secret else ""
    return Choice(
        grant.provider, grant.tenant, grant.client_id, secret, grant.authorize_url, grant.token_url, grant.scopes
    )


def grant_values(services: Services, choice: Choice, tokens: Tokens) -> dict[str, Any]:
    """A new grant's columns."""
    secret = services.tokens.encrypt(choice.client_secret) if choice.client_secret else ""
    return {
        "provider": choice.provider, "tenant": choice.tenant, "client_id": choice.client_id, "client_secret": secret,
        "authorize_url": choice.authorize_url, "token_url": choice.token_url, "scopes": choice.scopes,
        **_token_values(services, tokens), "refused": False, "ended": "", "claimed_until": None,
    }  # fmt: skip


async def valid_token(services: Services, owner: Owner) -> str:
    """A token for a login now. GrantEnded; TokenServerDown, Throttled, ClientRefused when none is to be had now."""
    grant = await _get(services, owner)
    now, end = services.clock.now(), grant.expires_at
    if end is None or end - MARGIN > now or not grant.refresh_token:
        return services.tokens.decrypt(grant.access_token)
    try:
        grant = await _renew(services, owner, grant, refused=False)
    except GrantEnded:
        raise
    except MailboxError as error:
        if end <= now:
            raise
        log.warning("token not renewed, the old one still holds", mailbox=owner.mailbox_id, fault=error.detail)
    return services.tokens.decrypt(grant.access_token)


async def replace_token(services: Services, owner: Owner, refused: str) -> str | None:
    """Another token for the ``refused`` one; None when there is no use in that."""
    grant = await _get(services, owner)
    if services.tokens.decrypt(grant.access_token) == refused:
        if grant.refused or not grant.refresh_token:
            return None
        grant = await _renew(services, owner, grant, refused=True)
    return services.tokens.decrypt(grant.access_token)


async def note_accepted(services: Services, owner: Owner) -> None:
    """The mail server took the token: the next one that is refused may be replaced again."""
    async with services.db.read() as tx:
        grant = await store.find_grant(tx, owner.site_id, owner.mailbox_id)
    if grant is not None and grant.refused:
        async with services.db.write() as tx:
            await store.mark_accepted(tx, grant)


async def _get(services: Services, owner: Owner) -> Grant:
    async with services.db.read() as tx:
        grant = await store.find_grant(tx, owner.site_id, owner.mailbox_id)
    if grant is None or grant.ended:
        raise GrantEnded(grant.ended if grant else f"{owner.username} was never connected", hint=_hint(owner))
    return grant


def _hint(owner: Owner) -> str:
    return _AGAIN if owner.site_id else _SENDER_AGAIN


async def _renew(services: Services, owner: Owner, seen: Grant, *, refused: bool) -> Grant:
    """The grant with new tokens, asked for here or by whoever holds the claim."""
    # Not given up when the caller is: an answer that is lost may hold the only refresh token there is, and a claim that
    # nobody uses holds up the others.
    return await asyncio.shield(asyncio.create_task(_claim(services, owner, seen, refused=refused)))


async def _claim(services: Services, owner: Owner, seen: Grant, *, refused: bool) -> Grant:
    now = services.clock.now()
    until = now + timedelta(seconds=services.settings.webhooks.timeout_seconds) + _CLAIM_MORE
    async with services.db.write() as tx:
        claimed = await store.claim_grant(tx, seen, now, until)
    if not claimed:
        return await _await_other(services, owner, seen)
    return await _ask(services, owner, seen, refused=refused)


async def _ask(services: Services, owner: Owner, seen: Grant, *, refused: bool) -> Grant:
    try:
        client = _client(services, seen)
        tokens = await request_tokens(
            services.http(), client, refresh_form(client, services.tokens.decrypt(seen.refresh_token))
        )
    except GrantEnded as error:
        await _end(services, owner, seen, error)
        raise GrantEnded(error.detail, hint=_hint(owner)) from None
    except BaseException:
        async with services.db.write() as tx:
            await store.record_tokens(tx, seen, {})
        raise
    values = _token_values(services, tokens, seen) | {"refused": refused}
    async with services.db.write() as tx:
        await store.record_tokens(tx, seen, values)
    log.info("token renewed", mailbox=owner.mailbox_id, refused=refused)
    return await _get(services, owner)


def _client(services: Services, seen: Grant) -> Client:
    """The client it was granted to; ClientRefused when the settings no longer hold it."""
    try:
        return get_client(services.settings, choice_of(services, seen))
    except BadInput as error:
        raise ClientRefused(error.detail, hint=error.hint) from None


async def _end(services: Services, owner: Owner, seen: Grant, error: MailboxError) -> None:
    """The grant is over: once, and told as an event."""
    async with services.db.write() as tx:
        if not await store.mark_ended(tx, seen, error.detail):
            return
        if owner.site_id:  # the installation's own account is no site's to hear of
            await _tell(services, tx, owner, seen, error)
    log.warning("has to be connected again", mailbox=owner.mailbox_id, account=owner.username)
    services.bell.ring("events")


async def _tell(services: Services, tx: Tx, owner: Owner, seen: Grant, error: MailboxError) -> None:
    told = MailboxDisconnected(
        mailbox_id=str(owner.mailbox_id), name=owner.name, username=owner.username, provider=seen.provider,
        reason=error.detail, hint=_AGAIN,
    )  # fmt: skip
    await append_event(
        tx,
        id=services.ids.next(),
        site_id=owner.site_id,
        type=EventType.MAILBOX_DISCONNECTED,
        subject_id=owner.mailbox_id,
        data=told,
        now=services.clock.now(),
    )


async def _await_other(services: Services, owner: Owner, seen: Grant) -> Grant:
    """Somebody else asks for tokens: what came of it."""
    for _ in range(_LOOKS):
        grant = await _get(services, owner)
        if grant.access_token != seen.access_token:
            return grant
        if grant.claimed_until is None:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    raise TokenServerDown(
        f"another process asked for a token for {owner.username}, and got none", hint="It is tried again by itself."
    )


def _token_values(services: Services, tokens: Tokens, seen: Grant | None = None) -> dict[str, Any]:
    """A refresh token that does not come stays the one there is (RFC 6749 6)."""
    now = services.clock.now()
    kept = seen.refresh_token if seen is not None else ""
    return {
        "access_token": services.tokens.encrypt(tokens.access),
        "refresh_token": services.tokens.encrypt(tokens.refresh) if tokens.refresh else kept,
        "expires_at": None if tokens.seconds is None else now + timedelta(seconds=tokens.seconds),
        "obtained_at": now,
    }
