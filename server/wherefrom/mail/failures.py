"""What can go wrong with a mailbox, in words its owner can act on.

    MailboxError
    ├── DnsFailed ─ HostRefused ─ ConnectionRefused                  on the way there
    ├── Unreachable ─ TlsFailed
    ├── LoginFailed ─ FolderMissing                                  the server answered, and said no
    ├── Throttled (wait_seconds)                                     come later
    └── ConnectionLost ─ ProtocolError                               it broke off, or speaks no IMAP

Each carries a detail (what happened, with the server's own words) and a hint (what to do). ``read_refusal`` turns a
server's NO into one of them; providers word the same thing in a dozen ways.
"""

from __future__ import annotations

import re

from wherefrom.errors import WherefromError
from wherefrom.mail.login_hints import NOT_CONNECTED, login_hint

_MAX_QUOTE = 300
_LONGEST_WAIT = 3_600.0


class MailboxError(WherefromError):
    """Base. 502: what failed is a server behind us."""

    status = 502
    code = "mailbox"
    title = "The mailbox cannot be read"


class DnsFailed(MailboxError):
    code = "mailbox-dns"
    title = "The mail server's name leads nowhere"


class ConnectionRefused(MailboxError):
    code = "mailbox-refused"
    title = "The mail server refuses the connection"


class Unreachable(MailboxError):
    code = "mailbox-unreachable"
    title = "The mail server does not answer"


class HostRefused(MailboxError):
    code = "mailbox-inside"
    title = "The mail server lies where none may lie"


class TlsFailed(MailboxError):
    code = "mailbox-tls"
    title = "No safe connection to the mail server"


class LoginFailed(MailboxError):
    code = "mailbox-login"
    title = "The mail server refuses the login"


class FolderMissing(MailboxError):
    code = "mailbox-folder"
    title = "The folder cannot be opened"


class ConnectionLost(MailboxError):
    code = "mailbox-lost"
    title = "The mail server broke off the connection"


class ProtocolError(MailboxError):
    code = "mailbox-protocol"
    title = "The mail server's answer is not understood"


class Throttled(MailboxError):
    """The server asks to come later: in ``wait_seconds``, at most an hour; None: it did not say when."""

    code = "mailbox-throttled"
    title = "The mail server asks for patience"

    def __init__(self, detail: str, *, hint: str = "", wait_seconds: float | None = None) -> None:
        known = {} if wait_seconds is None else {"wait_seconds": wait_seconds}
        super().__init__(detail, hint=hint, **known)
        self.wait_seconds = wait_seconds


_THROTTLED = re.compile(
    r"\[(?:THROTTLED|LIMIT|OVERQUOTA|UNAVAILABLE|INUSE)\]|throttl"
    r"|too many (?:simultaneous )?(?:connection|login|attempt|request|failure)"
    r"|rate.?limit|bandwidth limit|maximum number of connections|try again later|temporar"
    r"|connection limit|service (?:is )?(?:not |un)available|lockdown",
    re.IGNORECASE,
)
# Said to a login these are no word about the password; said to a FETCH they are about one letter.
_SERVER_SIDE = re.compile(r"\[SERVERBUG\]|internal (?:server )?error|system error", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:backoff time|wait|retry|again|after)\D{0,30}?(\d{1,9})\s*(ms|millisec|s\b|sec|m\b|min|h\b|hour)?",
    re.IGNORECASE,
)
_UNITS = {"ms": 0.001, "millisec": 0.001, "m": 60.0, "min": 60.0, "h": 3_600.0, "hour": 3_600.0}
_NOT_CONNECTED = re.compile(r"authenticated but not connected", re.IGNORECASE)
_MISSING = re.compile(
    r"\[(?:NONEXISTENT|TRYCREATE|CANNOT)\]|doesn'?t exist|not exist|no such|not found|unknown", re.IGNORECASE
)


def read_refusal(answer: str, doing: str, host: str = "") -> MailboxError:
    """The error that a server's refusal of ``doing`` ("login", "folder NAME", else any command) means."""
    said = quote(answer)
    if _NOT_CONNECTED.search(answer):
        return LoginFailed(
            f"The login worked, but the mailbox stays closed: {said}",
            hint=NOT_CONNECTED,
        )
    if _THROTTLED.search(answer) or (doing == "login" and _SERVER_SIDE.search(answer)):
        wait = find_wait(answer)
        return Throttled(
            f"The server asks to come back later: {said}",
            hint="Nothing to do: it is tried again by itself. If it stays, fewer programs should use this mailbox.",
            wait_seconds=wait,
        )
    if doing == "login":
        return LoginFailed(f"The server refuses user name or password: {said}", hint=login_hint(answer, host))
    if doing.startswith("folder "):
        name = doing.removeprefix("folder ")
        what = "There is no folder" if _MISSING.search(answer) else "The server does not open the folder"
        return FolderMissing(
            f"{what} “{name}”: {said}",
            hint="Choose one of the folders the server lists; names are written as there, with the same separator.",
            folder=name,
        )
    return ProtocolError(f"The server refused {doing}: {said}", hint="")


def find_wait(answer: str) -> float | None:
    """The seconds a throttling answer names ("Suggested Backoff Time: 297655 milliseconds"); None when it names none.
    ("[LIMIT] 15 connections, try again later" names none: the number stands before the words.)"""
    found = _WAIT.search(answer)
    if not found:
        return None
    seconds = int(found[1]) * _UNITS.get((found[2] or "").lower(), 1.0)
    return min(max(seconds, 1.0), _LONGEST_WAIT)


def quote(answer: str) -> str:
    """The server's words, fit for one line."""
    words = " ".join("".join(char if char.isprintable() else " " for char in answer).split())
    return f"“{words[:_MAX_QUOTE]}”" if words else "(it gave no reason)"
