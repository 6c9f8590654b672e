"""A letter has come, or a person says whose it was: what lending and the site's habits make of it. Called by whoever
attributes letters, in the write of the match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wherefrom.db import Tx
from wherefrom.substitution.risk import spend
from wherefrom.substitution.store import habits, substitutes
from wherefrom.substitution.tally import Credit, Lesson, learn


async def record_letters(tx: Tx, site_id: int, letters: Sequence[Sequence[Credit]], now: datetime) -> None:
    """Of each letter those who may have written it, with shares that sum to 1 at most; in the order they came. Their
    addresses are held back less from now on, and the site's habits take note. Waits for nobody: what somebody else is
    writing this moment is let go."""
    for credits in letters:
        await _spend_claims(tx, site_id, credits)
    taught = [[one.lesson for one in credits] for credits in letters if credits]
    if taught:
        await _teach(tx, site_id, (), taught, now)


async def correct_letter(
    tx: Tx, site_id: int, mistaken: Sequence[Lesson], credits: Sequence[Credit], now: datetime
) -> None:
    """As ``record_letters``, of a letter that taught ``mistaken`` before: that is taken back. The addresses of the
    others stay as little held back as they are; their claims end by themselves."""
    await _spend_claims(tx, site_id, credits)
    if mistaken or credits:
        await _teach(tx, site_id, mistaken, [[one.lesson for one in credits]], now)


async def _spend_claims(tx: Tx, site_id: int, credits: Sequence[Credit]) -> None:
    for key in sorted({one.address.lower() for one in credits if one.lesson.counts}):
        claims = await substitutes.claim_claims(tx, site_id, key)
        left = claims or ()
        for one in credits:
            if one.address.lower() == key:
                left = spend(left, one.lease_id, one.lesson.share)
        if claims and left != claims:
            await substitutes.set_claims(tx, site_id, key, left)


async def _teach(
    tx: Tx, site_id: int, mistaken: Sequence[Lesson], letters: Sequence[Sequence[Lesson]], now: datetime
) -> None:
    claimed = await habits.claim_tally(tx, site_id)
    if claimed is None:
        return
    tally, _ = claimed
    tally.fade(now)
    believed = learn(tally)
    if mistaken:
        tally.take_back(mistaken, believed)
    for n, lessons in enumerate(letters):
        tally.add_letter(lessons, learn(tally) if n else believed)
    await habits.set_tally(tx, site_id, tally)
