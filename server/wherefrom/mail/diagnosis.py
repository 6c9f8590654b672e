"""Test connection: walks to a mailbox step by step and says in words how far it came.

    (token) ─▶ dns ─▶ tcp ─▶ tls ─▶ login ─▶ folder, folder, … ─▶ capabilities ─▶ idle ─▶ (probe, probe, …)

Each step says what was found and, where something is wrong or could be better, what to do about it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from wherefrom.mail.certificate import fetch_certificate, read_certificate
from wherefrom.mail.failures import FolderMissing, MailboxError, TlsFailed
from wherefrom.mail.folders import THE_JUNK
from wherefrom.mail.imap import ImapAccount, ImapSession

StepName = Literal["token", "dns", "tcp", "tls", "login", "folder", "capabilities", "idle", "probe"]


class Step(Struct, frozen=True):
    """``detail`` is what was found, ``hint`` what to do about it or "". ``milliseconds`` it took. ``skipped``: it could
    not be tried, which is no failure. ``code``: the error's, of a step that failed."""

    name: StepName
    ok: bool
    detail: str
    hint: str
    milliseconds: int
    skipped: bool = False
    code: str = ""


class Diagnosis(Struct, frozen=True):
    """The steps in their order; after one that failed there are no more, but for a folder that is not there: the others
    are tried."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)


_SOON_DAYS = 14
_MOST_FOLDERS = 20
_ABILITIES = (
    ("IDLE", "tell of letters at once (IDLE)"),
    ("CONDSTORE", "say that nothing has changed (CONDSTORE)"),
    ("SPECIAL-USE", "mark its junk folder (SPECIAL-USE)"),
    ("UIDPLUS", "keep numbers stable (UIDPLUS)"),
    ("ID", "hear who we are (ID)"),
    ("COMPRESS=DEFLATE", "compress (COMPRESS, not used)"),
)

_Said = tuple[str, str]  # detail, hint


def diagnose(account: ImapAccount, folders: Sequence[str] = (), timeout: float = 15.0) -> Diagnosis:
    """Connects to ``account`` apart from any session, opens ``folders`` (INBOX when none is named), tries IDLE.

    Never raises; takes at most about ``timeout`` seconds a step.
    """
    session = ImapSession(account, timeout)
    steps: list[Step] = []
    try:
        ways: tuple[tuple[StepName, Callable[[], _Said]], ...] = (
            ("dns", lambda: _say_dns(session)),
            ("tcp", lambda: _say_tcp(session)),
            ("tls", lambda: _say_tls(session)),
            ("login", lambda: _say_login(session)),
        )
        for name, way in ways:
            steps.append(_try(name, way))
            if not steps[-1].ok:
                return Diagnosis(tuple(steps))
        for folder in folders or ("INBOX",):
            steps.append(_try("folder", lambda folder=folder: _say_folder(session, folder)))  # type: ignore[misc]
            if steps[-1].code not in ("", FolderMissing.code):
                return Diagnosis(tuple(steps))
        if all(step.ok for step in steps):
            steps.append(_try("capabilities", lambda: _say_capabilities(session)))
            steps.append(_try("idle", lambda: _say_idle(session)))
    finally:
        session.close()
    return Diagnosis(tuple(steps))


def _try(name: StepName, way: Callable[[], _Said]) -> Step:
    begun = time.monotonic()
    code = ""
    try:
        detail, hint = way()
    except MailboxError as error:
        detail, hint, code = error.detail, error.hint, error.code
    return Step(name, not code, detail, hint, round((time.monotonic() - begun) * 1000), code=code)


def _say_dns(session: ImapSession) -> _Said:
    address = session.resolve()
    return f"{session.account.host} is {address}", ""


def _say_tcp(session: ImapSession) -> _Said:
    session.open()
    return f"Something listens on port {session.account.port}", ""


def _say_tls(session: ImapSession) -> _Said:
    account = session.account
    try:
        version = session.secure()
    except TlsFailed as error:
        raise _with_certificate(error, account, session.timeout) from None
    if not version:
        return (
            "The connection is not protected: password and letters travel readable",
            "Choose “tls” or “starttls” unless the server is on this machine.",
        )
    detail = f"The connection is protected ({version.replace('TLSv', 'TLS ')}) and the certificate is right"
    shown = session.certificate()
    if shown is None:
        return detail, ""
    certificate = read_certificate(shown)
    days = certificate.days_left(datetime.now(UTC))
    hint = ""
    if days < _SOON_DAYS:
        hint = f"It ends in {_days(days)}: whoever runs the mail server must renew it, or reading stops then."
    by = f", by {certificate.issuer}" if certificate.issuer else ""
    return f"{detail}: for {certificate.name_words}{by}, until {certificate.ends_at:%Y-%m-%d} ({_days(days)})", hint


def _with_certificate(error: TlsFailed, account: ImapAccount, timeout: float) -> TlsFailed:
    """The error with what the certificate itself says, where the server begins with TLS and shows one."""
    shown = fetch_certificate(account.host, account.port, timeout) if account.security == "tls" else None
    if shown is None:
        return error
    days = shown.days_left(datetime.now(UTC))
    end = f"until {shown.ends_at:%Y-%m-%d}" if days >= 0 else f"and ended on {shown.ends_at:%Y-%m-%d}"
    by = f", by {shown.issuer}" if shown.issuer else ""
    return TlsFailed(f"{error.detail}. It is for {shown.name_words}{by}, {end}", hint=error.hint)


def _say_login(session: ImapSession) -> _Said:
    session.login()
    return f"The server knows {session.account.username}", ""


def _say_folder(session: ImapSession, folder: str) -> _Said:
    name = folder
    if folder == THE_JUNK:
        junk = next((one.name for one in session.list_folders() if one.kind == "junk"), None)
        if junk is None:
            return "The server has no junk folder", "Letters taken for spam cannot be found. Nothing else is wrong."
        name = junk
    try:
        state = session.examine(name)
    except FolderMissing as error:
        raise FolderMissing(error.detail, hint=f"{error.hint} {_list_names(session)}".strip(), folder=name) from None
    detail = f"{name} is open: {state.exists} letter{'' if state.exists == 1 else 's'}"
    if folder == THE_JUNK:
        detail = f"Junk is {detail}"
    if state.uidvalidity is None:
        return detail, "The server gives no UIDVALIDITY: should it renumber its letters, that cannot be noticed."
    return detail, ""


def _list_names(session: ImapSession) -> str:
    try:
        names = [one.name for one in session.list_folders()]
    except MailboxError:
        return ""
    more = f" and {len(names) - _MOST_FOLDERS} more" if len(names) > _MOST_FOLDERS else ""
    return f"There are: {', '.join(names[:_MOST_FOLDERS])}{more}." if names else ""


def _say_capabilities(session: ImapSession) -> _Said:
    can = session.capabilities
    known = [words for name, words in _ABILITIES if name in can]
    if not known:
        return "The server can do what IMAP asks for, and nothing beyond", ""
    return f"The server can do more than it must: {', '.join(known)}", ""


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _say_idle(session: ImapSession) -> _Said:
    if not session.has_idle:
        return "The server has no IDLE: it is asked for new letters at intervals (setting poll_seconds)", ""
    session.idle(0.05)
    return "The server tells of new letters at once (IDLE)", ""
