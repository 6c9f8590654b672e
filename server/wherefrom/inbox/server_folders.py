"""Use case: which folders a mailbox's server has, and which of them are read, so that a person can choose.

The folder the server marks as junk is chosen as ``\\Junk``, whatever its name: servers rename it with the language.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from wherefrom.inbox.account import connect, open_account
from wherefrom.inbox.mailbox import FolderChoice
from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.mail.folders import THE_JUNK
from wherefrom.mail.imap import FolderInfo, ImapSession
from wherefrom.services import Services

_SECONDS = 15


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """``name`` is what to choose it by, ``shown`` how the server spells it. ``kind``: inbox, junk, sent, trash or
    other. ``missing``: it is chosen, and the server has no such folder."""

    name: str
    shown: str
    kind: str
    chosen: bool
    missing: bool = False


async def list_server_folders(services: Services, site_id: int, mailbox_id: int) -> list[ServerFolder]:
    """Connects to the mailbox apart from its watcher and lists its folders: inbox and junk first. Raises MailboxError,
    NotFound."""
    async with services.db.read() as tx:
        mailbox = await mailboxes.get_mailbox(tx, site_id, mailbox_id)
    timeout = min(services.settings.mail.socket_timeout_seconds, _SECONDS)
    session = ImapSession(await open_account(services, mailbox), timeout)
    try:
        await connect(services, mailbox, session, asyncio.to_thread)
        found = await asyncio.to_thread(session.list_folders)
    finally:
        await asyncio.to_thread(session.close)
    return _offer(mailbox, found)


def folder_choices(names: Iterable[str]) -> tuple[FolderChoice, ...]:
    """What to store for folders chosen by these names."""
    return tuple(
        FolderChoice(name=name, kind="inbox" if name.upper() == "INBOX" else "junk" if name == THE_JUNK else "other")
        for name in dict.fromkeys(names)
    )


def _offer(mailbox: Mailbox, found: Iterable[FolderInfo]) -> list[ServerFolder]:
    chosen = {one.name for one in mailbox.folders}
    offered: list[ServerFolder] = []
    junk_seen = False
    for one in found:
        name = one.name
        if one.kind == "junk" and not junk_seen and name not in chosen:
            name, junk_seen = THE_JUNK, True
        offered.append(ServerFolder(name, one.name, one.kind, name in chosen))
    there = {one.name for one in offered}
    missing = [
        ServerFolder(one.name, "Junk" if one.name == THE_JUNK else one.name, one.kind, chosen=True, missing=True)
        for one in mailbox.folders
        if one.name not in there
    ]
    order = {"inbox": 0, "junk": 1, "other": 2}
    return sorted([*offered, *missing], key=lambda one: (order.get(one.kind, 3), one.shown.casefold()))
