"""Lends coded substitutes: addresses that nobody had before, drawn until that is true.

Whether a code was lent before is asked once for all that are drawn in a group commit (``db.Refused``); where one was,
its batch is undone, each visit draws by itself and hears of it here.
"""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.db import Refused, Tx
from wherefrom.substitution.borrower import Borrower
from wherefrom.substitution.code import is_guessable, make_substitute
from wherefrom.substitution.lease import Lease
from wherefrom.substitution.store import leases
from wherefrom.substitution.target import Target

_MOST_DRAWS = 5


class Draft:
    """A lease whose address may have to be drawn anew; the first one may be given as ``address``."""

    __slots__ = ("_borrower", "_guessable", "lease", "target")

    def __init__(self, borrower: Borrower, target: Target, lease_id: int, address: str = "") -> None:
        self.target = target
        self._borrower = borrower
        self._guessable = is_guessable(target)
        self.lease = self._make(lease_id, address or make_substitute(target, borrower.visit_id))

    def redraw(self) -> bool:
        """False when there is no other: the bare visit number makes an address that another visit had, because the
        owner has changed the targets."""
        if self._guessable:
            return False
        self.lease = self._make(self.lease.id, make_substitute(self.target, self._borrower.visit_id))
        return True

    def _make(self, lease_id: int, address: str) -> Lease:
        return self._borrower.lease(self.target, lease_id, address, guessable=self._guessable, shared=False)


async def lend_codes(tx: Tx, drafts: Sequence[Draft]) -> list[Lease | None]:
    """The new lease of each; None where there is no address that was never lent."""
    try:
        await leases.append_coded_leases(tx, [one.lease for one in drafts])
    except Refused:
        return [await _lend_drawn(tx, one) for one in drafts]
    return [one.lease for one in drafts]


async def _lend_drawn(tx: Tx, draft: Draft) -> Lease | None:
    for _ in range(_MOST_DRAWS):
        try:
            await leases.append_coded_leases(tx, (draft.lease,))
        except Refused:
            if not draft.redraw():
                return None
        else:
            return draft.lease
    return None
