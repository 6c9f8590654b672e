"""What attribution judges by: values gathered for one letter, none of them asked for again while judging.

Answers for the shapes. Refuses to know where they were read (``gather``) and what follows from them
(``attribution``). Moments are aware UTC datetimes, addresses are in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.substitution.habits import USUAL, Habits, Sign
from wherefrom.substitution.tally import Credit

Rule = Literal["code", "pool", "thread", "sender", "quoted", "none"]


class Signal(Struct, frozen=True):
    """What a visitor did with an address on the page."""

    kind: Sign
    at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """A visit that held an address the letter was for. ``guessable``: the address carries the bare visit number.

    ``last_seen_at`` is the visit's last sign of life, ``trust`` how well the header is believed in which the address
    stood (see ``mail.letter.ROLES``), ``signals`` what the visit did with the address. ``spent``: how likely it is that
    the visit's letter has come already, from another sender than this letter's.
    """

    lease_id: int
    visit_id: int
    address: str
    leased_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    visitor_id: int | None = None
    guessable: bool = False
    shared: bool = False
    trust: int = 8
    signals: tuple[Signal, ...] = ()
    spent: float = 0.0


class Earlier(Struct, frozen=True):
    """An earlier letter of the site that is matched: a parent in the thread, or one by the same sender."""

    message_id: int
    visit_id: int
    confidence: float
    at: datetime
    lease_id: int | None = None
    visitor_id: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one letter.

    ``header_at`` is the Date field, ``first_hop_at`` the stamp of the server that took the letter from its writer,
    ``arrived_at`` the mailbox's own (INTERNALDATE). ``coded`` and ``pool`` are holdings of the recipients,
    ``unknown_codes`` recipients that look coded and were never given out. ``thread`` is nearest parent first,
    ``by_sender`` newest first and empty for an own or role address. ``quoted`` are coded addresses in the text.
    ``habits`` are what is known of the site's visitors.
    """

    arrived_at: datetime
    header_at: datetime | None = None
    first_hop_at: datetime | None = None
    automatic: str = ""
    coded: tuple[Holding, ...] = ()
    unknown_codes: tuple[str, ...] = ()
    pool: tuple[Holding, ...] = ()
    thread: tuple[Earlier, ...] = ()
    sender: str = ""
    sender_excluded: str = ""
    by_sender: tuple[Earlier, ...] = ()
    quoted: tuple[Holding, ...] = ()
    habits: Habits = USUAL

    def as_earlier(self, message_id: int, verdict: Verdict) -> Earlier | None:
        """The letter, judged so, as those that come after it see it; None when it is not matched."""
        if verdict.visit_id is None:
            return None
        held: tuple[Holding | Earlier, ...] = (*self.coded, *self.pool, *self.quoted, *self.thread, *self.by_sender)
        visitor_id = next((one.visitor_id for one in held if one.lease_id == verdict.lease_id), None)
        return Earlier(
            message_id, verdict.visit_id, round(verdict.confidence, 6), self.arrived_at, verdict.lease_id,
            visitor_id if verdict.lease_id is not None else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A visit the letter may belong to, by one rule."""

    visit_id: int
    rule: Rule
    confidence: float
    reason: str
    lease_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``candidates`` begins with the answer when there is one; ``reasons`` with the words of the answering rule.
    ``credits``: what the letter teaches, empty when it teaches nothing (an automatic one, a guess)."""

    rule: Rule
    visit_id: int | None
    lease_id: int | None
    confidence: float
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    credits: tuple[Credit, ...] = ()
