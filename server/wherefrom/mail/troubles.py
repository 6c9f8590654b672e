"""What a mail server's answers mean for who hands letters in: whose fault it is, in words to act on.

    AccountFailed    no letter of this account can go now: no host, no TLS, no login, quota, sender address not allowed
    LetterRefused    this one letter to this one address was turned down, for good (5xx) or for now (4xx)
    LetterLost       the connection broke with the letter on its way; once all of it was sent nobody knows

An answer about a quota is the account's even where it comes as a 5xx to one letter: else a full day would reject all
that wait. A receiver's full mailbox is the letter's. No connection is made here; hints name the fields of a
site's sending account.
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import Literal, TypeVar

import aiosmtplib
from msgspec import Struct

from wherefrom.mail.smtp import SmtpAccount, SmtpError

_LONGEST_LINE = 400
T = TypeVar("T")
Trouble = Literal["unreachable", "tls", "login", "sender", "busy"]
"""What stops an account. "sender": its address is not allowed there; "busy": the server asks for patience."""

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b")
_QUOTA = frozenset({"4.4.5", "5.4.5", "4.5.3", "4.1.90", "5.1.90"})  # as Gmail and Microsoft say it
_TOO_BIG = frozenset({"5.3.4", "5.2.3"})
_LOGIN_CODES = (530, 534, 535, 538)  # RFC 4954 6
_QUOTA_WORDS = re.compile(
    r"\b(?:sending|submission|outgoing|daily|hourly|rate)\s+(?:\w+\s+){0,2}(?:limit|quota)"
    r"|too many (?:messages|mails|letters)|SubmissionQuotaExceeded",
    re.IGNORECASE,
)


class Answer(Struct, frozen=True):
    """A server's answer: its code, and its words with those of RFC 3463 in front ("5.1.1 no such user")."""

    code: int
    words: str

    @property
    def status(self) -> str:
        """The enhanced status code, "" where none was given."""
        found = _ENHANCED.match(self.words)
        return found[1] if found else ""

    @property
    def line(self) -> str:
        """The answer in one line, fit to be shown."""
        words = "".join(one if one.isprintable() else " " for one in self.words)
        return " ".join(f"{self.code} {words}".split())[:_LONGEST_LINE]


class AccountFailed(SmtpError):
    """``lasting``: it stays so until a person changes something."""

    code = "sender-failed"
    title = "The sending account takes no letters"

    def __init__(self, detail: str, *, hint: str, trouble: Trouble, field: str = "") -> None:
        super().__init__(detail, hint=hint, **({"field": field} if field else {}))
        self.trouble: Trouble = trouble

    @property
    def lasting(self) -> bool:
        return self.trouble in ("tls", "login", "sender")


class LetterRefused(SmtpError):
    code = "letter-refused"
    title = "The letter was refused"

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.line)
        self.answer = answer
        self.permanent = answer.code >= 500


class LetterLost(SmtpError):
    """``whole``: all of the letter was sent, so that the server may have taken it."""

    code = "letter-lost"
    title = "The connection broke with the letter on its way"

    def __init__(self, detail: str, *, whole: bool) -> None:
        super().__init__(detail)
        self.whole = whole


def is_of_account(error: aiosmtplib.SMTPResponseException, answer: Answer) -> bool:
    """Whether an answer speaks of the account rather than of the letter at hand."""
    if error.code in (421, *_LOGIN_CODES) or _is_quota(answer):
        return True
    too_big = error.code == 552 or answer.status in _TOO_BIG
    return isinstance(error, aiosmtplib.SMTPSenderRefused) and not too_big


def _is_quota(answer: Answer) -> bool:
    return answer.status in _QUOTA or (
        answer.status not in ("5.2.2", "4.2.2") and bool(_QUOTA_WORDS.search(answer.words))
    )


def where(account: SmtpAccount) -> str:
    """Host and port."""
    return f"{account.host}:{account.port}"


def words_of(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split())
    return text[:300] or type(error).__name__


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _first(error: BaseException, kind: type[T]) -> T | None:
    return next((one for one in _causes(error) if isinstance(one, kind)), None)


def not_connected(account: SmtpAccount, error: Exception) -> AccountFailed:
    """Why there is no connection."""
    place = where(account)
    if (wrong := _first(error, ssl.SSLCertVerificationError)) is not None:
        return AccountFailed(
            f"The certificate of {account.host} is not trusted: {wrong.verify_message}",
            hint="Enter the host name the certificate was made for; of a server of your own, name the file of its "
            "authority (PEM) as ca_file.",
            trouble="tls", field="host",
        )  # fmt: skip
    if _first(error, ssl.SSLError) is not None:
        return AccountFailed(
            f"{place} does not speak TLS from the first byte",
            hint="security “tls” goes with port 465, “starttls” with port 587.", trouble="tls", field="security",
        )  # fmt: skip
    if _first(error, socket.gaierror) is not None:
        return AccountFailed(
            f"There is no host {account.host}, or the name server does not answer",
            hint="Check the name for typing errors; the provider's help pages name it, often smtp.….com.",
            trouble="unreachable", field="host",
        )  # fmt: skip
    if _first(error, ConnectionRefusedError) is not None:
        return AccountFailed(
            f"{account.host} answers, but nothing listens on port {account.port}",
            hint="Letters are handed in on port 465 (security “tls”) or 587 (“starttls”); 25 is often closed.",
            trouble="unreachable", field="port",
        )  # fmt: skip
    if type(error) is aiosmtplib.SMTPException or isinstance(error, aiosmtplib.SMTPNotSupported):
        return AccountFailed(
            f"{place} cannot do what is asked: {words_of(error)}",
            hint="security “starttls” goes with port 587, “tls” with 465, “none” with a server on this machine alone.",
            trouble="tls", field="security",
        )  # fmt: skip
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
        return AccountFailed(
            f"{place} does not let us in: {Answer(error.code, error.message).line}",
            hint="It is tried again by itself. If it stays, ask its operator: it may block this machine's address.",
            trouble="busy",
        )
    return AccountFailed(
        f"{place} does not answer: {words_of(error)}",
        hint="Check host, port and security, and that a firewall lets it through; “tls” goes with port 465.",
        trouble="unreachable", field="host",
    )  # fmt: skip


def not_logged_in(account: SmtpAccount, error: Exception) -> AccountFailed:
    """Why the login failed."""
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return AccountFailed(
            f"{where(account)} offers no login we know: {words_of(error)}",
            hint="Choose security “tls” or “starttls”: most servers offer a login only then. Or leave username empty, "
            "if it takes letters without one.",
            trouble="login", field="security",
        )  # fmt: skip
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
        answer = Answer(error.code, error.message)
        if 400 <= error.code < 500:
            return AccountFailed(
                f"{where(account)} puts the login off: {answer.line}",
                hint="It is tried again by itself; too many logins in a short time are one reason.", trouble="busy",
            )  # fmt: skip
        return _login_refused(account, answer)
    return not_connected(account, error)


def _login_refused(account: SmtpAccount, answer: Answer) -> AccountFailed:
    return AccountFailed(
        f"{where(account)} refuses user name or password of {account.username or 'nobody'}: {answer.line}",
        hint="Check username and password. Google, Yandex and others want an app password; Microsoft wants "
        "“Authenticated SMTP” switched on for the mailbox.",
        trouble="login", field="password",
    )  # fmt: skip


def account_trouble(account: SmtpAccount, error: Exception) -> AccountFailed:
    """What the server's answer to MAIL, or one about the whole account, means."""
    place = where(account)
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return not_connected(account, error)
    answer = Answer(error.code, error.message)
    if error.code in _LOGIN_CODES:
        return _login_refused(account, answer)
    if _is_quota(answer) or error.code < 500:
        return AccountFailed(
            f"{place} takes no more letters for now: {answer.line}",
            hint="They wait, and are tried again by themselves. If it stays: the account's limit is lower than what "
            "is sent; set per_hour to what the provider allows.",
            trouble="busy", field="per_hour",
        )  # fmt: skip
    return AccountFailed(
        f"{place} takes no letters from this address: {answer.line}",
        hint="Many servers send only from addresses of the account that logs in: check from_address and "
        "bounce_address, or allow them there as an alias.",
        trouble="sender", field="from_address",
    )  # fmt: skip
