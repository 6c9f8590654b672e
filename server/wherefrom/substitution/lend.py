"""Lends substitutes to visits for the targets found on a page, and holds on to them while the visit lives.

The functions run inside the write of the visit, so a lease is durable before anybody sees the address. Coded targets
cost a draw, and what many visits ask and write for them is asked and written at once, as is the check that a code was
never lent; from a pool one visit borrows after the other (``pool``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from wherefrom.addresses import find_address
from wherefrom.db import Tx
from wherefrom.events.late_store import LATE
from wherefrom.settings import Settings
from wherefrom.substitution.borrower import Borrower
from wherefrom.substitution.code import is_made_for
from wherefrom.substitution.coded import Draft, lend_codes
from wherefrom.substitution.habits import Sign
from wherefrom.substitution.lease import NOBODY, Lease, Terms
from wherefrom.substitution.pool import lend_from_pool
from wherefrom.substitution.risk import Claim, raise_claim
from wherefrom.substitution.store import hours, leases, substitutes, targets
from wherefrom.substitution.target import Target
from wherefrom.tokens import Ids

Spellings = Mapping[str, Sequence[str]]

_LASTING = Terms(hold=timedelta(days=1), cooldown=timedelta())
_RENEWED_AFTER = timedelta(hours=1)


class Lent(Struct, frozen=True, gc=False):
    """``target`` is the address as the page spelled it, ``address`` what to show instead until ``expires_at``; the
    ``lease`` as it was before this sign of life."""

    target: str
    address: str
    expires_at: datetime
    lease: Lease


class Asker(Struct, frozen=True, gc=False):
    """A visit whose page shows the addresses ``found``, as they stand there. ``began``: it is new in this transaction
    and has nothing yet. ``mine``: leases that it is known to have, where these may be all that is needed."""

    site_id: int
    visit_id: int
    visitor_id: int
    now: datetime
    found: Sequence[str]
    began: bool = False
    mine: Sequence[Lease] = ()


async def lend(
    tx: Tx, *, now: datetime, ids: Ids, site_id: int, visit_id: int, visitor_id: int, found: Sequence[str],
    settings: Settings, began: bool = False,
) -> Sequence[Lent]:  # fmt: skip
    """As ``lend_each``, to one visit."""
    asker = Asker(site_id, visit_id, visitor_id, now, found, began)
    (lent,) = await lend_each(tx, (asker,), ids, settings)
    return lent


async def lend_each(tx: Tx, askers: Sequence[Asker], ids: Ids, settings: Settings) -> list[Sequence[Lent]]:
    """For each of different visits a substitute for each address that is an enabled target of its site; for the others,
    and for a target whose pool is empty, the page keeps the real address.

    A visit gets what it has already, for as long as that is its own. Counts as a sign of life for what it answers.
    """
    terms = Terms.of(settings)
    loans: list[_Loan] = []
    for one in askers:
        spellings = _spell(one.found)
        wanted = await targets.list_enabled_targets(tx, one.site_id, tuple(spellings))
        borrower = Borrower(one.site_id, one.visit_id, one.visitor_id, one.now, terms)
        loans.append(_Loan(borrower, wanted, spellings, one.mine if _is_enough(one.mine, wanted) else ()))
    had = [loan for loan, one in zip(loans, askers, strict=True) if loan.wanted and not (one.began or loan.mine)]
    visits = [(loan.borrower.site_id, loan.borrower.visit_id) for loan in had]
    for loan, mine in zip(had, await leases.list_leases_of_each(tx, visits), strict=True):
        loan.mine = mine
    await _lend_all(tx, loans, ids)
    return [loan.told() for loan in loans]


async def lend_to_source(
    tx: Tx, *, now: datetime, ids: Ids, site_id: int, visit_id: int, found: Sequence[str]
) -> list[Lent]:
    """As ``lend``, to a visit that stands for everybody who came by one source: a coded target has one substitute for
    it, for ever. Pools lend nothing: an address that is held without end would soon be the last one.

    Its leases are everybody's, so they are renewed once an hour rather than with each page. The first ones are made by
    one process at a time, with the target's row locked, so that a source has one substitute and not two.
    """
    spellings = _spell(found)
    enabled = await targets.list_enabled_targets(tx, site_id, tuple(spellings))
    coded = [one for one in enabled if one.strategy != "pool"]
    if not coded:
        return []
    borrower = Borrower(site_id, visit_id, NOBODY, now, _LASTING)
    loan = _Loan(borrower, coded, spellings, await leases.list_visit_leases(tx, site_id, visit_id))
    loan.lent = [(one, lease) for one in coded if (lease := _same_again(loan.mine, one)) is not None]
    due = [lease.id for _, lease in loan.lent if now - lease.last_seen_at >= _RENEWED_AFTER]
    await leases.extend_leases(tx, site_id, due, now, borrower.until)
    had = {one.id for one, _ in loan.lent}
    missing = [one for one in coded if one.id not in had]
    for one in missing:
        await targets.get_target(tx, site_id, one.id, to_change=True)
    if missing:
        loan.wanted = missing
        loan.mine = await leases.list_visit_leases(tx, site_id, visit_id)  # as another process left them
        await _lend_all(tx, [loan], ids)
    return list(loan.told())


class _Loan:
    """What a visit is being lent: ``mine`` are the leases it had before, oldest first; ``spellings`` what its page
    calls each address, by what addresses are compared by."""

    __slots__ = ("borrower", "lent", "mine", "spellings", "wanted")

    def __init__(
        self, borrower: Borrower, wanted: Sequence[Target], spellings: Spellings, mine: Sequence[Lease] = ()
    ) -> None:
        self.borrower = borrower
        self.wanted = wanted
        self.spellings = spellings
        self.mine = mine
        self.lent: list[tuple[Target, Lease]] = []

    def told(self) -> Sequence[Lent]:
        until = self.borrower.until
        spellings = self.spellings
        return [
            Lent(text, lease.address, until, lease) for target, lease in self.lent for text in spellings[target.key]
        ]


def _is_enough(mine: Sequence[Lease], wanted: Sequence[Target]) -> bool:
    """Whether a visit that has these leases needs no others. A pool's may have been given to somebody else."""
    return bool(mine) and all(one.strategy != "pool" and _same_again(mine, one) is not None for one in wanted)


def _spell(found: Sequence[str]) -> Spellings:
    is_short = sum(map(len, found)) <= _LONGEST_KNOWN
    return _spell_known(tuple(found)) if is_short else _spell_anew(tuple(found))


def _spell_anew(found: tuple[str, ...]) -> Spellings:
    spellings: dict[str, list[str]] = {}
    for text in dict.fromkeys(found):
        key = _key(text)
        if key is not None:
            spellings.setdefault(key, []).append(text)
    return spellings


_spell_known = lru_cache(maxsize=1024)(_spell_anew)
_LONGEST_KNOWN = 2048  # characters of a page's addresses that are remembered: strangers send up to 60,000


def _key(text: str) -> str | None:
    return _find_known_key(text) if len(text) <= _LONGEST_KNOWN else _find_key(text)


def _find_key(text: str) -> str | None:
    parsed = find_address(text)
    return None if parsed is None else parsed.key


_find_known_key = lru_cache(maxsize=4096)(_find_key)  # every page of a site shows the same few


async def _lend_all(tx: Tx, loans: Sequence[_Loan], ids: Ids) -> None:
    """Sets ``lent`` of each, and writes it."""
    drawn: list[tuple[_Loan, Draft]] = []
    borrowed: list[Lease] = []
    held: list[Lease] = []
    revived: list[tuple[Lease, datetime]] = []
    for loan in loans:
        for target in loan.wanted:
            lease: Lease | None
            if target.strategy == "pool":
                latest = _latest(loan.mine, target)
                current = latest if latest is not None and latest.strategy == "pool" else None
                lease = await lend_from_pool(tx, loan.borrower, target, current, ids.next())
                borrowed += [lease] if lease is not None and lease is not current else []
            else:
                lease = _same_again(loan.mine, target) if loan.mine else None
                if lease is None:
                    drawn.append((loan, Draft(loan.borrower, target, ids.next())))
            if lease is not None:
                loan.lent.append((target, lease))
        if loan.mine:
            had = {one.id for one in loan.mine}
            mine = [lease for _, lease in loan.lent if lease.id in had]
            held += [loan.borrower.prolonged(lease) for lease in mine]
            revived += [(lease, loan.borrower.now) for lease in mine if _is_revived(lease, loan.borrower.now)]
    await leases.prolong_leases(tx, held)
    for one, now in revived:
        await hours.forget_hours(tx, one.site_id, one.target_id, one.expires_at, now)
    await leases.append_leases(tx, borrowed)
    leases_drawn = await lend_codes(tx, [draft for _, draft in drawn])
    for (loan, draft), new in zip(drawn, leases_drawn, strict=True):
        if new is not None:
            loan.lent.append((draft.target, new))


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
    for one in latest.values():
        if one.id in held and _is_revived(one, now):
            await hours.forget_hours(tx, site_id, one.target_id, one.expires_at, now)
    await leases.record_seen(tx, site_id, lost, now)
    key = _key(found) if sign != "visible" and found else None
    if key is not None:
        await _raise_claims(tx, [one for one in latest.values() if one.strategy == "pool"], key, Claim(0, sign, now))


def _is_revived(one: Lease, now: datetime) -> bool:
    """Whether a pool's address holds on though its time was over long ago, so that it was out in hours that may have
    been counted without it."""
    return one.strategy == "pool" and one.expires_at < now - LATE


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
