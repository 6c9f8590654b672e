"""Reports that are not kept: on letters to people who were erased, whose addresses stand all over them."""

from __future__ import annotations

from wherefrom.db import Tx
from wherefrom.inbox.batch import LetterBatch
from wherefrom.inbox.store.blobs import add_loose
from wherefrom.inbox.store.messages import Stored
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.services import Services


async def forget_report(services: Services, batch: LetterBatch, stored: Stored, tx: Tx) -> None:
    """Takes a letter away in the transaction that has sorted it; its bytes leave the disk a day later."""
    now = services.clock.now()
    await batch.forget(tx, stored, now)
    _, names = await forget_letters(tx, stored.site_id, [stored.id])
    await add_loose(tx, stored.site_id, names, now)
