"""Plays traffic through the real lending and attribution, each decision with what was known at its moment.

    exposure ─▶ substitution.risk.rank      a free address, or none (refused)
    intent   ─▶ substitution.risk           the claim of its holder rises
    letter   ─▶ inbox.attribution.attribute the verdict; then the claim is spent and the site's habits are learned

Only the pages' and the mailbox's part is played, as the service would have it: a lease holds from the exposure until
``hold`` after the visit's last sign of life, every letter has an own sender, and leases that are over are counted
before the next letter is judged. An empty pool shows the real address; a letter of that visit is ``refused``, and
unmatched.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from wherefrom.inbox.attribution import attribute
from wherefrom.inbox.evidence import Evidence, Holding, Signal, Verdict
from wherefrom.inbox.pool import SURE
from wherefrom.simulation.calibration import calibration_error
from wherefrom.simulation.plain import count_plain_right
from wherefrom.simulation.visit import SimulatedVisit
from wherefrom.substitution.habits import Sign
from wherefrom.substitution.lease import SubstituteStatus, Terms, status_at
from wherefrom.substitution.risk import MOST_IDLE, Claim, add_claim, raise_claim, rank, spend
from wherefrom.substitution.tally import Tally, learn

_START = datetime(1970, 1, 1, tzinfo=UTC)
_EXPOSED, _USED, _WROTE = 1, 2, 3
_HISTORY = timedelta(days=60)


class Outcome(Struct, frozen=True):
    """Counts of letters by visitors who had the address in view. ``letters`` = right + wrong + unmatched; ``refused``
    are those of the unmatched whose visit found the pool empty; ``sure``: said with confidence 0.95 or more;
    ``plain_right``: what the plain rule gets right of the same letters."""

    size: int
    letters: int
    right: int
    wrong: int
    unmatched: int
    sure: int
    sure_right: int
    refused: int
    calibration_error: float
    plain_right: int


class JudgedLetter(Struct, frozen=True):
    """``right`` is None where no visit was named; ``refused``: because the visit never had an address."""

    confidence: float
    right: bool | None
    refused: bool = False


def simulate(visits: Sequence[SimulatedVisit], size: int, terms: Terms) -> Outcome:
    """How a pool of ``size`` addresses does on ``visits`` (by their start)."""
    judged = judge(visits, size, terms)
    named = [(one.confidence, one.right) for one in judged if one.right is not None]
    sure = [right for confidence, right in named if confidence >= SURE]
    right = sum(right for _, right in named)
    return Outcome(
        size=size,
        letters=len(judged),
        right=right,
        wrong=len(named) - right,
        unmatched=len(judged) - len(named),
        sure=len(sure),
        sure_right=sum(sure),
        refused=sum(one.refused for one in judged),
        calibration_error=round(calibration_error(named), 4),
        plain_right=count_plain_right(visits, size),
    )


def judge(visits: Sequence[SimulatedVisit], size: int, terms: Terms) -> list[JudgedLetter]:
    """Every letter of the traffic with what became of it, in the order they were written."""
    pool = _Pool(size, terms)
    letters = []
    for seconds, what, number in _events(visits):
        now = _START + timedelta(seconds=seconds)
        if what == _EXPOSED:
            pool.lend(number, visits[number], now)
        elif what == _USED:
            pool.notice(number, visits[number], now)
        else:
            letters.append(pool.judge(number, now))
    return letters


def _events(visits: Sequence[SimulatedVisit]) -> list[tuple[float, int, int]]:
    events = []
    for number, one in enumerate(visits):
        if one.asked_at is None:
            continue
        events.append((one.asked_at, _EXPOSED, number))
        if one.intent and one.intent_at is not None:
            events.append((one.intent_at, _USED, number))
        if one.wrote_at is not None:
            events.append((one.wrote_at, _WROTE, number))
    return sorted(events)


@dataclass(slots=True)
class _Lease:
    """A visit's, with what has been noticed of it so far. ``sign`` is the strongest."""

    number: int
    leased_at: datetime
    last_seen_at: datetime  # known only from then on
    hold: timedelta
    signals: tuple[Signal, ...] = ()
    sign: Sign = "visible"
    spent: float = 0.0
    _holding: Holding | None = None

    def at(self, now: datetime) -> Holding:
        """What attribution would read of it at ``now``."""
        if self._holding is None or self._holding.last_seen_at < self.last_seen_at:
            seen = min(self.last_seen_at, now)
            self._holding = Holding(
                lease_id=self.number, visit_id=self.number, address="", leased_at=self.leased_at, last_seen_at=seen,
                expires_at=seen + self.hold, signals=self.signals, spent=self.spent,
            )  # fmt: skip
        return self._holding

    def forget_reading(self) -> None:
        self._holding = None


@dataclass(slots=True)
class _Address:
    """``expires_at`` is looked at only to tell whether it lies ahead, which the last sign of life tells as well."""

    number: int
    claims: tuple[Claim, ...] = ()
    lease_id: int | None = None
    expires_at: datetime | None = None
    leases: list[_Lease] = field(default_factory=list)


class _Pool:
    def __init__(self, size: int, terms: Terms) -> None:
        self._terms = terms
        self._addresses = [_Address(number) for number in range(size)]
        self._lent: dict[int, tuple[_Address, _Lease]] = {}
        self._running: list[tuple[datetime, int]] = []
        self._tally = Tally()
        self._habits = learn(self._tally)

    def lend(self, number: int, visit: SimulatedVisit, now: datetime) -> None:
        idle = [one for one in self._addresses if self._is_free(one, now)]
        if len(idle) > MOST_IDLE:
            idle = heapq.nsmallest(MOST_IDLE, idle, key=lambda one: (one.expires_at or _START, one.number))
        if not idle:
            return
        one = rank(idle, self._habits, now, self._terms.hold)[0]
        lease = _Lease(number, now, _START + timedelta(seconds=visit.last_seen_at), self._terms.hold)
        one.claims = add_claim(one.claims, Claim(number, "visible", now))
        one.lease_id, one.expires_at = number, lease.last_seen_at + self._terms.hold
        one.leases.append(lease)
        self._lent[number] = one, lease
        heapq.heappush(self._running, (one.expires_at, number))

    def notice(self, number: int, visit: SimulatedVisit, now: datetime) -> None:
        if number not in self._lent or not visit.intent:
            return
        address, lease = self._lent[number]
        lease.signals += (Signal(visit.intent, now),)
        lease.sign = visit.intent
        lease.forget_reading()
        address.claims = raise_claim(address.claims, Claim(number, visit.intent, now))

    def judge(self, number: int, now: datetime) -> JudgedLetter:
        if number not in self._lent:
            return JudgedLetter(0.0, None, refused=True)
        self._count_leases(now)
        address, _ = self._lent[number]
        holdings = tuple(one.at(now) for one in address.leases if one.last_seen_at >= now - _HISTORY)
        verdict = attribute(Evidence(arrived_at=now, header_at=now, pool=holdings, habits=self._habits))
        self._learn(address, verdict, now)
        if verdict.visit_id is None:
            return JudgedLetter(0.0, None)
        return JudgedLetter(verdict.confidence, verdict.visit_id == number)

    def _is_free(self, one: _Address, now: datetime) -> bool:
        free = SubstituteStatus.FREE
        return status_at(free, one.expires_at, self._terms.cooldown, now) is free

    def _count_leases(self, now: datetime) -> None:
        counts: Counter[Sign] = Counter()
        while self._running and self._running[0][0] <= now:
            _, number = heapq.heappop(self._running)
            counts[self._lent[number][1].sign] += 1
        self._tally.fade(now)
        self._tally.add_leases(counts)

    def _learn(self, address: _Address, verdict: Verdict, now: datetime) -> None:
        for credit in verdict.credits:
            address.claims = spend(address.claims, credit.lease_id, credit.lesson.share)
            lease = self._lent[credit.visit_id][1]
            lease.spent = 1 - (1 - lease.spent) * (1 - credit.lesson.share)
            lease.forget_reading()
        self._tally.add_letter([credit.lesson for credit in verdict.credits], self._habits)
        self._habits = learn(self._tally)
