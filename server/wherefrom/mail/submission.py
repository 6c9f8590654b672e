"""A connection to a mail server that takes one letter after the other.

    connect ─▶ (TLS) ─▶ login ─▶ MAIL, RCPT, DATA ─▶ MAIL, RCPT, DATA ─▶ … ─▶ QUIT
                                   └ refused ─▶ RSET, and the next letter may come

Beside ``smtp``, which hands in one letter for each connection. What goes wrong is one of the three errors of
``troubles``. Refuses to know what is in a letter, and when it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aiosmtplib

from wherefrom.lookup import Lookup
from wherefrom.mail.failures import TlsFailed, quote
from wherefrom.mail.smtp import SmtpAccount, SmtpError
from wherefrom.mail.troubles import (
    AccountFailed,
    Answer,
    LetterLost,
    LetterRefused,
    account_trouble,
    is_of_account,
    not_connected,
    not_logged_in,
    where,
    words_of,
)
from wherefrom.mail.wire import INSIDE_HINT, tls_context, why_refused

DATA_PATIENCE = 5
"""How many times longer than any other answer the one to a whole letter is waited for (RFC 5321 4.5.3.2.6 asks for ten
minutes): who gives up too early sends the letter twice."""


class Submission:
    """One connection to ``account``; ``greeting`` is the name it says hello by. For one task at a time."""

    def __init__(self, account: SmtpAccount, greeting: str) -> None:
        self.account = account
        self._greeting = greeting
        self._smtp: aiosmtplib.SMTP | None = None

    @property
    def is_open(self) -> bool:
        return self._smtp is not None and self._smtp.is_connected

    async def connect(self) -> None:
        """Connects, and begins TLS as is set. AccountFailed."""
        account = self.account
        try:
            context = None if account.security == "none" else tls_context(account.ca_file)
        except TlsFailed as error:
            raise AccountFailed(error.detail, hint=error.hint, trouble="tls", field="ca_file") from None
        smtp = aiosmtplib.SMTP(
            hostname=account.host, timeout=account.timeout, local_hostname=self._greeting,
            use_tls=account.security == "tls", start_tls=account.security == "starttls", tls_context=context,
        )  # fmt: skip
        try:
            await smtp.connect(sock=await _open_socket(account))
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            smtp.close()
            raise not_connected(account, error) from None
        self._smtp = smtp

    async def login(self) -> None:
        """Says who it is, where a user name is set. AccountFailed."""
        account, smtp = self.account, self._open()
        if not account.username:
            return
        try:
            await smtp.login(account.username, account.password)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self.drop()
            raise not_logged_in(account, error) from None

    async def try_sender(self, sender: str) -> None:
        """Whether the server takes letters from this address; nothing is sent. AccountFailed."""
        smtp = self._open()
        try:
            await smtp.mail(sender)
            await smtp.rset()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self.drop()
            raise account_trouble(self.account, error) from None

    async def hand_in(self, sender: str, recipient: str, raw: bytes) -> Answer:
        """The server's answer that it has taken the letter. AccountFailed, LetterRefused, LetterLost; after the second
        the connection is as before."""
        smtp = self._open()
        try:
            size = [f"size={len(raw)}"] if smtp.supports_extension("size") else []
            await smtp.mail(sender, options=size)
            await smtp.rcpt(recipient)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise await self._refusal(error, whole=False) from None
        except asyncio.CancelledError:
            self.drop()
            raise
        try:
            answer = await smtp.data(raw, timeout=self.account.timeout * DATA_PATIENCE)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise await self._refusal(error, whole=True) from None
        except asyncio.CancelledError:
            self.drop()
            raise
        return Answer(answer.code, answer.message)

    async def close(self) -> None:
        """Says good-bye, where that is still possible."""
        if self._smtp is not None and self._smtp.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await self._smtp.quit(timeout=min(self.account.timeout, 2.0))
        self.drop()

    def drop(self) -> None:
        """Closes without a word."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def _open(self) -> aiosmtplib.SMTP:
        if self._smtp is None:
            raise LetterLost("the connection is closed", whole=False)
        return self._smtp

    async def _refusal(self, error: Exception, *, whole: bool) -> SmtpError:
        if not isinstance(error, aiosmtplib.SMTPResponseException):
            self.drop()
            return LetterLost(f"{where(self.account)} broke off: {words_of(error)}", whole=whole)
        answer = Answer(error.code, error.message)
        if error.code == aiosmtplib.SMTPStatus.invalid_response:  # what it said is no SMTP
            self.drop()
            return LetterLost(f"{where(self.account)} answered what is no SMTP: {quote(error.message)}", whole=whole)
        if is_of_account(error, answer):
            self.drop()
            return account_trouble(self.account, error)
        try:
            await self._open().rset()
        except (aiosmtplib.SMTPException, OSError):
            self.drop()
        return LetterRefused(answer)


async def _open_socket(account: SmtpAccount) -> socket.socket:
    """To an address that was looked at: a name that is asked twice may answer otherwise. OSError, AccountFailed."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(account.timeout):
        found = await Lookup().find(account.host, account.port)  # the loop's own has four threads for all
        if why := why_refused(found, account.host, account.allowed):
            raise AccountFailed(why, hint=INSIDE_HINT, trouble="unreachable", field="host")
        fault: OSError | None = None
        for family, kind, protocol, _, address in found:
            line = socket.socket(family, kind, protocol)
            line.setblocking(False)
            try:
                await loop.sock_connect(line, address)
            except OSError as error:
                line.close()
                fault = error
            except BaseException:
                line.close()
                raise
            else:
                return line
    raise fault or OSError("its name has no address")
