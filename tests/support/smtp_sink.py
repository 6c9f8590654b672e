"""A real SMTP server on loopback that keeps every letter it is given and refuses whom a test tells it to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.arrivals import Arrivals
from tests.support.ports import LOOPBACK, free_port


@dataclass(frozen=True)
class Letter:
    """One accepted letter: its envelope, and the bytes between DATA and the final dot."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    at: datetime


class SmtpSink:
    """The server. `refuse` scripts an answer to one recipient; everybody else is accepted.

    `pass_on` is called with recipient, bytes and sender of what was accepted, as a mail server hands a letter on."""

    host = LOOPBACK

    def __init__(self) -> None:
        self.port = free_port()
        self.pass_on: Callable[[str, bytes, str], None] | None = None
        self._arrivals = Arrivals[Letter]("letter")
        self._refusals: dict[str, str] = {}
        self._controller: Controller | None = None

    @property
    def letters(self) -> list[Letter]:
        """All letters so far, also those `next` has handed out."""
        return self._arrivals.all

    async def next(self, timeout: float = 60.0) -> Letter:
        """The next letter not yet handed out. Raises AssertionError when none comes within `timeout` seconds."""
        return await self._arrivals.next(timeout)

    def refuse(self, recipient: str, answer: str = "550 5.1.1 no such user") -> None:
        """Answers this line whenever `recipient` is named."""
        self._refusals[recipient.lower()] = answer

    def start(self) -> None:
        """Listens; returns when it does."""
        if self._controller is None:
            self._controller = Controller(self, hostname=self.host, port=self.port, ready_timeout=60)
            self._controller.start()

    def stop(self) -> None:
        """Refuses connections from now on. What came stays known."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """aiosmtpd's hook for RCPT TO."""
        refusal = self._refusals.get(address.lower())
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook for a whole letter."""
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        self._arrivals.append(Letter(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, datetime.now(UTC)))
        pass_on = self.pass_on
        for recipient in envelope.rcpt_tos if pass_on else ():
            assert pass_on is not None
            await asyncio.to_thread(pass_on, recipient, raw, envelope.mail_from or "")
        return "250 2.0.0 kept"
