"""The management API of grants: which providers there are, and the installation's own account for sending."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.errors import BadInput
from wherefrom.grants.ask import Asked, site_of
from wherefrom.grants.client import Offer, list_offers
from wherefrom.grants.sender import SITE, begin_sender, complete_sender
from wherefrom.mail.oauth import Redirected, read_redirect
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


def sign_in_view(asked: Asked) -> SignInView:
    return SignInView(url=asked.url, state=asked.state, redirect_url=asked.redirect_url, expires_at=asked.expires_at)


def holder_of(call: Call) -> str:
    """Who may complete what this call begins."""
    return f"key {call.holder.key_id}"


def read_back(body: CompleteSignIn, site_id: int) -> tuple[str, Redirected]:
    """The state and what came with it; BadInput when they do not belong together, or to another site."""
    back = read_redirect(body.code)
    state = body.state or back.state
    if back.state and back.state != state:
        raise BadInput("the address belongs to another sign-in than the state", hint="begin again", field="state")
    if not state or site_of(state) != site_id:
        raise BadInput("the state is missing or of another site", hint="it came with the URL", field="state")
    return state, back


async def _list_providers(call: Call) -> Page[ProviderView]:
    return Page([_view(one) for one in list_offers(call.services.settings)])


async def _begin_sender(call: Call) -> SignInView:
    return sign_in_view(await begin_sender(call.services, holder_of(call)))


async def _complete_sender(call: Call) -> None:
    state, back = read_back(call.body, SITE)
    await complete_sender(call.services, holder_of(call), state, back)


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
        "POST", "/smtp/connect", "Begin to connect the account letters go out by, by signing in", _begin_sender,
        answer=SignInView, status=201, scope="operator", tag="smtp",
    ),
    Operation(
        "POST", "/smtp/connect/complete", "Complete that sign-in with the code it brought", _complete_sender,
        body=CompleteSignIn, scope="operator", tag="smtp",
    ),
)  # fmt: skip
