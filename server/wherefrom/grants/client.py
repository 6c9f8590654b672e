"""Which OAuth client speaks for a mailbox: the operator's of the settings, or one that its owner brought. Pure.

A client of the settings goes with the settings' or the preset's addresses only: whoever could name another token URL
would be sent the operator's client secret. For the same reason a preset's mail server cannot be named.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from wherefrom.errors import BadInput
from wherefrom.mail.oauth import Client
from wherefrom.mail.providers import CUSTOM, PRESETS, Provider, get_preset
from wherefrom.networks import Network, parse_networks
from wherefrom.settings import OauthClient, Settings
from wherefrom.webhooks.url import check_url

Security = Literal["tls", "starttls", "none"]

_TENANT = re.compile(r"[A-Za-z0-9.-]{1,200}")
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is to be asked, and as whom. Empty but for ``provider``: as the settings say. ``purpose``: what for."""

    provider: str
    tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    authorize_url: str = ""
    token_url: str = ""
    scopes: str = ""
    purpose: Literal["read", "send"] = "read"


class Offer(Struct, frozen=True):
    """A provider as it can be used here. ``ready``: a client of the settings is there, so one sign-in is all it takes.
    ``preset`` None: the custom one."""

    key: str
    name: str
    ready: bool
    redirect_url: str
    host: str
    port: int
    security: Security
    scopes: str
    preset: Provider | None


def redirect_url(settings: Settings, provider: str) -> str:
    """Where the provider sends people back. One address a provider, so that a code of one cannot be taken for
    another's (RFC 9700 4.4)."""
    return f"{settings.server.public_url.rstrip('/')}/oauth/callback/{provider}"


def list_offers(settings: Settings) -> list[Offer]:
    """The presets, and the custom provider when the settings describe one."""
    offers = [
        Offer(
            one.key, one.name, bool(_of_settings(settings, one.key).client_id), redirect_url(settings, one.key),
            one.host, one.port, one.security, one.scopes, one,
        )
        for one in PRESETS
    ]  # fmt: skip
    own = settings.oauth.custom
    if own.client_id:
        offers.append(
            Offer(
                CUSTOM, own.name or "your provider", True, redirect_url(settings, CUSTOM), own.host, own.port,
                own.security, own.scopes, None,
            )
        )  # fmt: skip
    return offers


def find_server(settings: Settings, choice: Choice) -> tuple[str, int, Security] | None:
    """Host, port and security of the mail server that goes with the choice; None: its owner names it."""
    if choice.provider != CUSTOM:
        preset = get_preset(choice.provider)
        return preset.host, preset.port, preset.security
    own = settings.oauth.custom
    return None if choice.client_id else (own.host, own.port, own.security)


def get_client(settings: Settings, choice: Choice) -> Client:
    """The client of a choice. BadInput says what is missing, and where it goes."""
    if choice.provider == CUSTOM:
        return _custom_client(settings, choice)
    preset = get_preset(choice.provider)
    _refuse(choice, ("authorize_url", "token_url", "scopes"), f"{preset.name}'s are known; take provider “custom”")
    set_up = _of_settings(settings, choice.provider)
    own = bool(choice.client_id)
    if not own:
        _refuse(choice, ("client_secret", "tenant"), "they go together with a client_id of your own")
        if not set_up.client_id:
            raise BadInput(
                f"{preset.name} is not set up here",
                hint=f"the operator puts a client id into settings.toml, group [oauth.{preset.key}]; or name a "
                "client_id of your own",
                field="client_id",
            )
    tenant = (choice.tenant if own else getattr(set_up, "tenant", "")) or preset.tenant
    if tenant and not (preset.tenant and _TENANT.fullmatch(tenant)):
        raise BadInput(f"“{tenant[:80]}” is no tenant of {preset.name}", field="tenant")
    return Client(
        name=preset.name,
        client_id=choice.client_id or set_up.client_id,
        secret=choice.client_secret if own else set_up.client_secret,
        authorize_url=preset.authorize_url.replace("{tenant}", tenant),
        token_url=preset.token_url.replace("{tenant}", tenant),
        scopes=preset.smtp_scopes if choice.purpose == "send" else preset.scopes,
        must_grant=preset.smtp_must_grant if choice.purpose == "send" else preset.must_grant,
        extra=preset.extra,
    )


def _custom_client(settings: Settings, choice: Choice) -> Client:
    allowed = parse_networks(settings.webhooks.allow)
    own = settings.oauth.custom
    if not choice.client_id:
        _refuse(
            choice, tuple(one.name for one in fields(Choice) if one.name not in ("provider", "purpose")),
            "they go together with a client_id of your own",
        )  # fmt: skip
        if not own.client_id:
            raise BadInput(
                "no custom provider is set up here",
                hint="name client_id, authorize_url, token_url and scopes; or the operator fills [oauth.custom]",
                field="client_id",
            )
        return Client(
            name=own.name or "The provider",
            client_id=own.client_id,
            secret=own.client_secret,
            authorize_url=_checked_url(own.authorize_url, "authorize_url", allowed),
            token_url=_checked_url(own.token_url, "token_url", allowed),
            scopes=own.scopes,
        )
    _refuse(choice, ("tenant",), "write it into the URLs")
    return Client(
        name=urlsplit(choice.token_url).hostname or "The provider",
        client_id=choice.client_id,
        secret=choice.client_secret,
        authorize_url=_checked_url(choice.authorize_url, "authorize_url", allowed),
        token_url=_checked_url(choice.token_url, "token_url", allowed),
        scopes=choice.scopes,
    )


def _of_settings(settings: Settings, key: str) -> OauthClient:
    found: OauthClient = getattr(settings.oauth, key)
    return found


def _refuse(choice: Choice, names: Sequence[str], why: str) -> None:
    for name in names:
        if getattr(choice, name):
            raise BadInput(f"{name} cannot be named here", hint=why, field=name)


def _checked_url(text: str, name: str, allowed: Sequence[Network]) -> str:
    """The URL in normal form. Encrypted, since secrets travel; or inside of a network the operator opened."""
    if not text:
        raise BadInput(f"{name} is missing", hint="write it like https://login.company.com/oauth/token", field=name)
    try:
        checked = check_url(text[:_LONGEST], allowed)
    except BadInput as error:
        raise BadInput(f"{name}: {error.detail}", hint=error.hint, field=name) from None
    if not checked.startswith("https:") and not _is_inside(urlsplit(checked).hostname or "", allowed):
        raise BadInput(
            f"{name} must begin with https:, because secrets are sent there",
            hint="http: is for addresses in webhooks.allow, written as numbers",
            field=name,
        )
    return checked


def _is_inside(host: str, allowed: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in allowed)
