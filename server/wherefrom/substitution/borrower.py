"""Who borrows: a visit, at a moment. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from wherefrom.substitution.lease import Lease, Terms
from wherefrom.substitution.target import Target


class Borrower(Struct, frozen=True, gc=False):
    """The visit that asks, its visitor, and when."""

    site_id: int
    visit_id: int
    visitor_id: int
    now: datetime
    terms: Terms

    @property
    def until(self) -> datetime:
        """The end of what is lent or held on now."""
        return self.now + self.terms.hold

    def lease(self, target: Target, lease_id: int, address: str, *, guessable: bool, shared: bool) -> Lease:
        """A new lease that begins now."""
        return Lease(
            self.site_id, lease_id, target.id, target.strategy, address, self.visit_id, self.visitor_id,
            guessable, shared, self.now, self.now, self.until,
        )  # fmt: skip

    def prolonged(self, mine: Lease) -> Lease:
        """A lease of the visit as it is after this sign of life."""
        return replace(mine, last_seen_at=self.now, expires_at=self.until)
