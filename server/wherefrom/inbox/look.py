"""One look into one folder: what is new comes out as rows, stored with the folder's position in one write.

    examine ─▶ plan ─▶ fetch a handful (thread) ─▶ blobs ─▶ ONE write: rows + position ─▶ bell "messages" ─▶ more
                         ├─▶ the next handful, while this one is stored
                         └─▶ the beginning of a large letter: a row that is ``arriving`` (beginning)
                 │                                                                                             │
                 └─ quiet ───────────────────────▶ full check, when it is due ◀────────────────────────────────┘

The position moves in the transaction of the letters, after the server's tagged OK, so a connection or a process that
breaks at any point loses nothing and stores nothing twice. Nothing is parsed here: a letter that cannot be read must
not keep the mailbox waiting. Old mail is only counted at the first look; ``backlog`` reads it, in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from wherefrom.clock import to_ms
from wherefrom.db import Tx
from wherefrom.inbox import beginning
from wherefrom.inbox.facts import clean
from wherefrom.inbox.position import Plan, counted, is_count_due, is_old, plan_backlog, plan_look
from wherefrom.inbox.store import arriving, mailboxes, messages
from wherefrom.inbox.store.gone import forget_gone, list_gone_uids
from wherefrom.inbox.store.mailboxes import Folder, Mailbox
from wherefrom.mail.imap import HIGHEST_UID, FolderState, ImapSession, RawLetter
from wherefrom.mail.parse import UnreadableLetter, parse_letter
from wherefrom.services import Services
from wherefrom.vault.vault import share

log = structlog.get_logger(__name__)

T = TypeVar("T")
InThread = Callable[..., Awaitable[Any]]
Moved = Callable[[Folder, Sequence[RawLetter]], Folder]
Chosen = tuple[RawLetter, bool]

_HANDFUL = 200
_HANDFUL_BYTES = 16_777_216
_LONGEST_REASON = 1_000


class Look(Struct, frozen=True):
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
            # Old mail that is to be begun anew is so after a crash, too: as if this were the first look.
            counted_at = None if plan.backlog else folder.counted_at
            folder = replace(folder, baselined=False, last_uid=plan.after_uid, counted_at=counted_at)
        folder = replace(folder, uidvalidity=state.uidvalidity or folder.uidvalidity)
        if plan.settling:
            async with self.services.db.write() as tx:
                await write_position(tx, folder)
        if not plan.quiet:
            folder = await self.read(folder, plan, await self._find_new(plan), _read_up_to)
        if plan.backlog:
            folder = await self._leave_backlog(folder, state)
        if not plan.settling and is_count_due(folder, begun):
            folder = counted(await self._count(folder, plan), begun)
        return await self._settle(folder, plan, state, begun)

    async def read(self, folder: Folder, plan: Plan, letters: Iterator[RawLetter], moved: Moved) -> Folder:
        """Stores those of ``letters`` that the plan wants; after each handful the position is as ``moved`` says."""
        async with contextlib.aclosing(self._ahead(_Handfuls(letters))) as handfuls:
            async for handful in handfuls:
                try:
                    wanted = [letter for letter in handful if plan.wants(letter.internaldate)]
                    chosen = await self._choose(folder, plan, [letter for letter in wanted if not letter.early])
                    if whole := [letter for letter in handful if not letter.early]:
                        folder = moved(folder, whole)
                        await self._store(folder, plan, chosen)
                    for letter in wanted:
                        if letter.early:
                            now = self.services.clock.now()
                            await beginning.announce(self.services, self._row(folder, plan, letter, "", now), letter)
                finally:
                    for letter in handful:
                        letter.abandon()  # unless it is kept by now
        return folder

    async def _ahead(self, handfuls: _Handfuls) -> AsyncGenerator[list[RawLetter], None]:
        """The handfuls; while one is being stored, the next is on its way."""
        coming = asyncio.ensure_future(self.in_thread(handfuls.take))
        try:
            while handful := await coming:
                coming = asyncio.ensure_future(self.in_thread(handfuls.take))
                yield handful
        finally:
            # The session is of no use to anybody before it is done: what it says no longer counts.
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    def fetch(self, uids: Sequence[int], plan: Plan) -> Iterator[RawLetter]:
        """The letters of these UIDs that the plan wants, for ``read``."""
        limit = self.services.settings.mail.max_letter_bytes
        return self.session.fetch_uids(uids, self.batch, limit, plan.wants, self.services.blobs.begin)

    async def _find_new(self, plan: Plan) -> Iterator[RawLetter]:
        """What the plan is about. Where only a span of time is wanted, only that is asked for: UIDs need not be in the
        order of arrival, and a mailbox may hold the letters of years."""
        if plan.search_day is None:
            limit = self.services.settings.mail.max_letter_bytes
            begin = self.services.blobs.begin
            return self.session.fetch_new(plan.after_uid, self.batch, limit, begin, early=not plan.settling)
        first = plan.after_uid + 1
        return self.fetch(await self.in_thread(self.session.list_uids, first, HIGHEST_UID, plan.search_day), plan)

    async def _end(self, state: FolderState) -> int:
        """The last UID there was when the folder was opened: what came since then is new. By how many letters there
        were, as UIDNEXT may be anything: where it is far too high, what comes below it would be missed, and where it
        is too low, old letters would be taken for new ones."""
        last: int = await self.in_thread(self.session.find_last_uid)
        there = await self.in_thread(self.session.list_uids, 1, last)
        return last if state.exists >= len(there) else there[state.exists - 1] if state.exists else 0

    async def _leave_backlog(self, folder: Folder, state: FolderState) -> Folder:
        """Counts the old mail and leaves it for later, so that nobody waits for what comes now."""
        end = await self._end(state)
        plan = plan_backlog(folder, self.mailbox.created_at)
        uids = await self.in_thread(self.session.list_uids, 1, end, plan.search_day)
        return replace(
            folder,
            last_uid=max(folder.last_uid, end),
            backlog_uid=uids[0] - 1 if uids else end,
            backlog_end=uids[-1] if uids else None,
            backlog_letters=len(uids),
            backlog_read=0,
        )

    async def _count(self, folder: Folder, plan: Plan) -> Folder:
        """The full check: reads what lies above the floor and is not here, whatever was said of UIDNEXT."""
        first, last = folder.floor_uid + 1, folder.last_uid
        there = await self.in_thread(self.session.list_uids, first, last)
        async with self.services.db.read() as tx:
            where = folder.site_id, folder.id, plan.uidvalidity, first, last
            here = await messages.list_stored_uids(tx, *where) | await list_gone_uids(tx, *where)
        missing = [uid for uid in there if uid not in here]
        if missing:
            log.info("letters came below the last one", mailbox=self.mailbox.id, folder=folder.name, uids=missing[:20])
            again = replace(plan, renumbered=True)
            folder = await self.read(folder, again, self.fetch(missing, again), lambda unmoved, _: unmoved)
        return folder

    async def _choose(self, folder: Folder, plan: Plan, letters: Sequence[RawLetter]) -> list[Chosen]:
        """Without those held already, and those only stamped anew; each with whether it is old mail."""
        held = await self._held(letters) if plan.renumbered and letters else frozenset()
        chosen: list[Chosen] = []
        for letter in letters:
            if letter.uid in held:
                continue
            historic = plan.is_historic(letter.internaldate)
            if plan.settling and not historic and await asyncio.to_thread(_is_old, plan.old_from, letter):
                if folder.since == "new" or plan.backlog:
                    continue
                historic = True
            chosen.append((letter, historic))
        return chosen

    async def _held(self, letters: Sequence[RawLetter]) -> frozenset[int]:
        names = {one.uid: one.sha256 for one in letters if not one.problem}
        async with self.services.db.read() as tx:
            held = await messages.list_held(tx, self.mailbox.site_id, list(names.values()))
        return frozenset(uid for uid, name in names.items() if name in held)

    async def _store(self, folder: Folder, plan: Plan, chosen: Sequence[Chosen]) -> None:
        names = [letter.sha256 for letter, _ in chosen]
        await self.services.blobs.put_many([letter.file or letter.raw for letter, _ in chosen], names)
        await share(self.services, folder.site_id, names)
        now = self.services.clock.now()
        rows = [
            self._row(folder, plan, letter, name, now) | {"historic": historic}
            for (letter, historic), name in zip(chosen, names, strict=True)
        ]
        async with self.services.db.write() as tx:
            begun = await beginning.finish(tx, [(row, letter) for row, (letter, _) in zip(rows, chosen, strict=True)])
            rows = [row for row in rows if row["uid"] not in begun]
            await messages.add_messages(tx, rows)
            if plan.renumbered and rows:
                # A server that numbers anew under the same UIDVALIDITY: the place is taken by another letter.
                here = await messages.list_ids_here(tx, folder.site_id, [row["id"] for row in rows])
                taken = [row for row in rows if row["id"] not in here]
                await messages.add_messages(tx, [{**row, "uidvalidity": -to_ms(now)} for row in taken])
            await write_position(tx, folder)
        await beginning.forget(self.services, folder.site_id, begun.values())
        if rows or begun:
            self.services.bell.ring("messages")

    def _row(self, folder: Folder, plan: Plan, letter: RawLetter, sha256: str, now: datetime) -> dict[str, Any]:
        values = {
            "site_id": folder.site_id, "id": self.services.ids.next(), "mailbox_id": folder.mailbox_id,
            "folder_id": folder.id, "folder_kind": folder.kind, "uidvalidity": plan.uidvalidity, "uid": letter.uid,
            "sha256": sha256, "size": max(letter.size, letter.length), "truncated": letter.truncated,
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
            last = max(last, await self._end(state))
        # Without UIDNEXT and without a letter there is no number yet from which "new" could be told.
        known = state.uidnext is not None or last > 0 or folder.since == "all"
        done = replace(
            folder,
            last_uid=last,
            baselined=folder.baselined or known,
            checked_at=begun if folder.baselined or known else folder.checked_at,
            uidnext=state.uidnext,
            letters=state.exists,
            highestmodseq=state.highestmodseq,
        )
        if plan.settling:
            done = replace(done, counted_at=begun, counted_uid=last, floor_uid=last)
        async with self.services.db.write() as tx:
            cut = 0 if plan.quiet else await arriving.end_arriving(tx, folder.site_id, folder.id, begun)
            if done.counted_at == begun:
                await forget_gone(tx, done.site_id, done.id, done.floor_uid)
            await write_position(tx, done)
        if cut:
            self.services.bell.ring("messages")
        return done


_POSITION = (
    "uidvalidity", "last_uid", "baselined", "checked_at", "uidnext", "letters", "highestmodseq", "counted_at",
    "counted_uid", "floor_uid", "backlog_uid", "backlog_end", "backlog_letters", "backlog_read",
)  # fmt: skip


async def write_position(tx: Tx, folder: Folder) -> None:
    """Keeps how far ``folder`` is read."""
    values = {name: getattr(folder, name) for name in _POSITION}
    await mailboxes.set_folder(tx, folder.site_id, folder.id, values)


async def pass_over(services: Services, folder: Folder, uid: int, why: str) -> None:
    """Steps over a letter that holds up the others. It is kept as a row that says ``why``."""
    now, sha256 = services.clock.now(), await services.blobs.put(b"")
    await share(services, folder.site_id, [sha256])
    values = {
        "site_id": folder.site_id, "id": services.ids.next(), "mailbox_id": folder.mailbox_id, "folder_id": folder.id,
        "folder_kind": folder.kind, "uidvalidity": folder.uidvalidity or 0, "uid": uid, "sha256": sha256, "size": 0,
        "truncated": True, "arrived_at": now, "stored_at": now, "status": "unreadable",
        "status_reason": f"{why} (UID {uid}); open it in a mail program",
    }  # fmt: skip
    log.error("letter is passed over", mailbox=folder.mailbox_id, folder=folder.name, uid=uid, why=why)
    async with services.db.write() as tx:
        await messages.add_message(tx, values)
        if uid > folder.last_uid:
            await mailboxes.set_folder(tx, folder.site_id, folder.id, {"last_uid": uid})
        elif folder.backlog_uid < uid <= (folder.backlog_end or 0):
            await mailboxes.set_folder(tx, folder.site_id, folder.id, {"backlog_uid": uid})
        # Else a full check came upon it, and finds its row from now on.


def _read_up_to(folder: Folder, letters: Sequence[RawLetter]) -> Folder:
    return replace(folder, last_uid=max(folder.last_uid, *(letter.reached or letter.uid for letter in letters)))


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
                if letter.pause or len(taken) >= _HANDFUL or size >= _HANDFUL_BYTES:
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
