"""A lease: one visit holds one substitute from one moment to another. And what that makes of a pool's substitute.

    lease       held ───hold after the last sign of life───▶ over
    substitute  unverified ─▶ free ─▶ leased ─▶ cooling ─▶ free        any ─▶ retired ─▶ (added again)

Times decide, statuses follow: whether an address may be lent is worked out from ``expires_at`` and the moment, so it
stays right when the worker that writes the statuses down (``release``) is late or dead. Pure: ``now`` is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from wherefrom.errors import Conflict
from wherefrom.settings import Settings
from wherefrom.substitution.target import Strategy

NOBODY = 0
"""The visitor of what is lent to a source. Ids of visitors are never 0."""


class SubstituteStatus(StrEnum):
    """Of an address in a pool."""

    UNVERIFIED = "unverified"
    FREE = "free"
    LEASED = "leased"
    COOLING = "cooling"
    RETIRED = "retired"


_S = SubstituteStatus
MOVES: dict[SubstituteStatus, frozenset[SubstituteStatus]] = {
    _S.UNVERIFIED: frozenset({_S.FREE, _S.RETIRED}),
    _S.FREE: frozenset({_S.LEASED, _S.UNVERIFIED, _S.RETIRED}),
    _S.LEASED: frozenset({_S.COOLING, _S.UNVERIFIED, _S.RETIRED}),
    _S.COOLING: frozenset({_S.FREE, _S.LEASED, _S.UNVERIFIED, _S.RETIRED}),
    _S.RETIRED: frozenset({_S.FREE, _S.UNVERIFIED}),
}
"""cooling ─▶ leased: its last holder came back, or an empty pool shares it."""

LENT_BY_TIME = frozenset({_S.FREE, _S.LEASED, _S.COOLING})
"""In these the times say whether it may be lent; never in the others."""


class Lease(Struct, frozen=True, gc=False):
    """``shared``: lent although somebody held it or had just held it. ``expires_at`` may lie before ``last_seen_at``:
    the visit still showed the address when another had it already."""

    site_id: int
    id: int
    target_id: int
    strategy: Strategy
    address: str
    visit_id: int
    visitor_id: int
    guessable: bool
    shared: bool
    leased_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @property
    def address_key(self) -> str:
        """What addresses are compared by."""
        return self.address.lower()

    def is_held(self, now: datetime) -> bool:
        """A lease ends *at* ``expires_at``: the next may begin in that very moment."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a substitute is held after the visit's last sign of life, and how long it cools after that."""

    hold: timedelta
    cooldown: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        return _terms(settings.substitution.hold_minutes, settings.substitution.cooldown_minutes)

    def cool_before(self, now: datetime) -> datetime:
        """Leases that ended up to this moment have cooled."""
        return now - self.cooldown


@lru_cache
def _terms(hold_minutes: int, cooldown_minutes: int) -> Terms:
    return Terms(timedelta(minutes=hold_minutes), timedelta(minutes=cooldown_minutes))


def move(status: SubstituteStatus, to: SubstituteStatus) -> SubstituteStatus:
    """``to``, when a substitute may go there from ``status`` or is there already; else Conflict."""
    if status != to and to not in MOVES[status]:
        allowed = ", ".join(sorted(MOVES[status]))
        raise Conflict(
            f"a substitute that is {status} cannot become {to}", hint=f"from {status} it can become {allowed}"
        )
    return to


def sources(to: SubstituteStatus) -> frozenset[SubstituteStatus]:
    """The statuses from which a substitute may become ``to``."""
    return frozenset(status for status, targets in MOVES.items() if to in targets)


def status_at(
    stored: SubstituteStatus, expires_at: datetime | None, cooldown: timedelta, now: datetime
) -> SubstituteStatus:
    """What a substitute is at ``now``: as stored where time changes nothing, else by the end of its last lease (None:
    never lent)."""
    if stored not in LENT_BY_TIME:
        return stored
    if expires_at is None:
        return _S.FREE
    if now < expires_at:
        return _S.LEASED
    return _S.COOLING if now < expires_at + cooldown else _S.FREE
