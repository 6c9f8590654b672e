"""One look into one folder: what is new comes out as rows, stored with the folder's position in one write.

    examine ─▶ plan ─▶ fetch a handful (thread) ─▶ blobs ─▶ ONE write: rows + position ─▶ bell "messages" ─▶ more

The position moves in the transaction of the letters, after the server's tagged OK, so a connection or a process that
breaks at any point loses nothing and stores nothing twice. Nothing is parsed here: a letter that cannot be read must
not keep the mailbox waiting.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from wherefrom.clock import to_ms
from wherefrom.db import Tx
from wherefrom.inbox.facts import clean
from wherefrom.inbox.position import Plan, is_old, plan_look
from wherefrom.inbox.store import mailboxes, messages
from wherefrom.inbox.store.mailboxes import Folder, Mailbox
from wherefrom.mail.imap import FolderState, ImapSession, RawLetter
from wherefrom.mail.parse import UnreadableLetter, parse_letter
from wherefrom.services import Services

log = structlog.get_logger(__name__)

T = TypeVar("T")
InThread = Callable[..., Awaitable[Any]]

_HANDFUL = 50
_HANDFUL_BYTES = 16_777_216
_LONGEST_REASON = 1_000


@dataclass(frozen=True, slots=True)
class Look:
    """Looks for ``mailbox`` on ``session``; ``in_thread`` runs a blocking call on the session's thread."""

    services: Services
    mailbox: Mailbox
    session: ImapSession
    in_thread: InThread
    batch: int

    async def look(self, folder: Folder, state: FolderState) -> Folder:
        """Stores what is new in the open ``folder``; answers the folder's new position."""
        begun = self.services.clock.now()
        plan = plan_look(folder, state, self.mailbox.created_at)
        if plan.settling:
            log.info("folder is read anew", mailbox=self.mailbox.id, folder=folder.name, renumbered=plan.renumbered)
            folder = replace(folder, baselined=False, last_uid=plan.after_uid)
        folder = replace(folder, uidvalidity=state.uidvalidity or folder.uidvalidity)
        after = await self._first(plan)
        if after is not None:
            folder = await self._read(folder, plan, after)
        return await self._settle(folder, plan, state, begun)

    async def _first(self, plan: Plan) -> int | None:
        """The UID to read after; None when nothing in the folder is new enough."""
        if plan.search_day is None:
            return plan.after_uid
        first: int | None = await self.in_thread(self.session.find_first_uid_since, plan.search_day)
        return None if first is None else max(plan.after_uid, first - 1)

    async def _read(self, folder: Folder, plan: Plan, after: int) -> Folder:
        limit = self.services.settings.mail.max_letter_bytes
        letters = _Handfuls(self.session.fetch_new(after, self.batch, limit))
        while handful := await self.in_thread(letters.take):
            wanted = [letter for letter in handful if plan.wants(letter.internaldate)]
            if plan.settling and wanted:
                wanted = await self._really_new(folder, plan, wanted)
            folder = replace(folder, last_uid=max(folder.last_uid, handful[-1].uid))
            await self._store(folder, plan, wanted)
        return folder

    async def _really_new(self, folder: Folder, plan: Plan, letters: Sequence[RawLetter]) -> list[RawLetter]:
        """Without those held already, and those only stamped anew."""
        kept = []
        for letter in letters:
            if plan.renumbered and await self._is_held(letter):
                continue
            if folder.since == "new" and plan.cut is not None and await asyncio.to_thread(_is_old, plan.cut, letter):
                continue
            kept.append(letter)
        return kept

    async def _is_held(self, letter: RawLetter) -> bool:
        if letter.problem:
            return False
        async with self.services.db.read() as tx:
            return await messages.is_held(tx, self.mailbox.site_id, hashlib.sha256(letter.raw).hexdigest())

    async def _store(self, folder: Folder, plan: Plan, letters: Sequence[RawLetter]) -> None:
        names = await asyncio.gather(*(self.services.blobs.put(letter.raw) for letter in letters))
        now = self.services.clock.now()
        rows = [self._row(folder, plan, one, name, now) for one, name in zip(letters, names, strict=True)]
        async with self.services.db.write() as tx:
            if plan.renumbered:
                for row in rows:
                    # A server that numbers anew under the same UIDVALIDITY: the place is taken by another letter.
                    if not await messages.add_message(tx, row):
                        await messages.add_message(tx, {**row, "uidvalidity": -to_ms(now)})
            else:
                await messages.add_messages(tx, rows)
            await self._write_position(tx, folder)
        if rows:
            self.services.bell.ring("messages")

    def _row(self, folder: Folder, plan: Plan, letter: RawLetter, sha256: str, now: datetime) -> dict[str, Any]:
        values = {
            "site_id": folder.site_id, "id": self.services.ids.next(), "mailbox_id": folder.mailbox_id,
            "folder_id": folder.id, "folder_kind": folder.kind, "uidvalidity": plan.uidvalidity, "uid": letter.uid,
            "sha256": sha256, "size": max(letter.size, len(letter.raw)), "truncated": letter.truncated,
            "arrived_at": min(letter.internaldate, now + timedelta(days=1)), "stored_at": now,
        }  # fmt: skip
        if letter.problem:
            words = f"the mail server did not hand it out: {letter.problem}"
            values |= {"status": "unreadable", "status_reason": clean(words, _LONGEST_REASON)}
        return values

    async def _settle(self, folder: Folder, plan: Plan, state: FolderState, begun: datetime) -> Folder:
        """The look is done: all that arrived before it began is settled."""
        last = folder.last_uid
        if plan.settling and state.uidnext is not None:
            last = max(last, state.uidnext - 1)
        # Without UIDNEXT and without a letter there is no number yet from which "new" could be told.
        known = state.uidnext is not None or last > 0 or folder.since == "all"
        done = replace(
            folder,
            last_uid=last,
            baselined=folder.baselined or known,
            checked_at=begun if folder.baselined or known else folder.checked_at,
        )
        async with self.services.db.write() as tx:
            await self._write_position(tx, done)
        return done

    async def _write_position(self, tx: Tx, folder: Folder) -> None:
        values = {
            "uidvalidity": folder.uidvalidity,
            "last_uid": folder.last_uid,
            "baselined": folder.baselined,
            "checked_at": folder.checked_at,
        }
        await mailboxes.set_folder(tx, folder.site_id, folder.id, values)


async def pass_over(services: Services, folder: Folder, uid: int) -> None:
    """Steps over a letter that breaks the connection each time it is fetched. It is kept as a row that says so."""
    now, sha256 = services.clock.now(), await services.blobs.put(b"")
    values = {
        "site_id": folder.site_id, "id": services.ids.next(), "mailbox_id": folder.mailbox_id, "folder_id": folder.id,
        "folder_kind": folder.kind, "uidvalidity": folder.uidvalidity or 0, "uid": uid, "sha256": sha256, "size": 0,
        "truncated": True, "arrived_at": now, "stored_at": now, "status": "unreadable",
        "status_reason": f"the connection broke each time it was fetched (UID {uid}); open it in a mail program",
    }  # fmt: skip
    log.error("letter breaks the connection", mailbox=folder.mailbox_id, folder=folder.name, uid=uid)
    async with services.db.write() as tx:
        await messages.add_message(tx, values)
        await mailboxes.set_folder(tx, folder.site_id, folder.id, {"last_uid": uid})


class _Handfuls:
    """Letters of a fetch by the handful. What came before a fault is handed out first: it was received whole, and must
    be stored before anything is concluded from the fault."""

    def __init__(self, letters: Iterator[RawLetter]) -> None:
        self._letters = letters
        self._fault: Exception | None = None

    def take(self) -> list[RawLetter]:
        """The next handful; empty at the end. Runs on the session's thread."""
        if self._fault is not None:
            raise self._fault
        taken: list[RawLetter] = []
        size = 0
        try:
            for letter in self._letters:
                taken.append(letter)
                size += len(letter.raw)
                if len(taken) >= _HANDFUL or size >= _HANDFUL_BYTES:
                    break
        except Exception as fault:
            if not taken:
                raise
            self._fault = fault
        return taken


def _is_old(cut: datetime, letter: RawLetter) -> bool:
    try:
        read = parse_letter(letter.raw)
    except UnreadableLetter:
        return False
    return is_old(cut, read.written_at, read.received_header_at)
