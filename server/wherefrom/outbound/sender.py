"""The account a site's letters go out by: set, change, remove; its DKIM keys.

Its password and the private halves of its keys are sealed before they are stored and never shown again. What is set
anew is tried at once: letters that wait because the account failed go now. An account that fails stops its letters,
and loses none.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.addresses import ascii_hostname, parse_address
from wherefrom.errors import BadInput, Conflict, NotFound
from wherefrom.mail.smtp import Security, SmtpAccount
from wherefrom.mail.trust import check_ca_file
from wherefrom.networks import parse_networks
from wherefrom.outbound import dkim
from wherefrom.outbound.dkim import Algorithm, DkimKey
from wherefrom.outbound.return_path import parse_base
from wherefrom.outbound.store import outgoing, senders
from wherefrom.outbound.store.senders import Sender
from wherefrom.services import Services

MOST_KEYS = 4
TOPIC = "outgoing"
USUAL_PORTS: dict[Security, int] = {"tls": 465, "starttls": 587, "none": 25}

_LONGEST_NAME = 200
_LONGEST_PASSWORD = 10_000


class SetSender(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SMTP account. ``password`` left out stays as it is, as long as host and user do. ``bounce_address``: letters
    return to addresses made of it (bounce+…@), whose mail must arrive in one of the site's mailboxes; "" returns them
    to ``from_address``. ``per_hour``: how many letters the provider allows. ``ca_file``: a file on the service's
    machine with certificates to trust instead of the system's."""

    host: str
    from_address: str
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    security: Security = "starttls"
    username: str = ""
    password: str | None = None
    from_name: str = ""
    bounce_address: str = ""
    per_hour: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    connections: Annotated[int, Meta(ge=1, le=20)] = 2
    ca_file: str = ""


class AddKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A DKIM key; without ``private_key`` one is made. ``domain`` left out is that of ``from_address``. Not all
    receivers read Ed25519 yet: have an RSA key beside it."""

    selector: str = "wherefrom"
    domain: str = ""
    algorithm: Algorithm = "rsa"
    private_key: str = ""


async def set_sender(services: Services, site_id: int, wanted: SetSender) -> Sender:
    """The site's account as it is from now on. BadInput names the field that is wrong."""
    now = services.clock.now()
    async with services.db.write() as tx:
        old = await senders.lock_sender(tx, site_id)
        new = _changed(services, site_id, wanted, old, now)
        await senders.replace_sender(tx, new)
        if old is not None and old.status == "failing":
            await outgoing.wake_all(tx, site_id, now)
    services.bell.ring(TOPIC)
    return new


async def remove_sender(services: Services, site_id: int) -> None:
    """Sends nothing from here any more. What waits goes on waiting for another account, until it expires."""
    async with services.db.write() as tx:
        if not await senders.delete_sender(tx, site_id):
            await senders.get_sender(tx, site_id)


async def add_key(services: Services, site_id: int, wanted: AddKey) -> DkimKey:
    """Another key for the account's letters; all of them sign. BadInput names the field; Conflict for a name that is
    there already."""
    if wanted.private_key.strip():
        private = dkim.read_key(wanted.private_key)
    else:  # which takes long enough to be felt by everybody else
        private = await asyncio.to_thread(dkim.make_key, wanted.algorithm)
    selector = dkim.parse_selector(wanted.selector)
    async with services.db.write() as tx:
        account = await senders.lock_sender(tx, site_id) or await senders.get_sender(tx, site_id)
        domain = dkim.parse_domain(wanted.domain or account.from_address.rpartition("@")[2])
        key = DkimKey(
            domain=domain, selector=selector, algorithm=private.algorithm, bits=private.bits, public=private.public,
            sealed=services.tokens.encrypt(private.secret), created_at=services.clock.now(),
        )  # fmt: skip
        if any(one.record_name == key.record_name for one in account.dkim):
            raise Conflict(
                f"there is a key {key.record_name} already",
                hint="give the new one another selector, publish it, and remove the old one later",
                field="selector",
            )
        if len(account.dkim) >= MOST_KEYS:
            raise Conflict(f"the account has {MOST_KEYS} keys already", hint="remove one first: DELETE …/sender/dkim/…")
        await senders.set_sender(tx, site_id, {"dkim": [*account.dkim, key], "revision": account.revision + 1})
    return key


async def remove_key(services: Services, site_id: int, selector: str) -> None:
    """Letters are not signed by it from now on. NotFound."""
    async with services.db.write() as tx:
        account = await senders.lock_sender(tx, site_id) or await senders.get_sender(tx, site_id)
        rest = [one for one in account.dkim if one.selector != selector]
        if len(rest) == len(account.dkim):
            raise NotFound(f"there is no key with the selector {selector[:80]}", hint="GET …/sender lists them")
        await senders.set_sender(tx, site_id, {"dkim": rest, "revision": account.revision + 1})


def smtp_account(services: Services, one: Sender) -> SmtpAccount:
    """What a connection is opened with. SettingsError when the password was sealed with another key."""
    return SmtpAccount(
        host=one.host,
        port=one.port,
        security=one.security,
        username=one.username,
        password=services.tokens.decrypt(one.password) if one.password else "",
        ca_file=one.ca_file,
        timeout=services.settings.sending.timeout_seconds,
        allowed=parse_networks(services.settings.mail.allow),
    )


def _changed(services: Services, site_id: int, wanted: SetSender, old: Sender | None, now: datetime) -> Sender:
    host, username = _host(wanted.host), _username(wanted.username)
    check_ca_file(wanted.ca_file)
    from_address = parse_sender(wanted.from_address, "from_address")
    fresh = Sender(
        site_id=site_id,
        host=host,
        port=wanted.port or USUAL_PORTS[wanted.security],
        security=wanted.security,
        username=username,
        password=_password(services, wanted, old, host, username),
        ca_file=wanted.ca_file,
        from_address=from_address,
        from_name=_name(wanted.from_name),
        bounce_address=_bounce_address(wanted.bounce_address),
        per_hour=wanted.per_hour,
        connections=wanted.connections,
        dkim=(),
        status="new",
        status_detail="",
        status_hint="",
        status_at=now,
        failures=0,
        failing_since=None,
        told=False,
        quiet_until=None,
        paced_until=None,
        revision=1,
        created_at=now,
    )
    if old is None:
        return fresh
    return replace(
        fresh, dkim=old.dkim, paced_until=old.paced_until, revision=old.revision + 1, created_at=old.created_at
    )


def _password(services: Services, wanted: SetSender, old: Sender | None, host: str, username: str) -> str:
    """Sealed. The known one goes to no other server, and not readable: who changes the account could have it sent."""
    if not username:
        if wanted.password:
            raise BadInput("there is a password and no username", hint="often the whole address", field="username")
        return ""
    if wanted.password:
        if len(wanted.password) > _LONGEST_PASSWORD:
            raise BadInput(f"password is longer than {_LONGEST_PASSWORD} characters", field="password")
        return services.tokens.encrypt(wanted.password)
    same = old is not None and (old.host, old.username) == (host, username)
    if old is not None and old.password and same and (wanted.security != "none" or old.security == "none"):
        return old.password
    raise BadInput(
        "password is missing: for another server or user, or without TLS, it must be given anew",
        hint="Google, Yandex and others want an app password, made in the account's settings",
        field="password",
    )


def parse_sender(text: str, field: str) -> str:
    """An address letters may come from, which all servers understand: ASCII. BadInput names the field."""
    try:
        address = parse_address(text)
    except BadInput as error:
        raise BadInput(f"{field}: {error.detail}", hint="write it like news@company.com", field=field) from None
    if not address.local.isascii():
        raise BadInput(
            f"{field}: “{text[:80]}” has other letters than ASCII before the @, which many servers refuse", field=field
        )
    return address.text


def _bounce_address(text: str) -> str:
    if not text.strip():
        return ""
    address = parse_sender(text, "bounce_address")
    try:
        parse_base(address)
    except BadInput as error:
        raise BadInput(f"bounce_address: {error.detail}", hint=error.hint, field="bounce_address") from None
    return address


def _host(text: str) -> str:
    plain = text.strip()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        host = ascii_hostname(plain)
    if not host:
        raise BadInput(f"“{text[:80]}” is no host name", hint="write it like smtp.company.com", field="host")
    return host


def _username(text: str) -> str:
    name = text.strip()
    if len(name) > 320 or not name.isprintable():
        raise BadInput("the user name is too long, or has control characters", field="username")
    return name


def _name(text: str) -> str:
    name = " ".join(text.split())
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(
            f"from_name is longer than {_LONGEST_NAME} characters, or has control characters", field="from_name"
        )
    return name
