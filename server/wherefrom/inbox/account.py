"""What an IMAP session needs to log in to a mailbox: its password, or a token of what its provider granted.

A mailbox without a stored password logs in by token. When the mail server refuses the token, it is replaced and the
login tried once more; should the new one be refused too, the fault is told and another token is not asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from wherefrom.grants.renew import Owner, note_accepted, replace_token, valid_token
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.mail.diagnosis import Diagnosis, Step, diagnose
from wherefrom.mail.failures import MailboxError
from wherefrom.mail.imap import ImapAccount, ImapSession, Security
from wherefrom.mail.oauth_failures import TokenRefused
from wherefrom.networks import parse_networks
from wherefrom.services import Services

Call = Callable[..., Awaitable[Any]]
"""Runs a blocking function in a thread."""


async def open_account(services: Services, mailbox: Mailbox) -> ImapAccount:
    """With the password opened, or a token that is good. SettingsError when they were sealed with another key;
    GrantEnded, TokenServerDown, Throttled, ClientRefused when no token is to be had."""
    by_token = not mailbox.password
    return ImapAccount(
        host=mailbox.host,
        port=mailbox.port,
        security=cast(Security, mailbox.security),
        username=mailbox.username,
        password="" if by_token else services.tokens.decrypt(mailbox.password),
        ca_file=mailbox.ca_file or None,
        token=await valid_token(services, owner_of(mailbox)) if by_token else "",
        allowed=parse_networks(services.settings.mail.allow),
    )


async def connect(services: Services, mailbox: Mailbox, session: ImapSession, call: Call) -> None:
    """Connects ``session`` and logs in, with another token if the first is refused. MailboxError."""
    try:
        await call(session.connect)
    except TokenRefused:
        token = await replace_token(services, owner_of(mailbox), session.account.token)
        if token is None:
            raise
        session.account = replace(session.account, token=token)
        await call(session.connect)
    if session.account.token:
        await note_accepted(services, owner_of(mailbox))


async def diagnose_account(services: Services, mailbox: Mailbox) -> tuple[Diagnosis, ImapAccount | None]:
    """How far one comes on the way to the mailbox, and what a session needs (None: not even that was to be had)."""
    folders = tuple(one.name for one in mailbox.folders)
    begun = time.monotonic()
    try:
        account = await open_account(services, mailbox)
    except MailboxError as error:
        return Diagnosis((_token_step(begun, error),)), None
    if not account.token:
        return await asyncio.to_thread(diagnose, account, folders), account
    step = _token_step(begun)
    found = await asyncio.to_thread(diagnose, account, folders)
    if any(one.code == TokenRefused.code for one in found.steps):
        begun = time.monotonic()
        try:
            token = await replace_token(services, owner_of(mailbox), account.token)
        except MailboxError as error:
            return Diagnosis((_token_step(begun, error), *found.steps)), account
        if token is not None:
            account = replace(account, token=token)
            step = _token_step(begun)
            found = await asyncio.to_thread(diagnose, account, folders)
    if found.ok:
        await note_accepted(services, owner_of(mailbox))
    return Diagnosis((step, *found.steps)), account


def owner_of(mailbox: Mailbox) -> Owner:
    return Owner(mailbox.site_id, mailbox.id, mailbox.name, mailbox.username)


def _token_step(begun: float, error: MailboxError | None = None) -> Step:
    milliseconds = round((time.monotonic() - begun) * 1000)
    if error is not None:
        return Step("token", False, error.detail, error.hint, milliseconds, code=error.code)
    return Step("token", True, "There is a token to log in with, and what was granted holds", "", milliseconds)
