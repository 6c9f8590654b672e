"""An IMAP session on a thread of its own, as the event loop sees it: calls that can be waited for, and given up.

call ─▶ thread works … answer
          │ stop is set
          ▼
        halt (an IDLE sees it within half a second) ─▶ interrupt (the socket is shut) ─▶ left behind (a daemon)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from wherefrom.inbox.solo import SoloThread
from wherefrom.mail.imap import ImapSession

T = TypeVar("T")

_GRACE = 1.5
_LAST_GRACE = 0.5
_GOODBYE = 3.0


class Stopped(Exception):
    """What waited was told to stop: no fault."""


class Line:
    """Belongs to one session; ``stop`` ends what is under way. ``halt`` is what blocking waits look at."""

    def __init__(self, session: ImapSession, stop: asyncio.Event) -> None:
        self.session = session
        self.halt = threading.Event()
        self._stop = stop
        self._thread = SoloThread(f"imap {session.account.host}")

    async def call(self, work: Callable[..., T], *args: Any) -> T:
        """What ``work`` answers or raises on the session's thread; Stopped when ``stop`` comes first."""
        job = self._thread.submit(work, *args)
        if not await self._first(job):
            await self._give_up(job)
            raise Stopped
        return job.result()

    async def sleep(self, seconds: float) -> None:
        """Waits; Stopped as soon as ``stop`` is set."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    async def close(self) -> None:
        """Says goodbye if the thread is free to, and lets it end."""
        self.halt.set()
        goodbye = self._thread.submit(self.session.close)
        self._thread.close()
        await asyncio.wait({goodbye}, timeout=_GOODBYE)
        _forget(goodbye)

    async def _first(self, job: asyncio.Future[Any]) -> bool:
        """Whether the job is done before ``stop`` is set."""
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({job, stopping}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._give_up(job)
            raise
        finally:
            stopping.cancel()
        return job.done()

    async def _give_up(self, job: asyncio.Future[Any]) -> None:
        self.halt.set()
        await asyncio.wait({job}, timeout=_GRACE)
        if not job.done():
            self.session.interrupt()
            await asyncio.wait({job}, timeout=_LAST_GRACE)
        _forget(job)


def _forget(job: asyncio.Future[Any]) -> None:
    """Nobody asks for its answer any more; a fault in it is no news."""
    job.add_done_callback(lambda done: done.cancelled() or done.exception())
