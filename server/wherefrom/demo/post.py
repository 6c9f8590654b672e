"""The demo's post office: an SMTP door on loopback whose every letter lands in the embedded mailbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from wherefrom.demo.mailbox import EmbeddedMailbox

_MOST_BYTES = 10_000_000


class _Office:
    """Delivers as a mail server does: the envelope's recipient is noted in ``Delivered-To``, one copy each."""

    def __init__(self, mailbox: EmbeddedMailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.original_content
        for recipient in envelope.rcpt_tos:
            head = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {recipient}\r\n".encode()
            await self._mailbox.append(head + content)
        return "250 OK: it is in the mailbox"


@contextlib.asynccontextmanager
async def open_post(mailbox: EmbeddedMailbox) -> AsyncIterator[int]:
    """Starts the door; gives its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(_Office(mailbox), data_size_limit=_MOST_BYTES, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
