"""The management API of mailboxes that are connected by signing in at their provider.

POST …/mailboxes/connect ─▶ url, state      the owner opens the URL in a browser and agrees
POST …/mailboxes/connect/complete           with the state, and the code or the whole address the browser ended at
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.errors import BadInput
from wherefrom.grants.ask import site_of
from wherefrom.grants.client import Offer, list_offers
from wherefrom.inbox.api import refuse_file
from wherefrom.inbox.connect import ConnectMailbox, begin, complete
from wherefrom.inbox.views import MailboxView, mailbox_view
from wherefrom.mail.oauth import read_redirect
from wherefrom.web.api import Call, Operation, Page


class ProviderView(Struct, frozen=True, kw_only=True):
    """A mail provider whose accounts are connected by signing in there. ``ready``: this service is registered with it,
    so that nothing but the sign-in is needed. ``redirect_url`` is what to register there, ``register`` how, step by
    step; ``sources``: the provider's own pages."""

    provider: str
    name: str
    ready: bool
    redirect_url: str
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    scopes: str
    register_at: str
    register: list[str]
    sources: list[str]


class SignInView(Struct, frozen=True, kw_only=True):
    """Where the owner agrees, until when; ``state`` goes into the call that completes it."""

    url: str
    state: str
    redirect_url: str
    expires_at: datetime


class CompleteSignIn(Struct, frozen=True, kw_only=True):
    """``code``: the code the provider gave, or the whole address it sent the browser to. ``state`` may be left out when
    the address holds it."""

    code: str
    state: str = ""


async def _list_providers(call: Call) -> Page[ProviderView]:
    return Page([_view(one) for one in list_offers(call.services.settings)])


async def _begin(call: Call) -> SignInView:
    refuse_file(call)
    wanted: ConnectMailbox = call.body
    asked = await begin(call.services, call.site_id, _holder(call), wanted)
    return SignInView(
        url=asked.url, state=asked.state, redirect_url=asked.redirect_url, expires_at=asked.expires_at
    )  # fmt: skip


async def _complete(call: Call) -> MailboxView:
    body: CompleteSignIn = call.body
    back = read_redirect(body.code)
    state = body.state or back.state
    if back.state and back.state != state:
        raise BadInput("the address belongs to another sign-in than the state", hint="begin again", field="state")
    if not state or site_of(state) != call.site_id:
        raise BadInput("the state is missing or of another site", hint="it came with the URL", field="state")
    return mailbox_view(await complete(call.services, _holder(call), state, back))


def _holder(call: Call) -> str:
    return f"key {call.holder.key_id}"


def _view(one: Offer) -> ProviderView:
    return ProviderView(
        provider=one.key,
        name=one.name,
        ready=one.ready,
        redirect_url=one.redirect_url,
        host=one.host,
        port=one.port,
        security=one.security,
        scopes=one.scopes,
        register_at=one.preset.register_at if one.preset else "",
        register=list(one.preset.register) if one.preset else [],
        sources=list(one.preset.sources) if one.preset else [],
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET", "/oauth/providers", "List the providers a mailbox can be connected at by signing in", _list_providers,
        answer=Page[ProviderView], tag="mailboxes",
    ),
    Operation(
        "POST", "/sites/{site}/mailboxes/connect", "Begin to connect a mailbox by signing in at its provider", _begin,
        body=ConnectMailbox, answer=SignInView, status=201, tag="mailboxes",
    ),
    Operation(
        "POST", "/sites/{site}/mailboxes/connect/complete", "Complete a sign-in with the code it brought", _complete,
        body=CompleteSignIn, answer=MailboxView, status=201, tag="mailboxes",
    ),
)  # fmt: skip
