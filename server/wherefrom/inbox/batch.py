"""Letters that are written together: what any of them may need of the database is asked for all at once, and what the
first of them become is remembered for the others, so that each is sorted as if all before it were written.

    ask_batch ─▶ which contents, Message-IDs and senders are known; visits and signs of those who held a code
       letter 1: twins? thread? sender's letters? ─▶ mark, note_match, teach ┐ kept, and answered from here on
       letter 2: …                                                           ┘
    catch_up  ─▶ marks, lessons, late changes and hours to count anew of all, by a statement each

A known name costs a question of its own, an unknown one none. ``catch_up`` is also for whoever reads these rows by
other ways, before it does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.events.late_store import note_change_at
from wherefrom.inbox.addressed import Addressed
from wherefrom.inbox.evidence import Earlier, Signal
from wherefrom.inbox.facts import Facts, clean_id
from wherefrom.inbox.sender import find_sender
from wherefrom.inbox.store import batches, intents, marks, messages
from wherefrom.inbox.store.marks import Mark
from wherefrom.inbox.store.messages import MOST_OF_SENDER, MOST_OF_THREAD, OfSender, Stored, Twin
from wherefrom.mail.letter import Letter
from wherefrom.substitution.settle import record_letters
from wherefrom.substitution.tally import Credit
from wherefrom.visits.hours_store import forget_hours_of
from wherefrom.visits.store import find_each_visit
from wherefrom.visits.visit import Visit

_MATCHED_OF_SENDER = 5
_MOST_PARENTS = 50
_MOST_VISITS = 500
_SPAN = timedelta(minutes=15)
"""No sum is kept of less, and no zone's day begins within one."""

Signals = Mapping[int, Sequence[tuple[str, Signal]]]


class Member(Struct, frozen=True):
    """A letter that is to be sorted, as far as it is known without the others."""

    stored: Stored
    letter: Letter
    addressed: Addressed


def list_parents(letter: Letter) -> list[str]:
    """Message-IDs the letter answers, the nearest first: In-Reply-To, then References from the end."""
    named = [letter.in_reply_to] if letter.in_reply_to else []
    return list(dict.fromkeys([*named, *reversed(letter.references)]))[:_MOST_PARENTS]


class LetterBatch:
    """Of one site; made by ``ask_batch``, good until its transaction ends."""

    def __init__(
        self, site_id: int, ids: set[str], senders: set[str], contents: set[str],
        visits: dict[int, Visit | None], signals: Signals,
    ) -> None:  # fmt: skip
        self._site_id = site_id
        self._known_ids, self._known_senders, self._known_contents = ids, senders, contents
        self._visits = visits
        self._signals = dict(signals)
        self._asked_signals = set(visits)
        self._twins: defaultdict[str, list[Twin]] = defaultdict(list)  # by content and by Message-ID
        self._of_sender: defaultdict[str, list[tuple[int, datetime]]] = defaultdict(list)
        self._of_id: defaultdict[str, list[int]] = defaultdict(list)
        self._matches: dict[int, Earlier] = {}
        self._marks: list[Mark] = []
        self._lessons: list[Sequence[Credit]] = []
        self._late: dict[datetime, datetime] = {}
        self._writers: set[int] = set()

    # ------------------------------------------------------------------------------------------ what is known

    async def list_twins(self, tx: Tx, stored: Stored, message_id: str | None) -> list[Twin]:
        """Finished letters with the same bytes or the same Message-ID, oldest first."""
        known = stored.sha256 in self._known_contents or message_id in self._known_ids
        twins = await messages.list_twins(tx, stored, message_id) if known else []
        here = {one.id: one for one in (*self._twins[stored.sha256], *self._twins[message_id or stored.sha256])}
        return sorted((here | {one.id: one for one in twins}).values(), key=lambda one: one.id)

    async def list_thread(self, tx: Tx, parents: Sequence[str]) -> list[Earlier]:
        """Matched letters with one of these Message-IDs, in their order."""
        known = [one for one in parents if one in self._known_ids]
        found = {one.message_id: (named, one) for named, one in await messages.list_thread(tx, self._site_id, known)}
        for named in parents:
            for id_ in self._of_id[named]:
                if id_ in self._matches:
                    found[id_] = named, self._matches[id_]
        place = {named: n for n, named in enumerate(parents)}
        ordered = sorted(found.values(), key=lambda one: (place[one[0]], one[1].message_id))
        return [earlier for _, earlier in ordered[:MOST_OF_THREAD]]

    def is_thread_known(self, parents: Iterable[str]) -> bool:
        """Whether any letter, matched or not, has one of these Message-IDs."""
        return any(one in self._known_ids or self._of_id[one] for one in parents)

    async def list_by_sender(self, tx: Tx, sender: str, before: datetime) -> list[Earlier]:
        """The newest five matched letters among the sender's newest twenty that arrived before, newest first.
        ``sender`` in lower case."""
        known = sender in self._known_senders
        written = await messages.list_of_sender(tx, self._site_id, sender, before) if known else []
        here = [
            OfSender(id_, arrived_at, self._matches.get(id_))
            for id_, arrived_at in self._of_sender[sender]
            if arrived_at <= before
        ]
        each = {one.message_id: one for one in (*written, *here)}.values()
        newest = sorted(each, key=lambda one: (one.arrived_at, one.message_id), reverse=True)[:MOST_OF_SENDER]
        return [one.match for one in newest if one.match is not None][:_MATCHED_OF_SENDER]

    async def list_signals(self, tx: Tx, visit_ids: Collection[int]) -> Signals:
        """What these visits did with addresses (``intents.list_signals``)."""
        missing = set(visit_ids) - self._asked_signals
        if missing:
            self._signals |= await intents.list_signals(tx, self._site_id, missing)
            self._asked_signals |= missing
        return self._signals

    async def find_visit(self, tx: Tx, visit_id: int) -> Visit | None:
        if visit_id not in self._visits:
            (self._visits[visit_id],) = await find_each_visit(tx, [(self._site_id, visit_id)])
        return self._visits[visit_id]

    # ------------------------------------------------------------------------------------------ what they become

    def mark(self, stored: Stored, facts: Facts, status: str, values: Mapping[str, Any], *, is_late: bool) -> None:
        """The letter's last status and columns. ``is_late``: it arrived a while ago, and counts in sums."""
        self._marks.append(Mark(stored, status, values))
        self._of_sender[facts.from_address].append((stored.id, stored.arrived_at))
        if facts.message_id:
            self._of_id[facts.message_id].append(stored.id)
        if status != "duplicate":
            twin = Twin(
                stored.id, stored.sha256, stored.folder_kind, facts.subject, facts.from_address, facts.header_at,
                facts.text,
            )  # fmt: skip
            for name in {stored.sha256, facts.message_id or stored.sha256}:
                self._twins[name].append(twin)
        if is_late:
            since = stored.arrived_at - datetime.min.replace(tzinfo=stored.arrived_at.tzinfo)
            self._late.setdefault(stored.arrived_at - since % _SPAN, stored.arrived_at)

    def note_match(self, match: Earlier) -> None:
        """A letter of the batch is matched."""
        self._matches[match.message_id] = match
        self._writers.add(match.visit_id)

    def teach(self, credits: Sequence[Credit]) -> None:
        """Those who may have written the next letter, with what it says of them."""
        if credits:
            self._lessons.append(credits)

    async def forget(self, tx: Tx, stored: Stored, now: datetime) -> None:
        """A letter of the batch that is about to be removed: it is written, and known no more, so that a copy of it is
        not taken for one of a letter that is there."""
        await self.catch_up(tx, now)
        for twins in self._twins.values():
            twins[:] = [one for one in twins if one.id != stored.id]
        for written in self._of_sender.values():
            written[:] = [one for one in written if one[0] != stored.id]
        for ids in self._of_id.values():
            ids[:] = [one for one in ids if one != stored.id]

    async def catch_up(self, tx: Tx, now: datetime) -> None:
        """Writes what is kept here so far."""
        written, lessons, late = self._marks, self._lessons, list(self._late.values())
        writers, self._writers = self._writers, set()
        self._marks, self._lessons, self._late = [], [], {}
        await marks.mark_messages(tx, self._site_id, written)
        await record_letters(tx, self._site_id, lessons, now)
        await note_change_at(tx, self._site_id, late)
        await forget_hours_of(tx, self._site_id, writers)


async def ask_batch(tx: Tx, site_id: int, members: Sequence[Member]) -> LetterBatch:
    """The letters are the site's, in the order in which they are sorted."""
    ids = {parent for one in members for parent in list_parents(one.letter)}
    ids |= {own for one in members if (own := clean_id(one.letter.message_id))}
    senders = {find_sender(one.letter, one.addressed.own)[0] for one in members} - {""}
    shown = [
        holder.visit_id
        for one in members
        for holder in one.addressed.holders
        if holder.strategy != "pool" and holder.address.lower() in one.addressed.trust
    ]
    visit_ids = list(dict.fromkeys(shown))[:_MOST_VISITS]
    visits = await find_each_visit(tx, [(site_id, one) for one in visit_ids])
    return LetterBatch(
        site_id,
        await batches.list_known_ids(tx, site_id, ids),
        await batches.list_known_senders(tx, site_id, senders),
        await batches.list_finished_contents(tx, site_id, [one.stored.sha256 for one in members]),
        dict(zip(visit_ids, visits, strict=True)),
        await intents.list_signals(tx, site_id, visit_ids),
    )
