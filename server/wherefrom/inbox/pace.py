"""How long to wait before the next try at a mailbox.

| what went wrong | wait |
| --- | --- |
| the way there, the connection | 2 s, then × 1.5 up to 30 s, ± 20 % so that many mailboxes do not come in step |
| the password, the certificate | 5 min: trying is what locks accounts; an edit of the mailbox is tried at once |
| the server asked for patience | what it asked for |

A session that lived for 30 s begins the row anew; one that breaks off sooner does not, however well it began.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wherefrom.mail.failures import LoginFailed, MailboxError, Throttled, TlsFailed

FIRST, FACTOR, LONGEST = 2.0, 1.5, 30.0
REFUSED = 300.0
LIVED = 30.0
_JITTER = 0.2


@dataclass(slots=True)
class Pace:
    """``chance`` answers numbers from 0 to 1."""

    chance: Callable[[], float]
    _next: float = FIRST

    def next_wait(self, fault: Exception, lived: float) -> float:
        """Seconds to wait after ``fault`` ended a session that had lived ``lived`` seconds."""
        if isinstance(fault, Throttled):
            return fault.wait_seconds
        if isinstance(fault, LoginFailed | TlsFailed):
            return REFUSED
        if lived >= LIVED:
            self._next = FIRST
        wait = self._next * (1 - _JITTER + 2 * _JITTER * self.chance())
        self._next = min(self._next * FACTOR, LONGEST)
        return min(wait, LONGEST)


def status_of(fault: Exception) -> str:
    """The mailbox's status after ``fault``."""
    if isinstance(fault, LoginFailed):
        return "login_failed"
    if isinstance(fault, TlsFailed):
        return "tls_failed"
    if isinstance(fault, MailboxError) and fault.code in _ON_THE_WAY:
        return "unreachable"
    return "failed"


_ON_THE_WAY = frozenset({"mailbox-dns", "mailbox-refused", "mailbox-unreachable", "mailbox-lost"})
