"""A letter has come: what lending and the site's habits make of it. Called by whoever attributes letters, in the write
of the match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wherefrom.db import Tx
from wherefrom.substitution.risk import spend
from wherefrom.substitution.store import habits, substitutes
from wherefrom.substitution.tally import Credit, learn


async def record_letter(tx: Tx, site_id: int, credits: Sequence[Credit], now: datetime) -> None:
    """``credits`` are those who may have written it, with shares that sum to 1 at most. Their addresses are held back
    less from now on, and the site's habits take note. Waits for nobody: what somebody else is writing this moment is
    let go."""
    for key in sorted({one.address.lower() for one in credits if one.lesson.counts}):
        claims = await substitutes.claim_claims(tx, site_id, key)
        left = claims or ()
        for one in credits:
            if one.address.lower() == key:
                left = spend(left, one.lease_id, one.lesson.share)
        if claims and left != claims:
            await substitutes.set_claims(tx, site_id, key, left)
    if not credits:
        return
    claimed = await habits.claim_tally(tx, site_id)
    if claimed is None:
        return
    tally, _ = claimed
    tally.fade(now)
    tally.add_letter([one.lesson for one in credits], learn(tally))
    await habits.set_tally(tx, site_id, tally)
