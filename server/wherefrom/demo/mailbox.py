"""An IMAP account inside the process (pymap's in-memory backend on loopback), with IDLE. For the demo only."""

from __future__ import annotations

import asyncio
import contextlib
from argparse import Namespace
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.backend.dict.mailbox import MailboxData
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage

from wherefrom.tokens import random_token

USER = "demo"


@dataclass(frozen=True, slots=True)
class EmbeddedMailbox:
    """A running account. ``append`` is the door of its mail server."""

    port: int
    password: str
    _inbox: MailboxData

    async def append(self, raw: bytes) -> None:
        """Puts a letter into the inbox; whoever waits in IDLE is told."""
        await self._inbox.append(AppendMessage(raw, datetime.now(UTC), frozenset()), recent=True)


@contextlib.asynccontextmanager
async def open_mailbox() -> AsyncIterator[EmbeddedMailbox]:
    """Starts the server on a free loopback port, with the folders INBOX and Junk."""
    password = random_token(12)
    arguments = Namespace(
        host=["127.0.0.1"], port="0", cert=None, key=None, tls=False, debug=False, passlib_cfg=None,
        proxy_protocol=None, inherited_sockets=None, demo_data=False, demo_user=USER, demo_password=password,
    )  # fmt: skip
    backend, config = await DictBackend.init(arguments)
    config.apply_context()
    async with backend.login.demo_user_identity.new_session() as session:
        inbox = await session.mailbox_set.get_mailbox("INBOX")
        await session.mailbox_set.add_mailbox("Junk")
    accept = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield EmbeddedMailbox(server.sockets[0].getsockname()[1], password, inbox)
    finally:
        server.close()
