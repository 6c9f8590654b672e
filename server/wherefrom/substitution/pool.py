"""Lends an address of a pool: one real address at a time to one visit, and back.

In this order:
1. the visit's own, which is held on; also when its time was over and nobody has been given it since,
2. for a visit that shares one, the same again while that lease holds,
3. the one this **visitor** was the last to have, even while it cools: nobody else may have written to it in between.
   If an earlier visit of the visitor still holds it, that lease ends in this moment and the new visit's begins,
4. of those that have cooled, one the visitor had at any time, else the one where a letter from an earlier holder is
   least likely still to come (``risk``),
5. none is left: the real address (no loan, ``refused`` counts it), or, when the owner chose to share, first one that
   only cools, else the one whose holders are least likely still to write (``shared`` counts it, the lease is marked,
   attribution weighs them all). Its first holder keeps it too.

So at no moment two leases hold one address unless one of them is marked shared. SQL is in ``store``.
"""

from __future__ import annotations

from datetime import datetime

from wherefrom.db import Tx
from wherefrom.substitution.borrower import Borrower
from wherefrom.substitution.lease import Lease, SubstituteStatus, move, status_at
from wherefrom.substitution.risk import rank
from wherefrom.substitution.store import habits, leases, shortages, substitutes, targets
from wherefrom.substitution.store.substitutes import Substitute
from wherefrom.substitution.target import Target


async def lend_from_pool(
    tx: Tx, borrower: Borrower, target: Target, current: Lease | None, lease_id: int
) -> Lease | None:
    """``current`` (the visit's latest lease of this target) when it holds on, a new lease with ``lease_id``, or None
    for the real address. Substitutes and counts are written; the caller writes the lease."""
    if current is not None and current.shared and current.is_held(borrower.now):
        held = await substitutes.claim_address(tx, target.site_id, target.id, current.address.lower())
        if held is not None:
            await substitutes.keep(tx, held, borrower.until)
            return current
    own = await substitutes.claim_own(
        tx, target.site_id, target.id, borrower.visitor_id, None if current is None else current.id
    )
    if own is not None and current is not None and own.lease_id == current.id:
        await substitutes.keep(tx, own, borrower.until)
        return current
    if own is not None and await _take_over(tx, borrower, target, own):
        return await _take(tx, borrower, target, own, lease_id)
    idle = await _claim_idle(tx, borrower, target)
    if idle is not None:
        return await _take(tx, borrower, target, idle, lease_id)
    return await _run_empty(tx, borrower, target, lease_id)


async def _take_over(tx: Tx, borrower: Borrower, target: Target, own: Substitute) -> bool:
    """Ends the visitor's earlier lease of ``own``; False when somebody shares it, who would be confused with."""
    if own.expires_at is None or own.expires_at <= borrower.now:
        return True
    who = borrower.visitor_id
    if target.when_empty == "share" and await leases.is_held_by_another(tx, own.site_id, own.key, who, borrower.now):
        return False
    await leases.end_leases(tx, own.site_id, own.target_id, own.key, who, borrower.now)
    return True


async def _claim_idle(tx: Tx, borrower: Borrower, target: Target) -> Substitute | None:
    cool_before = borrower.terms.cool_before(borrower.now)
    before = await leases.list_visitor_keys(tx, target.site_id, target.id, borrower.visitor_id)
    again = await substitutes.claim_idle(tx, target.site_id, target.id, cool_before, before) if before else None
    if again is not None:
        return again
    idle = await substitutes.list_idle(tx, target.site_id, target.id, cool_before)
    if not idle:
        return None
    if any(one.claims for one in idle):
        site = await habits.find_habits(tx, target.site_id)
        idle = rank(idle, site, borrower.now, borrower.terms.hold)
    return await substitutes.claim_ranked(tx, target.site_id, target.id, cool_before, [one.id for one in idle])


async def _take(
    tx: Tx, borrower: Borrower, target: Target, one: Substitute, lease_id: int, *, shared: bool = False
) -> Lease:
    now_is = status_at(one.status, one.expires_at, borrower.terms.cooldown, borrower.now)
    move(now_is, SubstituteStatus.LEASED)
    new = borrower.lease(target, lease_id, one.address, guessable=False, shared=shared)
    await substitutes.take(tx, one, new)
    return new


async def _run_empty(tx: Tx, borrower: Borrower, target: Target, lease_id: int) -> Lease | None:
    lent = await _share(tx, borrower, target, lease_id) if target.when_empty == "share" else None
    await targets.count_empty(tx, target, "refused" if lent is None else "shared")
    await shortages.append_shortage(tx, target, lease_id, borrower.visit_id, borrower.now, shared=lent is not None)
    return lent


async def _share(tx: Tx, borrower: Borrower, target: Target, lease_id: int) -> Lease | None:
    lent = await substitutes.list_soonest(tx, target.site_id, target.id)
    if not lent:
        return None
    site = await habits.find_habits(tx, target.site_id)
    lent = sorted(rank(lent, site, borrower.now, borrower.terms.hold), key=lambda one: _is_held(one, borrower.now))
    claimed = await substitutes.claim_listed(tx, target.site_id, target.id, [one.id for one in lent])
    if claimed is not None and not _is_held(claimed, borrower.now):  # it only cools: its last holder has left
        return await _take(tx, borrower, target, claimed, lease_id, shared=True)
    one = claimed or lent[0]
    new = borrower.lease(target, lease_id, one.address, guessable=False, shared=True)
    if claimed is not None:  # not lent to one alone before all who share it have left
        await substitutes.keep(tx, claimed, borrower.until, sharer=new)
    return new


def _is_held(one: Substitute, now: datetime) -> bool:
    return one.expires_at is not None and now < one.expires_at
