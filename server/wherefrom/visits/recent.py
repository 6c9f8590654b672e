"""Visits that go on, as this process last wrote them: what is believed of the next page, until its write proves it.

A further page of a visit asks the database for nothing: it says that the visit was seen again, and that must meet the
visit's row (``db.Refused``), which may have been forgotten meanwhile. Believed is only that a visit goes on, and what
of it never changes: others can only have seen it later than we. That a visit is over, and whatever a page tells anew,
is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from wherefrom.substitution.lease import Lease
from wherefrom.visits.visit import Visit

_MOST = 8192
_MOST_LEASES = 4
_LONGEST = 1024  # characters of what is unbounded in a visit
_LASTS = timedelta(hours=1)
_STALE = timedelta(minutes=1)
"""A sign of life is kept no more exactly than that: what is believed to be longer ago is only looked up the sooner."""


class Believed(Struct, frozen=True, gc=False):
    """A visit without its parameters, and what was lent to it when it was last told."""

    visit: Visit
    leases: Sequence[Lease]


class Recent:
    """One for a process. Lets go of who was not seen for an hour, the longest unseen first."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._believed: dict[tuple[int, int], Believed] = {}

    def find(self, site_id: int, visit_id: int) -> Believed | None:
        return self._believed.get((site_id, visit_id))

    def keep(self, visit: Visit, leases: Sequence[Lease], before: Believed | None, seen_for: timedelta) -> None:
        """After a page of ``visit`` was written, ``seen_for`` later than ``visit`` says. ``before``: what was believed
        when it was decided."""
        if before is not None and before.visit is visit and before.leases == leases and seen_for < _STALE:
            return
        place = visit.site_id, visit.id
        self._believed.pop(place, None)
        if not _is_small(visit, leases):
            return
        seen_at = visit.last_seen_at + seen_for
        self._let_go(seen_at - _LASTS)
        self._believed[place] = Believed(replace(visit, last_seen_at=seen_at, params={}), leases)

    def _let_go(self, before: datetime) -> None:
        """Makes room for one."""
        while self._believed:
            place, oldest = next(iter(self._believed.items()))
            if len(self._believed) < self._most and oldest.visit.last_seen_at >= before:
                return
            del self._believed[place]

    def forget(self, site_id: int, visit_id: int) -> None:
        self._believed.pop((site_id, visit_id), None)


def _is_small(visit: Visit, leases: Sequence[Lease]) -> bool:
    told = (visit.landing_page, visit.referrer, visit.marker, visit.user_agent)
    return sum(map(len, told)) <= _LONGEST and len(leases) <= _MOST_LEASES
