"""Takers: code that may claim an inbound letter. ``app.py`` lists them in order; the first that takes a letter has it.

A taker reads and decides in ``take``, and writes in ``Taken.write``, both in the one transaction that also ends the
letter's claim: a letter is never half sorted, and what a taker writes is written once. The transaction is shared with
other writes (``db.batch``), so a taker waits for nothing but the transaction it is given. The last taker is
``Attribution``, which takes every letter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.inbox.addressed import Addressed
from wherefrom.inbox.attribution import attribute
from wherefrom.inbox.batch import LetterBatch
from wherefrom.inbox.evidence import Verdict
from wherefrom.inbox.facts import Facts
from wherefrom.inbox.gather import gather
from wherefrom.inbox.snapshot import make_snapshot
from wherefrom.inbox.store import messages
from wherefrom.inbox.store.authors import Author, add_authors
from wherefrom.inbox.store.details import StoredAttachment
from wherefrom.inbox.store.messages import Stored
from wherefrom.inbox.store.traits import add_traits
from wherefrom.inbox.store.writers import find_writer
from wherefrom.mail.letter import Letter
from wherefrom.services import Services
from wherefrom.visits.visit import Visit

Write = Callable[[Tx], Awaitable[None]]


class Ready(Struct, frozen=True):
    """A letter that is read, parsed, whose files are kept and whose addresses are looked up: all that can be done
    before its turn."""

    stored: Stored
    letter: Letter
    facts: Facts
    files: Sequence[StoredAttachment]
    addressed: Addressed


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim on a letter. ``status``: "sorted" shows it in the history, "taken" does not. ``reason`` in words."""

    write: Write
    status: Literal["sorted", "taken"] = "sorted"
    reason: str = ""
    to_address: str = ""
    first_of_thread: bool = True


class Taker(Protocol):
    """``take`` answers None to leave the letter to the next one. It must not write: the letter may be a copy of one
    that is here. ``batch`` are the letters it is written with: whoever reads rows of letters before it asks it, or lets
    it catch up."""

    @property
    def name(self) -> str: ...

    async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken | None: ...


class Attribution(Struct, frozen=True):
    """Finds the visit a letter came from; writes the match and the event ``message.received``."""

    name: str = "attribution"

    async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken:
        now = services.clock.now()
        gathered = await gather(tx, one.stored, one.letter, one.addressed, batch, now)
        verdict = attribute(gathered.evidence)
        visit = None
        if verdict.visit_id is not None:
            visit = await batch.find_visit(tx, verdict.visit_id)
            if visit is None:
                verdict = _without_visit(verdict)
        first = not gathered.known_thread

        async def write(tx: Tx) -> None:
            await _write_match(tx, one, verdict, visit, now)
            batch.teach(verdict.credits)
            match = gathered.evidence.as_earlier(one.stored.id, verdict)
            if match is not None:
                batch.note_match(match)
            await _tell(services, tx, one, gathered.to_address, first, verdict, visit)

        return Taken(write, to_address=gathered.to_address, first_of_thread=first)


async def _write_match(tx: Tx, one: Ready, verdict: Verdict, visit: Visit | None, now: datetime) -> None:
    stored = one.stored
    await messages.add_match(tx, stored.site_id, stored.id, match_columns(verdict) | {"matched_at": now})
    if visit is not None:
        await add_traits(tx, stored.site_id, (stored.arrived_at, stored.id), visit)
    await add_authors(tx, stored.site_id, stored.id, _authors(verdict))


async def _tell(
    services: Services, tx: Tx, one: Ready, to_address: str, first: bool, verdict: Verdict, visit: Visit | None
) -> None:  # fmt: skip
    stored = one.stored
    data = make_snapshot(
        stored, one.facts, to_address, first, one.files, verdict, visit,
        await find_writer(tx, stored.site_id, one.facts.from_written, visit),
    )  # fmt: skip
    await append_event(
        tx,
        id=services.ids.next(),
        site_id=stored.site_id,
        type=EventType.MESSAGE_RECEIVED,
        subject_id=stored.id,
        data=data,
        now=services.clock.now(),
    )


def match_columns(verdict: Verdict) -> dict[str, object]:
    """The columns of ``match`` that a verdict gives."""
    return {
        "visit_id": verdict.visit_id,
        "lease_id": verdict.lease_id,
        "rule": verdict.rule,
        "confidence": round(verdict.confidence, 6),
        "reasons": list(verdict.reasons),
        "candidates": [
            {
                "visit_id": str(one.visit_id),
                "rule": one.rule,
                "confidence": round(one.confidence, 6),
                "reason": one.reason,
            }
            for one in verdict.candidates
        ],
    }


def _authors(verdict: Verdict) -> list[Author]:
    """All who may have written it; the answer among them also where it teaches nothing."""
    credited = {one.visit_id: Author(one.visit_id, one.lesson.share, one.lesson) for one in verdict.credits}
    if verdict.visit_id is not None:
        credited.setdefault(verdict.visit_id, Author(verdict.visit_id, verdict.confidence))
    return list(credited.values())


def _without_visit(verdict: Verdict) -> Verdict:
    words = f"none: visit {verdict.visit_id} is no longer kept, so the letter stays without a visit"
    return replace(
        verdict, rule="none", visit_id=None, lease_id=None, confidence=0.0, reasons=(words, *verdict.reasons)
    )
