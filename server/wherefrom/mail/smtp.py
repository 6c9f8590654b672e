"""Hands letters to one SMTP account. The home of aiosmtplib.

Answers for turning whatever the library raises into two errors that differ in whose fault it is: ``SenderFailed``, when
no letter can go out by this account, and ``RecipientRefused``, when one address was turned down. Refuses to know what
is in a letter.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import aiosmtplib

from wherefrom.errors import WherefromError
from wherefrom.mail.failures import TlsFailed, quote
from wherefrom.mail.wire import tls_context
from wherefrom.networks import Network

Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpAccount:
    """Where letters are handed in, and as whom. ``username`` "": without a login; ``token``: an OAuth access token in
    place of the password. ``timeout`` in seconds a step. ``allowed``: the networks the host may lie in beside the
    public internet; None for any, as where the operator has named it."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_file: str = ""
    timeout: float = 30.0
    allowed: tuple[Network, ...] | None = None


class SmtpError(WherefromError):
    """Base. 502: what failed is a server behind us."""

    status = 502
    code = "smtp"
    title = "The letter was not taken"


class SenderFailed(SmtpError):
    code = "smtp-sender"
    title = "The outgoing mail server takes no letters of this account"


class SenderTokenRefused(SenderFailed):
    """Another token may be taken."""

    code = "smtp-token"


class RecipientRefused(SmtpError):
    """``permanent``: it makes no sense to try again soon."""

    code = "smtp-recipient"
    title = "The address was refused"

    def __init__(self, detail: str, *, permanent: bool, hint: str = "") -> None:
        super().__init__(detail, hint=hint)
        self.permanent = permanent


async def hand_in(account: SmtpAccount, sender: str, recipient: str, raw: bytes) -> str:
    """Gives ``raw`` to the server for one recipient; the server's last words. SenderFailed, RecipientRefused."""
    if not recipient.isascii():  # RFC 6531, which few servers on the way speak
        raise RecipientRefused(
            f"{recipient} has other letters than ASCII before the @, which the mail servers on the way may refuse",
            permanent=True,
            hint="Use an address of ASCII letters.",
        )
    try:
        refused, words = await aiosmtplib.send(
            raw,
            sender=sender,
            recipients=[recipient],
            hostname=account.host,
            port=account.port,
            username=account.username or None,
            password=account.password or None,
            oauth_token_generator=_give(account.token) if account.token else None,
            use_tls=account.security == "tls",
            start_tls=account.security == "starttls",
            tls_context=None if account.security == "none" else tls_context(account.ca_file),
            timeout=account.timeout,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _refused(error.recipients[0].code, error.recipients[0].message) from None
    except (aiosmtplib.SMTPException, OSError, ValueError, TlsFailed) as error:
        raise _failed(account, error) from None
    for code, message in refused.values():
        raise _refused(code, message)
    return words


def _give(token: str) -> Callable[[], Awaitable[str]]:
    """The token in the shape the library asks for it."""

    async def give() -> str:
        return token

    return give


def _refused(code: int, message: str) -> RecipientRefused:
    permanent = code >= 500
    hint = (
        "The address does not exist on the mail server, or does not take mail from outside: set it up there."
        if permanent
        else "The mail server takes it later (often greylisting): it is tried again by itself."
    )
    return RecipientRefused(
        f"The mail server refuses the address: {code} {quote(message)}", permanent=permanent, hint=hint
    )


def _failed(account: SmtpAccount, error: Exception) -> SenderFailed:
    where = f"{account.host}:{account.port}"
    if isinstance(error, TlsFailed):
        return SenderFailed(error.detail, hint=error.hint)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and account.token:
        return SenderTokenRefused(
            f"{where} does not take the token for {account.username}: {error.code} {quote(error.message)}",
            hint=f"Was it {account.username} who agreed? Else sending by programs may be switched off for the account "
            "(Microsoft: “Authenticated SMTP”), or the client lacks the scope. Then: wherefrom smtp connect.",
        )
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return SenderFailed(
            f"{where} refuses user name or password: {error.code} {quote(error.message)}",
            hint="Check smtp.username and smtp.password; many providers want an app password.",
        )
    # The library says with its bare base class that there is no STARTTLS.
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return SenderFailed(
            f"{where} cannot do what is asked: {error}",
            hint="Choose smtp.security “tls” (port 465), “starttls” (port 587), or leave username empty if it takes "
            "letters without a login.",
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return SenderFailed(
            f"{where} takes no letter: {error.code} {quote(error.message)}",
            hint="Some servers send only from addresses of their account: check smtp.sender.",
        )
    if isinstance(_cause(error), ssl.SSLError):
        return SenderFailed(
            f"{where} gives no safe connection: {_cause(error)}",
            hint="Check the host name and smtp.security: “tls” goes with port 465, “starttls” with 587.",
        )
    return SenderFailed(
        f"{where} does not answer: {error}", hint="Check smtp.host and smtp.port, and that a firewall lets it through."
    )


def _cause(error: BaseException) -> BaseException:
    return error.__cause__ or error.__context__ or error
