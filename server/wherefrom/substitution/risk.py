"""Which address of a pool is lent next: the one where a letter from an earlier holder is least likely still to come.

Lending an address again costs when an earlier holder writes after all: the letter then has one more who may have
written it. So each address carries *claims*, the holders whose letter may still come, and is ranked by how many
letters that makes:

    risk(address, now) = Σ over claims  weight · to_come(sign, now − at)          ``habits``, the model of attribution

A copy a minute ago holds an address back far longer than an exposure of yesterday, and a letter that has come sets its
writer's claim aside. The new holder is the same whichever address is chosen; weighing what each might *bring* against
each claim (the overlap ∫ min(λ_old, λ_new) dt) was simulated too, and is worth nothing measurable: 0.923 against 0.922
of letters right at 40 addresses (24 weeks). The longest idle address alone: 0.89. Nor does a fixed time of rest help:
with 15, 30 or 60 minutes before others may go first it is 0.919, 0.914 and 0.912.

Pure; the claims are a column of the address's row, so that lending reads one list and computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from wherefrom.clock import from_ms, to_ms
from wherefrom.substitution.habits import SIGNS, USUAL, Habits, Sign

MOST_CLAIMS = 4
"""Kept of one address: 3, 6 and 12 are equally right in simulation."""

MOST_IDLE = 32
"""Ranked at a time, those idle for the longest: of 160, that is as right as ranking all."""

AGAIN = 0.01
"""What is left of a claim whose letter has come: somebody else who writes from the same visit, a colleague say.
Assumed; with anything from 0.0005 to 0.2 the share of right matches stays within a point."""

_FORGOTTEN = 1e-6


@dataclass(frozen=True, slots=True)
class Claim:
    """A holder who may still write: the strongest sign of its visit and when, and how likely it has not written yet."""

    lease_id: int
    sign: Sign
    at: datetime
    weight: float = 1.0


class Lendable(Protocol):
    """What ranking needs of an address. ``lease_id`` is the lease it was out on last, and ``expires_at`` its end."""

    @property
    def claims(self) -> tuple[Claim, ...]: ...
    @property
    def lease_id(self) -> int | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


L = TypeVar("L", bound=Lendable)


def letters_to_come(claims: Iterable[Claim], habits: Habits, now: datetime) -> float:
    """How many letters from these holders are to be expected still."""
    return sum(_to_come(one, habits, now) for one in claims)


def rank(idle: Iterable[L], habits: Habits, now: datetime, hold: timedelta) -> list[L]:
    """The addresses, the one to lend first in front; of equals the one given. ``hold``: how long before its end a lease
    saw the last sign of life, which counts for a holder who did no more than look."""
    return sorted(idle, key=lambda one: _risk(one, habits, now, hold))


def _risk(one: Lendable, habits: Habits, now: datetime, hold: timedelta) -> float:
    risk = 0.0
    for claim in one.claims:
        at = claim.at
        if claim.sign == "visible" and claim.lease_id == one.lease_id and one.expires_at is not None:
            at = max(at, one.expires_at - hold)
        risk += claim.weight * habits.to_come(claim.sign, (now - at).total_seconds())
    return risk


def read_claims(stored: Iterable[Sequence[Any]] | None) -> tuple[Claim, ...]:
    """Claims as ``write_claims`` stores them; none for None."""
    return tuple(Claim(lease_id, sign, from_ms(at), weight) for lease_id, sign, at, weight in stored or ())


def write_claims(claims: Iterable[Claim]) -> list[list[Any]]:
    """As plain values: lease, sign, milliseconds, weight."""
    return [[one.lease_id, one.sign, to_ms(one.at), round(one.weight, 4)] for one in claims]


def add_claim(claims: Sequence[Claim], new: Claim) -> tuple[Claim, ...]:
    """With the claim of a new holder. Of too many, those are dropped that are least likely to be made good."""
    return _keep([*(one for one in claims if one.lease_id != new.lease_id), new], new)


def raise_claim(claims: Sequence[Claim], sign: Claim) -> tuple[Claim, ...]:
    """With a sign of the visit that holds ``sign.lease_id``: it counts when no stronger one is there. A holder whose
    claim was dropped gets it back."""
    had = next((one for one in claims if one.lease_id == sign.lease_id), None)
    if had is not None and SIGNS.index(had.sign) > SIGNS.index(sign.sign):
        return tuple(claims)
    raised = sign if had is None else replace(sign, weight=had.weight)
    others = [one for one in claims if one.lease_id != sign.lease_id]
    return _keep([*others, raised], raised)


def spend(claims: Sequence[Claim], lease_id: int, share: float) -> tuple[Claim, ...]:
    """After a letter that the holder of ``lease_id`` wrote with probability ``share``."""
    left = 1.0 - share * (1.0 - AGAIN)
    return tuple(replace(one, weight=one.weight * left) if one.lease_id == lease_id else one for one in claims)


def _keep(claims: list[Claim], newest: Claim) -> tuple[Claim, ...]:
    """At most MOST_CLAIMS, in the order they were made, the newest among them in any case. Which are worth keeping is
    seen with the usual habits: well enough, and no reason to read a site's own."""
    worth = {one.lease_id: _to_come(one, USUAL, newest.at) for one in claims}
    worth[newest.lease_id] = 1.0
    alive = [one for one in claims if worth[one.lease_id] > _FORGOTTEN]
    if len(alive) > MOST_CLAIMS:
        least = sorted(worth.values(), reverse=True)[MOST_CLAIMS - 1]
        alive = [one for one in alive if worth[one.lease_id] >= least][-MOST_CLAIMS:]
    return tuple(alive)


def _to_come(claim: Claim, habits: Habits, now: datetime) -> float:
    return claim.weight * habits.to_come(claim.sign, (now - claim.at).total_seconds())
