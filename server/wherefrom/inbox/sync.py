"""Keeps every enabled mailbox watched by exactly one process: claims them, starts and stops watchers.

The whole of it, from the row in the database to the letter; each box is a module of its own.

    MAILBOX   free ──claim, 30 s──▶ held ──renewed every 10 s──▶ held ──off, removed, edited, lost──▶ free      (here)
                                     │ watcher
    ─────────────────────────────────┼───────────────────────────────────────────────────────────────────────────────
    SESSION             ┌────────────▼───────────────────────────────────────────────────────────┐          (watcher)
                        │ connect: name ▶ socket ▶ TLS ▶ login        any fault: told as status, │
                        │    │                                        wait (pace), connect again │
                        │    ▼                                                    ▲              │
                        │ visit the other folders ▶ visit INBOX ──old mail left?──┼─▶ at once    │
                        │    ▲                          │ no                      │  again       │
                        │    │                          ▼                         │              │
                        │    └── poll period is over ◀─ IDLE, or wait ◀─┐         │              │
                        │                               │ news          │         │              │
                        │                               ▼               │         │              │
                        │                               visit INBOX ────┘─────────┘              │
                        └────────────┬───────────────────────────────────────────────────────────┘
    ─────────────────────────────────┼ visit = EXAMINE, then ────────────────────────────────────────────────────────
    FOLDER     ┌─────────────────────▼────────┐                                                    (position, look)
               │ first      ─▶ what is new    │─▶ old mail is counted and left for later ─┐
               │ known      ─▶ what is new    │                                           │
               │ quiet      ─▶ nothing        │─▶ once an hour: full check                │
               │ renumbered ─▶ what is new and│                                           │
               │               not held       │                                           │
               └──────────────────────────────┘                                           │
    OLD MAIL    behind ──slice, between two visits──▶ behind ──▶ … ──▶ read  ◀────────────┘                (backlog)

    LETTER      fetched ─▶ blob ─▶ row and position in one write ─▶ sorted                            (look, then sort)

A claim is a conditional update with a time limit, so a process may die at any moment and another takes over within
half a minute; on the same machine at once (``holder``). Should two ever watch one mailbox for a moment, a letter's
place (folder, uidvalidity, uid) is unique: it is stored once.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from wherefrom.inbox.holder import is_dead, own_name
from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.inbox.watcher import Watcher
from wherefrom.services import Services

log = structlog.get_logger(__name__)

CLAIM = timedelta(seconds=30)
LOOK_SECONDS = 10.0
_STOP_SECONDS = 6.0


@dataclass(slots=True)
class _Watched:
    mailbox: Mailbox
    stop: asyncio.Event
    task: asyncio.Task[None]


@dataclass(slots=True)
class MailboxWatch:
    """The resident ``run`` watches until ``stop`` is set. ``name`` tells this process from others in claims."""

    services: Services
    name: str = field(default_factory=own_name)
    look_seconds: float = LOOK_SECONDS
    _watched: dict[tuple[int, int], _Watched] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                before = self.services.bell.count("mailboxes")
                await self._look_over()
                await self._pause(stop, before)
        finally:
            await self._stop_all()

    async def _look_over(self) -> None:
        async with self.services.db.read() as tx:
            enabled = {(one.site_id, one.id): one for one in await mailboxes.list_enabled(tx)}
        ending = [self._end(place) for place in list(self._watched) if self._is_stale(place, enabled)]
        await asyncio.gather(*ending)
        for place, mailbox in enabled.items():
            held = await self._claim(mailbox)
            if held and place not in self._watched:
                self._start(place, mailbox)
            elif not held and place in self._watched:
                log.warning("mailbox is watched by another process", mailbox=mailbox.id)
                await self._end(place)

    def _is_stale(self, place: tuple[int, int], enabled: dict[tuple[int, int], Mailbox]) -> bool:
        watched, now = self._watched[place], enabled.get(place)
        return now is None or now.revision != watched.mailbox.revision or watched.task.done()

    async def _claim(self, mailbox: Mailbox) -> bool:
        now = self.services.clock.now()
        gone = mailbox.watcher if mailbox.watcher not in ("", self.name) and is_dead(mailbox.watcher) else ""
        async with self.services.db.write() as tx:
            if gone:
                log.info("mailbox is taken over from a process that ended", mailbox=mailbox.id)
                await mailboxes.release_mailbox(tx, mailbox.site_id, mailbox.id, gone)
            return await mailboxes.claim_mailbox(tx, mailbox.site_id, mailbox.id, self.name, now, now + CLAIM)

    def _start(self, place: tuple[int, int], mailbox: Mailbox) -> None:
        stop = asyncio.Event()
        watcher = Watcher(self.services, mailbox, self.name)
        task = asyncio.create_task(watcher.run(stop), name=f"mailbox {mailbox.id}")
        self._watched[place] = _Watched(mailbox, stop, task)

    async def _end(self, place: tuple[int, int]) -> None:
        watched = self._watched.pop(place)
        watched.stop.set()
        _, late = await asyncio.wait({watched.task}, timeout=_STOP_SECONDS)
        for task in late:
            log.warning("mailbox watcher did not stop in time", mailbox=watched.mailbox.id)
            task.cancel()
        if not late and not watched.task.cancelled() and (fault := watched.task.exception()) is not None:
            log.error("mailbox watcher died", mailbox=watched.mailbox.id, exc_info=fault)
        async with self.services.db.write() as tx:
            await mailboxes.release_mailbox(tx, watched.mailbox.site_id, watched.mailbox.id, self.name)

    async def _stop_all(self) -> None:
        await asyncio.gather(*(self._end(place) for place in list(self._watched)), return_exceptions=True)

    async def _pause(self, stop: asyncio.Event, before: int) -> None:
        """Until the next look, the bell, or the stop."""
        waits = [
            asyncio.ensure_future(stop.wait()),
            asyncio.ensure_future(self.services.bell.wait("mailboxes", self.look_seconds, since=before)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)


async def sync_once(services: Services, site_id: int, mailbox_id: int) -> None:
    """Looks into a mailbox's folders once, here and now, whoever watches it. Raises MailboxError."""
    async with services.db.read() as tx:
        mailbox = await mailboxes.get_mailbox(tx, site_id, mailbox_id)
    await Watcher(services, mailbox, "").look_once()
