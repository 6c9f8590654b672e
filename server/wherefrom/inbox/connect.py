"""Use cases of mailboxes that are opened by signing in at their provider: begin, complete.

    begin ─▶ URL ─▶ the owner signs in there and agrees ─▶ complete(state, code) ─▶ mailbox, watched from now on

The same account connected once more is the same mailbox: that is how a grant that ended is made good, and how one that
was read with a password is switched over.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wherefrom.db import Tx
from wherefrom.errors import BadInput
from wherefrom.grants.ask import Asked, ask, find_asked, redeem
from wherefrom.grants.client import Choice, find_server
from wherefrom.grants.renew import choice_of, grant_values
from wherefrom.grants.store import Grant, find_grant, set_grant
from wherefrom.inbox.mailbox import DEFAULT_FOLDERS, AddMailbox, FolderChoice, check_mailbox, insert_mailbox
from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.mail.imap import Security
from wherefrom.mail.oauth import Redirected
from wherefrom.mail.providers import CUSTOM
from wherefrom.services import Services


class ConnectMailbox(msgspec.Struct, frozen=True, kw_only=True):
    """``provider``: google, microsoft, yandex, mailru or custom. ``username``: the account's address. ``mailbox``: the
    id of one that is to be connected again, whose values hold then.

    ``client_id`` and ``client_secret``: a client of your own, in the place of the settings'; with it ``tenant``
    (Microsoft), and for a custom provider ``authorize_url``, ``token_url``, ``scopes`` and the mail server (``host``,
    ``port``, ``security``, ``ca_file``). The others as when a mailbox is added with a password."""

    provider: str = ""
    username: str = ""
    mailbox: str = ""
    client_id: str = ""
    client_secret: str = ""
    tenant: str = ""
    authorize_url: str = ""
    token_url: str = ""
    scopes: str = ""
    host: str = ""
    port: int = 993
    security: Security = "tls"
    ca_file: str = ""
    name: str = ""
    since: str = "new"
    folders: tuple[FolderChoice, ...] = DEFAULT_FOLDERS


_CHOICE = ("provider", "tenant", "client_id", "client_secret", "authorize_url", "token_url", "scopes")


async def begin(services: Services, site_id: int, holder: str, wanted: ConnectMailbox) -> Asked:
    """Where the owner agrees. ``holder``: who may complete it. BadInput, NotFound."""
    if wanted.mailbox:
        wanted = await _as_before(services, site_id, wanted)
    else:
        check_mailbox(_mailbox_of(services, wanted))
    memo = msgspec.json.encode(wanted).decode()
    return await ask(services, site_id, holder, _choice(wanted), wanted.username.strip(), memo)


async def complete(services: Services, holder: str, state: str, back: Redirected) -> Mailbox:
    """The connected mailbox. BadInput, Unprocessable: begin again; MailboxError: the provider or its set-up."""
    request, memo = await find_asked(services, holder, state)
    wanted = msgspec.json.decode(memo, type=ConnectMailbox)
    tokens = await redeem(services, request, _choice(wanted), back)
    values = grant_values(services, _choice(wanted), tokens)
    async with services.db.write() as tx:
        found = await _set_mailbox(services, tx, request.site_id, wanted)
        await set_grant(tx, request.site_id, found.id, values)
    services.bell.ring("mailboxes")
    return found


async def _set_mailbox(services: Services, tx: Tx, site_id: int, wanted: ConnectMailbox) -> Mailbox:
    """The mailbox of this account without a password: the one there is, or a new one."""
    if wanted.mailbox:
        mailbox_id: int | None = _id(wanted.mailbox)
    else:
        account = check_mailbox(_mailbox_of(services, wanted))
        mailbox_id = await mailboxes.find_account(tx, site_id, account["host"], account["port"], account["username"])
    if mailbox_id is None:
        return await insert_mailbox(services, tx, site_id, _mailbox_of(services, wanted), "")
    fresh: dict[str, Any] = {"password": "", "status": "new", "status_detail": ""}
    if not wanted.mailbox:
        fresh["security"] = _mailbox_of(services, wanted).security
    await mailboxes.set_mailbox(tx, site_id, mailbox_id, fresh)
    return await mailboxes.get_mailbox(tx, site_id, mailbox_id)


async def _as_before(services: Services, site_id: int, wanted: ConnectMailbox) -> ConnectMailbox:
    """The wish to connect a mailbox again: its account, and who granted it unless another is named."""
    mailbox_id = _id(wanted.mailbox)
    async with services.db.read() as tx:
        there = await mailboxes.get_mailbox(tx, site_id, mailbox_id)
        grant = await find_grant(tx, site_id, mailbox_id)
    if wanted.username and wanted.username.strip() != there.username:
        raise BadInput(
            f"mailbox {mailbox_id} reads {there.username}",
            hint="leave mailbox out to connect another",
            field="username",
        )
    choice = _choice(wanted) if wanted.provider else _choice_of(services, there, grant)
    _check_server(services, there, choice, grant)
    kept = {name: getattr(choice, name) for name in _CHOICE}
    return ConnectMailbox(**kept, username=there.username, mailbox=wanted.mailbox)


def _choice_of(services: Services, there: Mailbox, grant: Grant | None) -> Choice:
    if grant is None:
        raise BadInput(
            f"{there.username} was never connected by signing in", hint="name its provider", field="provider"
        )
    return choice_of(services, grant)


def _check_server(services: Services, there: Mailbox, choice: Choice, grant: Grant | None) -> None:
    """A provider's token goes to that provider's mail server, and to no other."""
    server = find_server(services.settings, choice)
    if server is not None and server != (there.host, there.port, there.security):
        raise BadInput(
            f"mailbox {there.id} is at {there.host}:{there.port} ({there.security}), the provider's are at "
            f"{server[0]}:{server[1]} ({server[2]})",
            hint="leave mailbox out to connect the account there as a mailbox of its own",
            field="mailbox",
        )
    if server is None and grant is None and there.security == "none":
        raise BadInput("a token is not sent over an unprotected connection", field="security")


def _mailbox_of(services: Services, wanted: ConnectMailbox) -> AddMailbox:
    """The mailbox that is wanted, on the server that goes with its provider."""
    choice = _choice(wanted)
    server = find_server(services.settings, choice)
    if server is not None and wanted.host and wanted.host != server[0]:
        raise BadInput(f"host cannot be named here: it is {server[0]}", field="host")
    host, port, security = server or (wanted.host, wanted.port, wanted.security)
    if not host:
        raise BadInput(
            "the provider's mail server is not known", hint="name it, or set oauth.custom.host", field="host"
        )
    return AddMailbox(
        host=host, port=port, security=security, username=wanted.username, password="",
        name=wanted.name, since=wanted.since, ca_file=wanted.ca_file, folders=wanted.folders,
    )  # fmt: skip


def _choice(wanted: ConnectMailbox) -> Choice:
    if not wanted.provider:
        raise BadInput("no provider is named", hint=f"google, microsoft, yandex, mailru or {CUSTOM}", field="provider")
    return Choice(**{name: getattr(wanted, name) for name in _CHOICE})


def _id(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        raise BadInput(f"mailbox “{text[:40]}” is no id", hint="ids are whole numbers", field="mailbox")
    return int(text)
