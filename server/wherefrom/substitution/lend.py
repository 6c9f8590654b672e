"""Lends substitutes to a visit for the targets found on a page, and holds on to them while the visit lives.

The functions run inside the write of the visit, so a lease is durable before anybody sees the address. Coded targets
cost a draw, and the check that it was never lent is made for all visits of a group commit at once; pools are in
``pool``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from wherefrom.addresses import find_address
from wherefrom.db import Refused, Tx
from wherefrom.settings import Settings
from wherefrom.substitution.code import is_guessable, is_made_for, make_substitute
from wherefrom.substitution.habits import Sign
from wherefrom.substitution.lease import NOBODY, Lease, Terms
from wherefrom.substitution.pool import Borrower, lend_from_pool
from wherefrom.substitution.risk import Claim, raise_claim
from wherefrom.substitution.store import leases, substitutes, targets
from wherefrom.substitution.target import Target
from wherefrom.tokens import Ids

_MOST_DRAWS = 5
_LASTING = Terms(hold=timedelta(days=1), cooldown=timedelta())
_RENEWED_AFTER = timedelta(hours=1)


class Lent(Struct, frozen=True, gc=False):
    """``target`` is the address as the page spelled it, ``address`` what to show instead until ``expires_at``."""

    target: str
    address: str
    expires_at: datetime


async def lend(
    tx: Tx, *, now: datetime, ids: Ids, site_id: int, visit_id: int, visitor_id: int, found: Sequence[str],
    settings: Settings, began: bool = False,
) -> list[Lent]:  # fmt: skip
    """A substitute for each of ``found`` (addresses as they stand on the page) that is an enabled target of the site;
    for the others, and for a target whose pool is empty, the page keeps the real address.

    The visit gets what it has already, for as long as that is its own; ``began`` says that it is new in this
    transaction and has nothing. Counts as a sign of life for what it answers.
    """
    spellings = _spell(found)
    wanted = await targets.list_enabled_targets(tx, site_id, spellings)
    if not wanted:
        return []
    borrower = Borrower(site_id, visit_id, visitor_id, now, Terms.of(settings))
    mine = [] if began else await leases.list_visit_leases(tx, site_id, visit_id)
    lent = await _lend_all(tx, borrower, wanted, mine, ids)
    return [Lent(text, lease.address, borrower.until) for target, lease in lent for text in spellings[target.key]]


async def lend_to_source(
    tx: Tx, *, now: datetime, ids: Ids, site_id: int, visit_id: int, found: Sequence[str]
) -> list[Lent]:
    """As ``lend``, to a visit that stands for everybody who came by one source: a coded target has one substitute for
    it, for ever. Pools lend nothing: an address that is held without end would soon be the last one.

    Its leases are everybody's, so they are renewed once an hour rather than with each page. The first ones are made by
    one process at a time, with the target's row locked, so that a source has one substitute and not two.
    """
    spellings = _spell(found)
    coded = [one for one in await targets.list_enabled_targets(tx, site_id, spellings) if one.strategy != "pool"]
    if not coded:
        return []
    borrower = Borrower(site_id, visit_id, NOBODY, now, _LASTING)
    mine = await leases.list_visit_leases(tx, site_id, visit_id)
    lent = [(one, lease) for one in coded if (lease := _same_again(mine, one)) is not None]
    due = [lease.id for _, lease in lent if now - lease.last_seen_at >= _RENEWED_AFTER]
    await leases.extend_leases(tx, site_id, due, now, borrower.until)
    had = {one.id for one, _ in lent}
    missing = [one for one in coded if one.id not in had]
    for one in missing:
        await targets.get_target(tx, site_id, one.id, to_change=True)
    if missing:
        mine = await leases.list_visit_leases(tx, site_id, visit_id)  # as another process left them
        lent += await _lend_all(tx, borrower, missing, mine, ids)
    return [Lent(text, lease.address, borrower.until) for target, lease in lent for text in spellings[target.key]]


def _spell(found: Sequence[str]) -> dict[str, list[str]]:
    """What the page calls each address, by what addresses are compared by."""
    spellings: dict[str, list[str]] = {}
    for text in dict.fromkeys(found):
        key = _key(text)
        if key is not None:
            spellings.setdefault(key, []).append(text)
    return spellings


@lru_cache(maxsize=4096)  # every page of a site shows the same few
def _key(text: str) -> str | None:
    parsed = find_address(text)
    return None if parsed is None else parsed.key


async def _lend_all(
    tx: Tx, borrower: Borrower, wanted: Sequence[Target], mine: Sequence[Lease], ids: Ids
) -> list[tuple[Target, Lease]]:
    """``mine`` are the leases the visit has, oldest first."""
    lent: list[tuple[Target, Lease]] = []
    borrowed: list[Lease] = []
    if any(target.strategy == "pool" for target in wanted):
        await tx.alone()  # all borrow of one pool
    for target in wanted:
        lease: Lease | None
        if target.strategy == "pool":
            latest = _latest(mine, target)
            current = latest if latest is not None and latest.strategy == "pool" else None
            lease = await lend_from_pool(tx, borrower, target, current, ids.next())
            borrowed += [lease] if lease is not None and lease is not current else []
        else:
            lease = _same_again(mine, target) if mine else None
            if lease is None:
                draft = make_substitute(target, borrower.visit_id)
                lease = await _lend_code(tx, borrower, target, draft, ids.next())
        if lease is not None:
            lent.append((target, lease))
    if mine:
        had = {one.id for one in mine}
        kept = [lease.id for _, lease in lent if lease.id in had]
        await leases.extend_leases(tx, borrower.site_id, kept, borrower.now, borrower.until)
    if borrowed:
        await leases.append_leases(tx, borrowed)
    return lent


async def _lend_code(tx: Tx, borrower: Borrower, target: Target, draft: str, lease_id: int) -> Lease | None:
    """A new lease on an address that was never lent, ``draft`` or one that is drawn in its place. None when the bare
    visit number makes an address that another visit had: the owner has changed the targets."""
    for _ in range(_MOST_DRAWS):
        lease = borrower.lease(target, lease_id, draft, guessable=is_guessable(target), shared=False)
        try:
            await leases.append_coded_lease(tx, lease)
        except Refused:
            if is_guessable(target):
                return None
            draft = make_substitute(target, borrower.visit_id)
        else:
            return lease
    return None


def _same_again(mine: Sequence[Lease], target: Target) -> Lease | None:
    fitting = (one for one in reversed(mine) if one.target_id == target.id)
    return next((one for one in fitting if is_made_for(target, one.address, one.visit_id)), None)


def _latest(mine: Sequence[Lease], target: Target) -> Lease | None:
    return next((one for one in reversed(mine) if one.target_id == target.id), None)


async def touch_leases(
    tx: Tx, site_id: int, visit_id: int, now: datetime, settings: Settings, *, sign: Sign = "visible", found: str = ""
) -> None:
    """A sign of life of the visit: its latest lease of each target holds on for the full time from ``now``. ``sign`` is
    what the visitor did with the address ``found``, a substitute or the target itself: a letter may follow, so the
    substitute is held back from others for longer (``risk``).

    A pool address that was given to another meanwhile is not won back; the lease only keeps the sign of life, because
    the page may still show the address. One that nobody else was given holds on even after its time was over.
    """
    latest = {one.target_id: one for one in await leases.list_visit_leases(tx, site_id, visit_id)}
    until = now + Terms.of(settings).hold
    held: list[int] = []
    lost: list[int] = []
    for one in latest.values():
        holds = one.strategy != "pool" or await _keep(tx, one, now, until)
        (held if holds else lost).append(one.id)
    await leases.extend_leases(tx, site_id, held, now, until)
    await leases.record_seen(tx, site_id, lost, now)
    key = _key(found) if sign != "visible" and found else None
    if key is not None:
        await _raise_claims(tx, [one for one in latest.values() if one.strategy == "pool"], key, Claim(0, sign, now))


async def _raise_claims(tx: Tx, mine: Sequence[Lease], key: str, sign: Claim) -> None:
    """A sign on the address ``key`` makes a letter to the visit's substitute likelier. One that is being written by
    somebody else this moment is let go: the lost claim costs a little caution, waiting could cost the page."""
    meant = [one for one in mine if one.address.lower() == key]
    if mine and not meant:
        named = {one.id for one in await targets.list_enabled_targets(tx, mine[0].site_id, [key])}
        meant = [one for one in mine if one.target_id in named]
    for one in meant:
        claims = await substitutes.claim_claims(tx, one.site_id, one.address.lower())
        if claims is not None:
            raised = raise_claim(claims, replace(sign, lease_id=one.id))
            await substitutes.set_claims(tx, one.site_id, one.address.lower(), raised)


async def _keep(tx: Tx, one: Lease, now: datetime, until: datetime) -> bool:
    key = one.address.lower()
    if await substitutes.claim_of_lease(tx, one.site_id, key, one.id):
        await substitutes.keep_address(tx, one.site_id, key, until)
        return True
    if not (one.shared and one.is_held(now)):
        return False
    shared = await substitutes.claim_address(tx, one.site_id, one.target_id, key)
    if shared is not None:
        await substitutes.keep(tx, shared, until)
    return True
