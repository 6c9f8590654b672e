"""Sorting: stored bytes become letters in the history, each with its match and its event.

    claim ─▶ read a group: blobs, parse, attachments as blobs (``reader``), addresses ─▶ ONE group commit of
               └─▶ the next group, while this one is written         letter 1: takers in order, then the write
                                                                     letter 2: …          (in the order they came,
                                                                                           asked together: ``batch``)

A letter's write ends its claim and holds the message's columns, receivers, attachments, match and event; a process may
die before the commit (the claim runs out, another step begins anew) or after it (all is done), never within. A later
letter of the batch sees what an earlier one wrote: a reply finds its thread, a copy its original. What cannot be
parsed is kept as ``unreadable`` with the reason, and sorting goes on. A fault that may pass (database, disk) leaves
the letter to a later step; after three tries it is given up as ``unreadable``, too, and so is a letter that kills the
process.

The same letter may come twice: moved between folders, delivered to two mailboxes of the site, or numbered anew by its
server. Same bytes, or same Message-ID with same sender, subject, date and text, is a ``duplicate``: kept, not shown,
not told again. Only when a letter that was found in Junk comes up in the inbox, the history says so, and it is told to
the webhooks that do not want Junk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from wherefrom.db import Tx
from wherefrom.events.late_store import LATE
from wherefrom.events.snapshots import MessageReceived
from wherefrom.events.store import append_event, list_subject_events
from wherefrom.events.types import EventType
from wherefrom.inbox.addressed import Addressed, look_up
from wherefrom.inbox.batch import LetterBatch, Member, ask_batch
from wherefrom.inbox.facts import Facts, clean
from wherefrom.inbox.reader import Reader, ReaderDied
from wherefrom.inbox.reading import Read
from wherefrom.inbox.store import marks, messages
from wherefrom.inbox.store.details import StoredAttachment
from wherefrom.inbox.store.messages import MOST_DEATHS, MOST_TRIES, Stored, Twin
from wherefrom.inbox.taker import Ready, Taken, Taker
from wherefrom.services import Services
from wherefrom.vault.vault import bring, share

log = structlog.get_logger(__name__)

Way = Callable[[Services, int, Sequence[str]], Awaitable[None]]

CLAIM = timedelta(seconds=30)
_RENEW_BELOW = CLAIM * 2 / 3
_AT_ONCE = 384
_GROUP = 64  # as many as a group commit takes
_MOST_BYTES = 16_777_216
"""Of letters in memory together; one that is larger is alone."""

_LONGEST_REASON = 1_000


class Sorting(msgspec.Struct, frozen=True):
    """The worker's step. ``takers`` in order; the last one takes everything."""

    services: Services
    takers: tuple[Taker, ...]
    reader: Reader = msgspec.field(default_factory=Reader)

    async def step(self) -> bool:
        """Sorts several hundred letters; False when none waited."""
        now = self.services.clock.now()
        async with self.services.db.write() as tx:
            claimed = await messages.claim_messages(tx, now, now + CLAIM, _AT_ONCE)
        if not claimed:
            self.reader.rest()
            return False
        async with contextlib.aclosing(self._ahead(_groups(claimed))) as groups:
            async for group in groups:
                # Submitted in this order, and so written in it.
                await asyncio.gather(*(self._settle(one) for one in group))
        return True

    async def _ahead(self, groups: Iterator[list[Stored]]) -> AsyncGenerator[list[Ready], None]:
        """The groups, prepared; while one is being written, the next is read."""
        coming = asyncio.create_task(self._prepare(next(groups)))
        try:
            for group in groups:
                ready = await coming
                coming = asyncio.create_task(self._prepare(group))
                yield ready
            yield await coming
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _prepare(self, group: Sequence[Stored]) -> list[Ready]:
        """Without the letters that are dealt with: given up, left to a later step, or another process's by now."""
        held = [one for stored in group if (one := await self._still_ours(stored)) is not None]
        asked = [(one.sha256, one.arrived_at) for one in held]
        try:
            apart = await self._may_kill(held)
            await _each_site(bring, self.services, [(one.site_id, one.sha256) for one in held])
            found = await self.reader.read(self.services.blobs, asked, apart=apart) if held else []
            files = [(one.site_id, file.sha256) for one, read in zip(held, found, strict=True) for file in read.files]
            await _each_site(share, self.services, files)
            addressed = await self._look_up(held, found)
        except Exception as fault:
            for stored in held:
                await self._postpone(stored, fault)
            return []
        judged = [await self._judge(*one) for one in zip(held, found, addressed, strict=True)]
        return [one for one in judged if one is not None]

    async def _look_up(self, held: Sequence[Stored], found: Sequence[Read]) -> list[Addressed | None]:
        """None for what could not be read."""
        answers: dict[int, Addressed] = {}
        for site_id in {one.site_id for one in held}:
            read = [(s, r.letter) for s, r in zip(held, found, strict=True) if s.site_id == site_id and r.letter]
            async with self.services.db.read() as tx:
                looked_up = await look_up(tx, site_id, [(letter, stored.arrived_at) for stored, letter in read])
            answers |= {stored.id: one for (stored, _), one in zip(read, looked_up, strict=True)}
        return [answers.get(one.id) for one in held]

    async def _may_kill(self, group: Sequence[Stored]) -> bool:
        """Whether a process ended without a word when it had this letter; such a one is claimed alone."""
        if not group or group[0].tries == 1:
            return False
        async with self.services.db.read() as tx:
            last = await messages.find_reason(tx, group[0].site_id, group[0].id)
        return not last or last.startswith(ReaderDied.__name__)

    async def _still_ours(self, stored: Stored) -> Stored | None:
        held = await self._still_held(stored)
        if held is None or held.tries <= MOST_TRIES:
            return held
        async with self.services.db.read() as tx:
            last = await messages.find_reason(tx, stored.site_id, stored.id)
        if not last and held.tries <= MOST_DEATHS:
            return held
        tries = MOST_TRIES if last else MOST_DEATHS
        await self._give_up(held, f"sorting it failed {tries} times" + (f", last: {last}" if last else ""))
        return None

    async def _judge(self, stored: Stored, read: Read, addressed: Addressed | None) -> Ready | None:
        if read.letter is not None and read.facts is not None and addressed is not None:
            files = [
                StoredAttachment(n, one.name, one.content_type, one.size, one.sha256, one.inline, one.content_id)
                for n, one in enumerate(read.files, start=1)
            ]
            return Ready(stored, read.letter, read.facts, files, addressed)
        if read.passes:
            await self._postpone(stored, read.problem)
        else:
            await self._give_up(stored, read.problem)
        return None

    async def _still_held(self, stored: Stored) -> Stored | None:
        """The claim, renewed when the letters before it took long; None when another process has it by now."""
        now = self.services.clock.now()
        if stored.claimed_until is not None and stored.claimed_until - now > _RENEW_BELOW:
            return stored
        async with self.services.db.write() as tx:
            return await messages.renew_claim(tx, stored, now + CLAIM)

    async def _settle(self, one: Ready) -> None:
        try:
            told = await self.services.db.batch_together(self._sort_together, one)
        except Exception as fault:
            await self._postpone(one.stored, fault)
            return
        self.services.tally.note("letters", "sorted")
        if told:
            self.services.bell.ring("events")

    async def _sort_together(self, tx: Tx, letters: Sequence[Ready]) -> list[bool]:
        told: dict[int, bool] = {}
        for site_id in dict.fromkeys(one.stored.site_id for one in letters):
            of_site = [one for one in letters if one.stored.site_id == site_id]
            answers = await _sort_of_site(self.services, self.takers, tx, of_site)
            told |= {one.stored.id: answer for one, answer in zip(of_site, answers, strict=True)}
        return [told[one.stored.id] for one in letters]

    async def _give_up(self, stored: Stored, reason: str) -> None:
        self.services.tally.note("letters", "unreadable")
        log.warning("letter is unreadable", site=stored.site_id, message=stored.id, reason=reason)
        values = {"status_reason": clean(reason, _LONGEST_REASON)}
        async with self.services.db.write() as tx:
            await tx.lock("letter", stored.site_id, stored.sha256)
            twins = await messages.list_twins(tx, stored, None)
            if twins:
                await marks.mark_message(tx, stored, "duplicate", {**values, "duplicate_of": twins[0].id})
            else:
                await marks.mark_message(tx, stored, "unreadable", values)

    async def _postpone(self, stored: Stored, fault: Exception | str) -> None:
        """Leaves the letter to the step after the claim has run out; what went wrong is kept beside it."""
        self.services.tally.note("letters", "postponed")
        cause = fault if isinstance(fault, Exception) else None
        words = f"{type(fault).__name__}: {fault}" if cause else str(fault)
        log.error(
            "sorting failed", site=stored.site_id, message=stored.id, tries=stored.tries, why=words, exc_info=cause
        )
        try:
            async with self.services.db.write() as tx:
                await messages.record_reason(tx, stored, clean(words, _LONGEST_REASON))
        except Exception:
            log.exception("the reason could not be kept", site=stored.site_id, message=stored.id)


async def _each_site(way: Way, services: Services, blobs: Sequence[tuple[int, str]]) -> None:
    for site_id in {site_id for site_id, _ in blobs}:
        await way(services, site_id, [name for of, name in blobs if of == site_id])


def _groups(claimed: Sequence[Stored]) -> Iterator[list[Stored]]:
    """In the order they came, cut so that each group fits into memory."""
    group: list[Stored] = []
    size = 0
    for one in claimed:
        if group and (size + one.size > _MOST_BYTES or len(group) >= _GROUP):
            yield group
            group, size = [], 0
        group.append(one)
        size += one.size
    if group:
        yield group


async def _sort_of_site(services: Services, takers: Sequence[Taker], tx: Tx, letters: Sequence[Ready]) -> list[bool]:
    site_id = letters[0].stored.site_id
    await tx.lock_each(("letter", site_id, one.facts.message_id or one.stored.sha256) for one in letters)
    ours = await messages.list_ours(tx, site_id, [one.stored for one in letters])
    held = [one for one in letters if one.stored.id in ours]
    batch = await ask_batch(tx, site_id, [Member(one.stored, one.letter, one.addressed) for one in held])
    told = {one.stored.id: await _sort(services, takers, tx, one, batch) for one in held}
    await batch.catch_up(tx, services.clock.now())
    return [told.get(one.stored.id, False) for one in letters]


async def _sort(services: Services, takers: Sequence[Taker], tx: Tx, one: Ready, batch: LetterBatch) -> bool:
    """Everything the database learns of one letter; whether it told anything. False when it is here already."""
    stored, facts = one.stored, one.facts
    taken = await _offer(services, takers, tx, one, batch)
    columns = {
        "written_at": facts.header_at, "message_id": facts.message_id, "in_reply_to": facts.in_reply_to,
        "references": list(facts.references), "subject": facts.subject, "from_address": facts.from_address,
        "from_name": facts.from_name, "to_address": clean(taken.to_address, 320), "text": facts.text,
        "has_html": facts.has_html, "automatic": facts.automatic, "first_of_thread": taken.first_of_thread,
        "defects": list(facts.defects), "status_reason": clean(taken.reason, _LONGEST_REASON), "duplicate_of": None,
    }  # fmt: skip
    original = _original(stored, facts, await batch.list_twins(tx, stored, facts.message_id))
    if original is not None:
        batch.mark(stored, facts, "duplicate", {**columns, "duplicate_of": original.id}, is_late=False)
        return await _rescue(services, tx, stored, original, batch)
    is_late = taken.status == "sorted" and stored.arrived_at < services.clock.now() - LATE
    batch.mark(stored, facts, taken.status, columns, is_late=is_late)
    recipients = [(role, address, "") for role, address in facts.recipients]
    await messages.add_addresses(tx, stored.site_id, stored.id, recipients)
    await messages.add_attachments(tx, stored.site_id, stored.id, map(_attachment_columns, one.files))
    await taken.write(tx)
    return True


async def _offer(services: Services, takers: Sequence[Taker], tx: Tx, one: Ready, batch: LetterBatch) -> Taken:
    for taker in takers:
        taken = await taker.take(services, tx, one, batch)
        if taken is not None:
            return taken
    raise RuntimeError("no taker took the letter: the list must end with Attribution")


def _original(stored: Stored, facts: Facts, twins: Sequence[Twin]) -> Twin | None:
    """The oldest twin that is the same letter. A Message-ID alone proves nothing: some programs repeat theirs."""
    for twin in twins:
        if twin.sha256 == stored.sha256:
            return twin
        same = (twin.subject, twin.from_address, twin.written_at, twin.text)
        if same == (facts.subject, facts.from_address, facts.header_at, facts.text):
            return twin
    return None


async def _rescue(services: Services, tx: Tx, stored: Stored, original: Twin, batch: LetterBatch) -> bool:
    """A letter found in Junk that comes up elsewhere was moved by somebody who knows better: the history says so, and
    it is told to those who do not want Junk. Whether anything is told."""
    if original.folder_kind != "junk" or stored.folder_kind == "junk":
        return False
    await batch.catch_up(tx, services.clock.now())  # the original may be one of the batch
    await messages.set_folder_kind(tx, stored.site_id, original.id, stored.folder_kind, "it was in Junk first")
    events = await list_subject_events(tx, stored.site_id, original.id)
    told = next((one for one in events if one.type is EventType.MESSAGE_RECEIVED), None)
    if told is None:
        return False
    data = told.read_as(MessageReceived)
    message = msgspec.structs.replace(data.message, folder_kind=stored.folder_kind, moved_from_junk=True)
    await append_event(
        tx,
        id=services.ids.next(),
        site_id=stored.site_id,
        type=EventType.MESSAGE_RECEIVED,
        subject_id=original.id,
        data=msgspec.structs.replace(data, message=message),
        now=services.clock.now(),
    )
    return True


def _attachment_columns(file: StoredAttachment) -> dict[str, Any]:
    values = asdict(file)
    del values["number"]
    return values
