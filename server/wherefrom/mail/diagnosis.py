"""Test connection: walks to a mailbox step by step and says in words how far it came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from wherefrom.mail.failures import MailboxError
from wherefrom.mail.imap import ImapAccount, ImapSession

StepName = Literal["token", "dns", "tcp", "tls", "login", "folder", "idle", "probe"]


@dataclass(frozen=True, slots=True)
class Step:
    """``detail`` is what was found, ``hint`` what to do about it or "". ``milliseconds`` it took. ``skipped``: it could
    not be tried, which is no failure. ``code``: the error's, of a step that failed."""

    name: StepName
    ok: bool
    detail: str
    hint: str
    milliseconds: int
    skipped: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The steps in their order; after one that failed there are no more, except that each folder is tried."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)


_SOON_DAYS = 14

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
        if all(step.ok for step in steps):
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
    version = session.secure()
    if not version:
        return (
            "The connection is not protected: password and letters travel readable",
            "Choose “tls” or “starttls” unless the server is on this machine.",
        )
    detail = f"The connection is protected ({version.replace('TLSv', 'TLS ')}) and the certificate is right"
    end = session.certificate_end()
    if end is None:
        return detail, ""
    days = (end - datetime.now(UTC)).days
    hint = ""
    if days < _SOON_DAYS:
        hint = f"It ends in {days} days: whoever runs the mail server must renew it, or reading stops then."
    return f"{detail}, until {end:%Y-%m-%d}", hint


def _say_login(session: ImapSession) -> _Said:
    session.login()
    return f"The server knows {session.account.username}", ""


def _say_folder(session: ImapSession, folder: str) -> _Said:
    state = session.examine(folder)
    detail = f"{folder} is open: {state.exists} letter{'' if state.exists == 1 else 's'}"
    if state.uidvalidity is None:
        return detail, "The server gives no UIDVALIDITY: should it renumber its letters, that cannot be noticed."
    return detail, ""


def _say_idle(session: ImapSession) -> _Said:
    if not session.has_idle:
        return "The server has no IDLE: it is asked for new letters at intervals (setting poll_seconds)", ""
    session.idle(0.05)
    return "The server tells of new letters at once (IDLE)", ""
