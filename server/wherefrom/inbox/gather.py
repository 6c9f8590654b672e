"""Gathers what is known of one letter into ``Evidence``: with ``addressed`` and ``batch`` the only place where
attribution meets the database.

What an earlier letter may have changed is asked in the letter's own write. Histories are bounded (leases of pools by
time, parents and earlier letters by number), so that an address that was lent for years costs what one of last week
does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.inbox.addressed import Addressed
from wherefrom.inbox.batch import LetterBatch, Signals, list_parents
from wherefrom.inbox.evidence import Evidence, Holding, Signal
from wherefrom.inbox.sender import find_sender
from wherefrom.inbox.store import authors, intents
from wherefrom.inbox.store.messages import Stored
from wherefrom.mail.letter import Letter
from wherefrom.substitution.code import recognise
from wherefrom.substitution.habits import USUAL
from wherefrom.substitution.store import Holder, find_habits, find_holders


class Gathered(Struct, frozen=True):
    """``to_address``: the substitute the letter was for, else the recipient of most trust, in lower case; "" for
    none. ``known_thread``: a letter it answers is here, matched or not."""

    evidence: Evidence
    to_address: str
    known_thread: bool


async def gather(
    tx: Tx, stored: Stored, letter: Letter, addressed: Addressed, batch: LetterBatch, now: datetime
) -> Gathered:  # fmt: skip
    """The evidence on ``letter``, which is one of ``batch``."""
    site_id = stored.site_id
    trust, holders = addressed.trust, addressed.holders
    held = {one.address.lower() for one in holders}
    unknown = tuple(key for key in trust if key not in held and recognise(addressed.targets, key) == "coded")
    sender, excluded = find_sender(letter, addressed.own)
    received = [one for one in holders if one.address.lower() in trust]
    pool = [one for one in received if one.strategy == "pool"]
    coded = [one for one in received if one.strategy != "pool"]
    if pool:  # what the letters before this one say of its holders is read as rows
        await batch.catch_up(tx, now)
    spent = await authors.list_written(tx, site_id, {one.visit_id for one in pool}, sender, stored.arrived_at)
    parents = list_parents(letter)
    thread = await batch.list_thread(tx, parents)
    signals = await batch.list_signals(tx, {one.visit_id for one in received})
    evidence = Evidence(
        arrived_at=stored.arrived_at,
        header_at=letter.written_at,
        first_hop_at=letter.received_header_at,
        automatic=letter.automatic or "",
        coded=_with_signals(coded, signals, trust),
        unknown_codes=unknown,
        pool=_with_signals(pool, signals, trust, spent),
        thread=tuple(thread),
        sender=sender,
        sender_excluded=excluded,
        by_sender=tuple(await batch.list_by_sender(tx, sender, stored.arrived_at)) if sender else (),
        quoted=tuple(_holding(one, {}) for one in holders if one.address.lower() in addressed.quoted),
        habits=await find_habits(tx, site_id) if pool else USUAL,
    )
    known = bool(thread) or batch.is_thread_known(parents)
    return Gathered(evidence, _to_address(addressed, held, unknown), known)


async def find_holding(tx: Tx, site_id: int, visit_id: int, address: str) -> tuple[Holding, bool] | None:
    """How this visit held ``address`` (its last lease), and whether that is one of a pool; None when it never did."""
    held = [one for one in await find_holders(tx, site_id, [address]) if one.visit_id == visit_id]
    if not held:
        return None
    (holding,) = _with_signals(held[-1:], await intents.list_signals(tx, site_id, [visit_id]), {})
    return holding, held[-1].strategy == "pool"


def _with_signals(
    holders: Sequence[Holder], by_visit: Signals, trust: Mapping[str, int], spent: Mapping[int, float] | None = None
) -> tuple[Holding, ...]:  # fmt: skip
    """The holders with what their visits did with this address. The page may have named it by the substitute or,
    before the swap, by the target."""
    held = []
    for one in holders:
        names = {one.address.lower(), one.target.lower(), ""}
        signals = tuple(signal for address, signal in by_visit.get(one.visit_id, ()) if address in names)
        held.append(_holding(one, trust, signals, (spent or {}).get(one.visit_id, 0.0)))
    return tuple(held)


def _holding(one: Holder, trust: Mapping[str, int], signals: tuple[Signal, ...] = (), spent: float = 0.0) -> Holding:
    return Holding(
        lease_id=one.lease_id,
        visit_id=one.visit_id,
        address=one.address.lower(),
        leased_at=one.leased_at,
        last_seen_at=one.last_seen_at,
        expires_at=one.expires_at,
        visitor_id=one.visitor_id,
        guessable=one.guessable,
        shared=one.shared,
        trust=trust.get(one.address.lower(), 0),
        signals=signals,
        spent=spent,
    )


def _to_address(addressed: Addressed, held: Collection[str], unknown: Collection[str]) -> str:
    """What the letter was sent to: a substitute that was given out before one of a pool that was not, before an
    unknown code, before a target, before any other recipient."""
    own = {target.key for target in addressed.targets}
    ranked = sorted(
        addressed.trust,
        key=lambda key: (key not in held, key not in addressed.pools, key not in unknown, key not in own),
    )
    return ranked[0] if ranked else ""
