"""The URL of a receiver: what may be called at all, as far as its text tells. (The guard looks at the addresses.)"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wherefrom.errors import BadInput
from wherefrom.networks import Ip, Network, refusal

if TYPE_CHECKING:
    import httpx

_LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9.])?")  # with _ because containers' names have it
_NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)
_URL_HINT = "write it like https://crm.example/hook"
_ALLOW_HINT = "an inside address is opened by the operator: add its network to webhooks.allow in settings.toml"


def check_url(url: str, allowed: Sequence[Network] = ()) -> str:
    """The URL of a new endpoint in normal form; BadInput when no request to it would ever be let out.

    Looks at the text alone: a name may resolve to a refused address later, and is then refused at each attempt.
    """
    import httpx  # late: see wherefrom.webhooks.client

    text = url.strip()
    if len(text) > _LONGEST_URL:
        raise BadInput(f"the URL has {len(text)} characters, {_LONGEST_URL} are the most", field="url")
    try:
        parsed = httpx.URL(text)
        wrong, inside = wrong_form(parsed), inside_literal(parsed, allowed)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise BadInput(f"“{text[:80]}” is no URL: {error}", hint=_URL_HINT, field="url") from None
    if wrong:
        raise BadInput(f"the URL cannot be used: {wrong}", hint=_URL_HINT, field="url")
    if inside:
        raise BadInput(f"the URL cannot be used: {inside}", hint=_ALLOW_HINT, field="url")
    return str(parsed.copy_with(fragment=None))


def wrong_form(url: httpx.URL) -> str | None:
    """Why no request to a URL of this form is made; None when its form is good."""
    if url.scheme not in ("http", "https"):
        return f"it begins with “{url.scheme}:”, only http: and https: are called"
    if not url.host:
        return "it names no host"
    if ":" not in url.host and not _HOST.fullmatch(url.raw_host.decode("ascii")):
        return f"“{url.host}” is no host name"
    if url.userinfo:
        return "it has a user name or password before the host; the signature tells the receiver who sends"
    if url.port is not None and url.port not in (80, 443) and not 1024 <= url.port <= 65535:
        return f"port {url.port} belongs to another service; use 80, 443 or one from 1024 up"
    return None


def inside_literal(url: httpx.URL, allowed: Sequence[Network]) -> str | None:
    """Why the address written in ``url`` is refused; None when it is allowed, or the host is a name."""
    address = _literal(url.host)
    why = refusal(address, allowed) if address else None
    return in_words(url.host, address, why) if address and why else None


def _literal(host: str) -> Ip | None:
    """The address that ``host`` spells, in any of the forms the system's resolver reads (``127.1``, ``0x7f000001``)."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if not _NUMERIC_HOST.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except OSError:
        return None


def in_words(host: str, address: Ip, why: str) -> str:
    name = f"{host} ({address})" if host != str(address) else host
    return f"{name} is {why}, and such addresses are not called"
