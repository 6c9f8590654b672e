"""Watches one mailbox over one connection, for as long as this process holds its claim.

    connect ─▶ look into every folder ─▶ INBOX open: IDLE, or wait ─▶ look ─▶ … every poll period the other folders, too
       ▲                                                                              │
       └───────────────── wait (``pace``) ◀── any fault, told as the mailbox's status ┘

One connection a mailbox: providers count them. While another folder is looked into (milliseconds) a letter to the inbox
waits for the next look, which follows at once. Blocking calls run on the connection's own thread; ``stop`` interrupts
whatever it waits for, and a thread that still hangs (a dead name server) is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from wherefrom.errors import WherefromError
from wherefrom.inbox.account import connect, open_account
from wherefrom.inbox.backlog import Backlog
from wherefrom.inbox.facts import clean
from wherefrom.inbox.line import Line, Stopped
from wherefrom.inbox.look import Look, pass_over
from wherefrom.inbox.pace import Pace, status_of
from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.store.mailboxes import Folder, Mailbox
from wherefrom.mail.failures import ConnectionLost, FolderMissing, MailboxError, ProtocolError, Throttled
from wherefrom.mail.folders import THE_JUNK
from wherefrom.mail.imap import HIGHEST_UID, FolderState, ImapSession
from wherefrom.services import Services

log = structlog.get_logger(__name__)

_TELL_EVERY = 30.0
_MOST_IDLE_LOSSES = 3
_SHORT_IDLE, _IDLE_AGAIN = 60.0, 3_600.0
_MOST_BREAKS, _MOST_REFUSALS = 5, 3
_GLIMPSE = 65_536
_LONGEST_WORDS = 2_000


@dataclass(slots=True)
class Watcher:
    """Watches ``mailbox`` until ``run``'s stop is set. ``name`` is whose claim it is."""

    services: Services
    mailbox: Mailbox
    name: str
    _pace: Pace = field(default_factory=lambda: Pace(random.random))
    _told: tuple[str, str, float] = ("", "", 0.0)
    _trusted: bool = False
    _idle_losses: int = 0
    _lost_idle_at: float = 0.0
    _breaks: dict[tuple[int, int], int] = field(default_factory=dict)
    _numbers: dict[int, int | None] = field(default_factory=dict)
    _backlog: Backlog = field(default_factory=Backlog)

    async def run(self, stop: asyncio.Event) -> None:
        """Never raises: what goes wrong becomes the mailbox's status, and is tried again."""
        while not stop.is_set():
            begun = time.monotonic()
            try:
                await self._session(stop)
            except Stopped:
                return
            except Exception as fault:
                lived = time.monotonic() - begun
                wait = self._pace.next_wait(fault, lived, trusted=self._trusted)
                await self._tell_fault(fault, wait)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)

    async def look_once(self) -> None:
        """Connects, looks into every folder, and leaves. Raises what goes wrong, after telling it."""
        try:
            await self._session(asyncio.Event(), once=True)
        except Exception as fault:
            await self._tell_fault(fault, 0.0)
            raise

    async def _session(self, stop: asyncio.Event, *, once: bool = False) -> None:
        settings = self.services.settings.mail
        account = await open_account(self.services, self.mailbox)
        session = ImapSession(account, settings.socket_timeout_seconds)
        line = Line(session, stop)
        self._backlog = Backlog()
        try:
            if self._told[0] != "ok":
                await self._tell("connecting", "")
            await connect(self.services, self.mailbox, session, line.call)
            self._trusted = True
            if self._told[0] != "ok":
                await self._tell("connecting", "logged in; the folders are read for the first time")
            await self._watch(session, line, once=once)
        finally:
            await line.close()

    async def _watch(self, session: ImapSession, line: Line, *, once: bool) -> None:
        folders = await self._resolve(session, line)
        missing: dict[str, str] = {}
        main, others = folders[0], folders[1:]
        while True:
            others = [await self._visit(session, line, one, missing) for one in others]
            main = await self._visit(session, line, main, missing, required=True)
            behind = [one for one in (main, *others) if one.is_behind and one.name not in missing]
            idle = not once and self._may_idle() and await line.call(lambda: session.has_idle)
            await self._tell("ok", _words(self.services, idle=idle, missing=missing, behind=behind))
            if self._goes_on(behind):
                continue
            if once:
                return
            main = await self._wait(session, line, main, idle=idle, alone=not others)

    async def _resolve(self, session: ImapSession, line: Line) -> list[Folder]:
        """The folders to look into, the one to wait in first; ``\\Junk`` by the name it has on this server."""
        async with self.services.db.read() as tx:
            fresh = await mailboxes.get_mailbox(tx, self.mailbox.site_id, self.mailbox.id)
        folders = sorted(fresh.folders, key=lambda one: (one.kind != "inbox", one.id))
        names = {one.name for one in folders}
        if THE_JUNK in names:
            listed = await line.call(session.list_folders)
            junk = next((one.name for one in listed if one.kind == "junk" and one.name not in names), None)
            folders = [_named(one, junk) for one in folders if one.name != THE_JUNK or junk]
        if not folders:
            raise FolderMissing("The server has no junk folder, and no other folder is chosen", hint="Choose INBOX.")
        return folders

    async def _visit(
        self, session: ImapSession, line: Line, folder: Folder, missing: dict[str, str], *, required: bool = False
    ) -> Folder:
        """Opens a folder and looks into it. One that cannot be opened is told, and holds up only itself."""
        try:
            state = await line.call(session.examine, folder.name)
        except FolderMissing as fault:
            if required:
                raise
            missing[folder.name] = fault.detail
            return folder
        missing.pop(folder.name, None)
        return await self._look(session, line, folder, state)

    async def _look(self, session: ImapSession, line: Line, folder: Folder, state: FolderState) -> Folder:
        broke = [place for place in self._breaks if place[0] == folder.id]
        batch = 1 if broke else self.services.settings.mail.batch
        look = Look(self.services, self.mailbox, session, line.call, batch)
        try:
            folder = await look.look(folder, state)
            if folder.is_behind:
                folder = await self._backlog.read(look, folder)
        except (ConnectionLost, ProtocolError):
            await self._count_break(folder, session.in_flight)
            raise
        except Throttled:
            await self._count_busy(session, line, folder, session.in_flight)
            raise
        for place in broke:
            self._breaks.pop(place, None)
        return folder

    async def _wait(self, session: ImapSession, line: Line, main: Folder, *, idle: bool, alone: bool) -> Folder:
        """Waits in the open main folder, and looks whenever there is news, until the other folders' turn."""
        settings = self.services.settings.mail
        period = settings.idle_renew_seconds if idle and alone else settings.poll_seconds
        end = time.monotonic() + period
        while (left := end - time.monotonic()) > 0:
            if not idle:
                await line.sleep(left)
                break
            if await self._idle(session, line, left):
                state = await line.call(session.examine, main.name)
                main = await self._look(session, line, main, state)
            await self._tell(*self._told[:2])
        return main

    def _goes_on(self, behind: Sequence[Folder]) -> bool:
        """Whether old mail is to be read on at once. A server that numbers anew at each look never comes to an end: it
        is asked no more often than any other."""
        numbers = {one.id: one.uidvalidity for one in behind}
        same = [one for one in behind if self._numbers.get(one.id, one.uidvalidity) == one.uidvalidity]
        self._numbers |= numbers
        return bool(same)

    def _may_idle(self) -> bool:
        """Whether IDLE is worth another try: what dropped it may have been mended after an hour."""
        waited = time.monotonic() - self._lost_idle_at >= _IDLE_AGAIN
        return self._idle_losses < _MOST_IDLE_LOSSES or waited

    async def _idle(self, session: ImapSession, line: Line, seconds: float) -> bool:
        """IDLE that breaks off again and again (some servers offer it and drop it) ends in polling."""
        begun = time.monotonic()
        waiting = asyncio.ensure_future(line.call(session.idle, seconds, line.halt))
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=_TELL_EVERY)
                await self._tell(*self._told[:2])
            news = waiting.result()
        except ConnectionLost:
            short = time.monotonic() - begun < _SHORT_IDLE
            self._idle_losses = self._idle_losses + 1 if short else 0
            self._lost_idle_at = time.monotonic()
            raise
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        self._idle_losses = 0
        return bool(news)

    async def _count_break(self, folder: Folder, in_flight: Sequence[int]) -> None:
        """A letter may break the connection, or make it senseless, each time it is fetched. It is found by fetching one
        at a time, and passed over, with a row that says so, when it has broken it five times."""
        if self._count(folder, in_flight) >= _MOST_BREAKS:
            await self._pass_over(folder, in_flight[0], "the connection broke each time it was fetched")

    async def _count_busy(self, session: ImapSession, line: Line, folder: Folder, in_flight: Sequence[int]) -> None:
        """A server may be too busy for one letter for ever. That it is this letter, and not the server, shows when it
        hands out another one, which this one holds up."""
        if self._count(folder, in_flight) < _MOST_REFUSALS:
            return
        try:
            later = await line.call(session.list_uids, in_flight[0] + 1, HIGHEST_UID)
            given = await line.call(lambda: list(session.fetch_uids(later[:1], 1, _GLIMPSE)))
        except MailboxError:
            return
        if any(not one.problem for one in given):
            await self._pass_over(folder, in_flight[0], "the server is always too busy for it, though not for others")

    def _count(self, folder: Folder, in_flight: Sequence[int]) -> int:
        """How often the first of these letters failed; 0 while it is not known to be that one."""
        if not in_flight:
            return 0
        place = (folder.id, in_flight[0])
        self._breaks[place] = self._breaks.get(place, 0) + 1
        return self._breaks[place] if len(in_flight) == 1 else 0

    async def _pass_over(self, folder: Folder, uid: int, why: str) -> None:
        self._breaks.pop((folder.id, uid), None)
        async with self.services.db.read() as tx:
            fresh = await mailboxes.get_mailbox(tx, folder.site_id, folder.mailbox_id)
        now = next(one for one in fresh.folders if one.id == folder.id)
        await pass_over(self.services, now, uid, why)

    async def _tell_fault(self, fault: Exception, wait: float) -> None:
        """The fault becomes the mailbox's status. A connection that was good and broke off is only connecting again."""
        if isinstance(fault, WherefromError):
            words = f"{fault.detail} {fault.hint}".strip()
            log.warning("mailbox", mailbox=self.mailbox.id, fault=fault.detail, again_in=round(wait))
        else:
            words = f"a fault inside: {type(fault).__name__}: {fault}"
            log.error("mailbox", mailbox=self.mailbox.id, again_in=round(wait), exc_info=fault)
        passing = isinstance(fault, ConnectionLost) and self._told[0] == "ok"
        try:
            await self._tell("connecting" if passing else status_of(fault), words)
        except Exception:
            log.exception("the mailbox's status could not be written", mailbox=self.mailbox.id)

    async def _tell(self, status: str, words: str) -> None:
        """Writes the status when it is another, else once in a while, as a sign of life."""
        now = time.monotonic()
        if (status, words) == self._told[:2] and now - self._told[2] < _TELL_EVERY:
            return
        async with self.services.db.write() as tx:
            await mailboxes.record_status(
                tx, self.mailbox.site_id, self.mailbox.id, status, clean(words, _LONGEST_WORDS),
                self.services.clock.now(), watcher=self.name or None,
            )  # fmt: skip
        self._told = (status, words, now)


def _named(folder: Folder, junk: str | None) -> Folder:
    return replace(folder, name=junk) if folder.name == THE_JUNK and junk else folder


def _words(services: Services, *, idle: bool, missing: Mapping[str, str], behind: Sequence[Folder]) -> str:
    how = "told of new letters at once (IDLE)"
    if not idle:
        how = f"asked for new letters every {services.settings.mail.poll_seconds} s"
    old = [f"{one.backlog_read} of {one.backlog_letters} old letters of {one.name} are read" for one in behind]
    return "; ".join([how, *old, *missing.values()])
