"""A page that was let in, on its way to the database and back, and what it is told.

Methods, not closures: two that know each other are rubbish that only the garbage collector finds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from wherefrom.db import Refused
from wherefrom.errors import Unavailable, WherefromError
from wherefrom.visits.answer import Answer
from wherefrom.visits.gate import Caller
from wherefrom.visits.hit import Hit
from wherefrom.visits.record import Entry, Recorded
from wherefrom.visits.store import tells_anew

if TYPE_CHECKING:
    from wherefrom.visits.collect import Collector

log = structlog.get_logger(__name__)

FAULTS = (TimeoutError, SQLAlchemyError, Unavailable, OSError)
"""What a database that is slow, away or overrun is met with."""


class Reply(Struct, frozen=True, gc=False):
    """``own``: the page that asked is the site's, and may read the answer."""

    value: Answer | WherefromError | None
    own: bool = False


class Page:
    """``tell`` hears the reply, once."""

    __slots__ = ("_caller", "_collector", "_entry", "_hit", "_tell")

    def __init__(
        self, collector: Collector, entry: Entry, hit: Hit, caller: Caller, tell: Callable[[Reply], None]
    ) -> None:
        self._collector = collector
        self._entry = entry
        self._hit = hit
        self._caller = caller
        self._tell = tell

    def send(self) -> None:
        try:
            self._collector.lane.send(self._entry, self._hear)
        except Unavailable as fault:
            self._tell(self._collector.reply_unavailable(fault, self._entry.site, self._caller))

    def _hear(self, recorded: Recorded | None, fault: Exception | None) -> None:
        collector, entry = self._collector, self._entry
        site = entry.site
        if fault is None and recorded is not None:
            if not recorded.began:
                collector.numbers.give_back(site.id, entry.number)
                self._remember(recorded)
            own = self._caller.origin is not None  # else the gate would not have let it in
            self._tell(Reply(collector.answer(recorded, site, entry.now, self._hit), own))
        elif isinstance(fault, Refused) and entry.believed is not None:  # forgotten meanwhile
            collector.recent.forget(site.id, entry.believed.visit.id)
            self._entry = replace(entry, believed=None)
            self.send()
        elif isinstance(fault, FAULTS):
            self._tell(collector.reply_unavailable(fault, site, self._caller))
        else:
            log.error("a page could not be recorded", exc_info=fault)
            error = WherefromError("the visit could not be recorded")
            self._tell(Reply(error, self._caller.origin is not None))

    def _remember(self, recorded: Recorded) -> None:
        """What the next page of a visit that has gone on may believe. Most visits have one page."""
        entry, visit = self._entry, recorded.visit
        before = entry.believed
        if before is None and tells_anew(visit, entry.told):
            self._collector.recent.forget(visit.site_id, visit.id)
            return
        leases = tuple({one.lease.id: one.lease for one in recorded.lent}.values())
        if before is not None and not entry.addresses:
            leases = tuple(before.leases)
        seen_for = max(entry.now - visit.last_seen_at, timedelta())
        self._collector.recent.keep(visit, leases, before, seen_for)
