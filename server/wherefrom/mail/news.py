"""What an IMAP server tells of the folder that is open: new letters, noticed at once by IDLE or when asked.

Answers for news being told until somebody has looked, and for waits that end: by a stop, by a peer that is gone, and
before the server's own patience does. Refuses to know which letters are new; ``imap`` looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

from wherefrom.mail.connection import Connection, ImapAccount
from wherefrom.mail.wire import within

_GLANCE_SECONDS = 0.5  # how often a wait looks whether it shall stop
# Servers that end IDLE sooner than the half hour of RFC 2177; ended from our side it costs a line, from theirs a login.
_IDLE_LIMITS = {"yahoo.com": 170, "aol.com": 170, "rambler.ru": 50}


class Listener(Connection):
    """A ``Connection`` that hears what becomes of the open folder."""

    def __init__(self, account: ImapAccount, timeout: float) -> None:
        super().__init__(account, timeout)
        self._exists: int | None = None
        self._news = False

    @property
    def has_idle(self) -> bool:
        """Does the server tell of new letters by itself?"""
        with self._telling("CAPABILITY"):
            return bool(self._client.has_capability("IDLE"))

    def idle(self, seconds: float, stop: Event | Callable[[], bool] | None = None) -> bool:
        """Waits up to ``seconds`` for something new in the open folder. True when there is, and again at each call
        until somebody has looked into the folder: news is not used up by hearing of it. Ends within a second of
        ``stop``. ConnectionLost as soon as the peer is seen to be gone."""
        stopped = stop.is_set if isinstance(stop, Event) else stop or (lambda: False)
        end = time.monotonic() + seconds
        with self._telling("IDLE"):
            while not self._has_news() and not stopped() and (left := end - time.monotonic()) > 0:
                self._idle_once(min(left, _idle_limit(self.account.host)), stopped)
            return self._news

    def _idle_once(self, seconds: float, stopped: Callable[[], bool]) -> None:
        wire = self._wire
        end = time.monotonic() + seconds
        tag = within(wire, self.timeout, wire.begin_idle)
        while not self._has_news() and not stopped() and (left := end - time.monotonic()) > 0:
            if wire.wait_line(min(left, _GLANCE_SECONDS)):
                wire._get_response()
                if wire.tagged_commands.get(tag):
                    break  # some servers end IDLE by themselves
                wire._check_bye()
        if wire.tagged_commands.get(tag):
            wire._command_complete("IDLE", tag)
        else:
            within(wire, self.timeout, lambda: wire.end_idle(tag))
        self._has_news()

    def noop(self) -> bool:
        """Asks for a sign of life; True as with ``idle``."""
        with self._telling("NOOP"):
            within(self._wire, self.timeout, lambda: self._wire._simple_command("NOOP"))
            return self._has_news()

    def _has_news(self) -> bool:
        """Has the folder grown since the last look? EXISTS with the known number is no news: some servers repeat it at
        every chance. After an EXPUNGE the number is not known, so that any EXISTS counts."""
        wire = self._wire
        if wire.take_answers("EXPUNGE"):
            self._exists = None
        counts = [int(count) for count in wire.take_answers("EXISTS")]
        for name in ("FETCH", "RECENT", "OK"):
            wire.untagged_responses.pop(name, None)  # else weeks of IDLE pile them up
        if counts:
            self._news = self._news or self._exists is None or max(counts) > self._exists
            self._exists = counts[-1]
        return self._news

    def _forget_news(self) -> None:
        """What was announced before a look is seen by that look."""
        self._has_news()
        self._news = False


def _idle_limit(host: str) -> float:
    name = host.lower()
    limits = [limit for known, limit in _IDLE_LIMITS.items() if name == known or name.endswith("." + known)]
    return limits[0] if limits else float("inf")
