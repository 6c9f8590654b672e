"""What can go wrong with a mailbox, in words its owner can act on.

    MailboxError
    ├── DnsFailed ─ ConnectionRefused ─ Unreachable ─ TlsFailed      on the way there
    ├── LoginFailed ─ FolderMissing                                  the server answered, and said no
    ├── Throttled (wait_seconds)                                     come later
    └── ConnectionLost ─ ProtocolError                               it broke off, or speaks no IMAP

Each carries a detail (what happened, with the server's own words) and a hint (what to do). ``read_refusal`` turns a
server's NO into one of them; providers word the same thing in a dozen ways.
"""

from __future__ import annotations

import re

from wherefrom.errors import WherefromError

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

_WANTS_ANOTHER = (
    "This provider wants an app password: make one in the account's security settings (two-factor login must be on) "
    "and enter it in place of the usual password."
)
_IMAP_OFF = "Switch IMAP on in the webmail's settings (often “Forwarding and IMAP” or “Mail programs”), then try again."
_LOGIN_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"application.?(?:specific)?.?password|app.?password|NEOBHODIM parol prilozheniya", re.I),
        _WANTS_ANOTHER,
    ),
    (
        re.compile(r"imap (?:access )?(?:is )?(?:disabled|not enabled|off)|enable imap|not enabled for imap", re.I),
        _IMAP_OFF,
    ),
    (
        re.compile(
            r"web ?alert|web login required|log in via your web browser|verify your account|\[ALERT\].*https?:", re.I
        ),
        "The provider wants you to confirm the sign-in: log in to its webmail in a browser, follow the notice there, "
        "then try again.",
    ),
    (
        re.compile(
            r"\[PRIVACYREQUIRED\]|logindisabled|plaintext.{0,20}(?:disallow|disabled)|tls (?:is )?required|starttls",
            re.I,
        ),
        "The server takes no password over an unprotected connection: choose security “tls” (port 993) or “starttls” "
        "(port 143).",
    ),
    (
        re.compile(r"\[EXPIRED\]|password.{0,20}expired", re.I),
        "The password has expired: set a new one at the provider and enter it here.",
    ),
    (
        re.compile(r"unsafe login", re.I),
        "The provider distrusts unknown mail programs: allow this one in its settings.",
    ),
)
_HOST_HINTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("gmail.com", "googlemail.com"), _WANTS_ANOTHER),
    (
        ("mail.yahoo.com", "aol.com", "me.com", "icloud.com", "mail.ru", "yandex.ru", "yandex.com", "fastmail.com"),
        _WANTS_ANOTHER,
    ),
    (
        ("outlook.com", "office365.com", "outlook.office.com", "hotmail.com"),
        "Microsoft has switched off password logins for IMAP. Connect the mailbox by signing in instead (“Connect with "
        "Microsoft”, or “wherefrom mailbox connect”).",
    ),
    (("gmx.net", "gmx.com", "web.de"), "Check the password. " + _IMAP_OFF),
)


def read_refusal(answer: str, doing: str, host: str = "") -> MailboxError:
    """The error that a server's refusal of ``doing`` ("login", "folder NAME", else any command) means."""
    said = quote(answer)
    if _NOT_CONNECTED.search(answer):
        return LoginFailed(
            f"The login worked, but the mailbox stays closed: {said}",
            hint="At Microsoft this means: the user name is not this mailbox's owner, the permission on a shared "
            "mailbox is missing, or IMAP is off for it.",
        )
    if _THROTTLED.search(answer) or (doing == "login" and _SERVER_SIDE.search(answer)):
        wait = find_wait(answer)
        return Throttled(
            f"The server asks to come back later: {said}",
            hint="Nothing to do: it is tried again by itself. If it stays, fewer programs should use this mailbox.",
            wait_seconds=wait,
        )
    if doing == "login":
        return LoginFailed(f"The server refuses user name or password: {said}", hint=_login_hint(answer, host))
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


def _login_hint(answer: str, host: str) -> str:
    for pattern, hint in _LOGIN_HINTS:
        if pattern.search(answer):
            return hint
    name = host.lower().rstrip(".")
    for hosts, hint in _HOST_HINTS:
        if any(name == known or name.endswith("." + known) for known in hosts):
            return hint
    return (
        "Check user name (often the whole address) and password. Some providers want an app password, or have IMAP "
        "switched off until you allow it in the webmail's settings."
    )
