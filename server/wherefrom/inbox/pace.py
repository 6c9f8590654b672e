"""How long to wait before the next try at a mailbox.

| what went wrong | wait |
| --- | --- |
| the way there, TLS, the connection | 2 s, then × 1.5 up to 30 s, ± 20 % so that many mailboxes do not come in step |
| the password, never taken before | 5 min: trying is what locks accounts; an edit of the mailbox is tried at once |
| the password, which worked before | 30 s, then × 2 up to 5 min: servers refuse good passwords while they restart |
| the server asked for patience | what it asked for, and up to a tenth more; unsaid: 1 min, then × 2 up to 15 min |

A session that lived for 30 s begins the rows anew; one that breaks off sooner does not, however well it began. A broken
TLS handshake is on the first row: a server that restarts resets connections in the middle of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wherefrom.mail.failures import LoginFailed, MailboxError, Throttled, TlsFailed
from wherefrom.mail.oauth_failures import GrantEnded

FIRST, FACTOR, LONGEST = 2.0, 1.5, 30.0
REFUSED_FIRST, REFUSED = 30.0, 300.0
BUSY_FIRST, BUSY = 60.0, 900.0
LIVED = 30.0
_JITTER = 0.2
_LATER = 0.1


@dataclass(slots=True)
class Pace:
    """``chance`` answers numbers from 0 to 1."""

    chance: Callable[[], float]
    _next: float = FIRST
    _next_refused: float = REFUSED_FIRST
    _next_busy: float = 0.0

    def next_wait(self, fault: Exception, lived: float, *, trusted: bool = False) -> float:
        """Seconds to wait after ``fault`` ended a session that had lived ``lived`` seconds. ``trusted``: this very
        password has worked."""
        if lived >= LIVED:
            self._next, self._next_refused, self._next_busy = FIRST, REFUSED_FIRST, 0.0
        if isinstance(fault, Throttled):
            return self._patience(fault.wait_seconds)
        if isinstance(fault, LoginFailed):
            wait, self._next_refused = self._next_refused, min(self._next_refused * 2, REFUSED)
            return wait if trusted else REFUSED
        wait = self._next * (1 - _JITTER + 2 * _JITTER * self.chance())
        self._next = min(self._next * FACTOR, LONGEST)
        return min(wait, LONGEST)

    def _patience(self, asked: float | None) -> float:
        """Never less than the server asked for: coming early is what makes it ask for more."""
        if asked is None:
            self._next_busy = min(self._next_busy * 2, BUSY) or BUSY_FIRST
            asked = self._next_busy
        return asked * (1 + _LATER * self.chance())


def status_of(fault: Exception) -> str:
    """The mailbox's status after ``fault``."""
    if isinstance(fault, GrantEnded):
        return "connect_again"
    if isinstance(fault, LoginFailed):
        return "login_failed"
    if isinstance(fault, TlsFailed):
        return "tls_failed"
    if isinstance(fault, MailboxError) and fault.code in _ON_THE_WAY:
        return "unreachable"
    return "failed"


_ON_THE_WAY = frozenset(
    {"mailbox-dns", "mailbox-refused", "mailbox-unreachable", "mailbox-lost", "mailbox-token-server"}
)
