"""Signs between two pages: the page is still open, an address was seen, clicked, copied, selected.

Each extends the visit and its leases; all but the heartbeat are kept, since they tell that a letter may come (E03). A
sign for no visit of ours is counted and answered like any other: ``sendBeacon`` hears no answer anyway.
"""

from __future__ import annotations

import asyncio

from wherefrom.addresses import find_address
from wherefrom.db import Tx
from wherefrom.sites.site import Site
from wherefrom.substitution.lend import touch_leases
from wherefrom.visits import store, trail_store
from wherefrom.visits.badge import VISIT
from wherefrom.visits.collect import Collector, Dropped
from wherefrom.visits.gate import SIGNAL_STEPS, Caller, DropReason, own_origin
from wherefrom.visits.hit import LONGEST_URL, Signal, clean_text, find_site_key, parse_signal
from wherefrom.visits.page import FAULTS, Reply

MOST_INTENTS = 500
"""Of one visit; further ones still extend the leases."""


async def take_signal(collector: Collector, raw: bytes, caller: Caller) -> Reply:
    """Records a sign. The reply's value is None, or the error its sender shall hear."""
    site: Site | None = None
    await collector.know_agents()
    try:
        async with asyncio.timeout(collector.time_limit):
            signal, site = await collector.admit(raw, parse_signal, SIGNAL_STEPS, caller)
            if _names_nobody(signal, site):
                return Reply(None, own_origin(site, caller.origin))
            await _record(collector, signal, site)
            return Reply(None, own_origin(site, caller.origin))
    except Dropped as drop:
        reply = await collector.reply_dropped(drop, caller)
        return reply if drop.error else Reply(None, reply.own)
    except FAULTS as fault:
        return collector.reply_unavailable(fault, site or collector.sites.recall(find_site_key(raw)), caller)


def _names_nobody(signal: Signal, site: Site) -> bool:
    """A sign by a page whose visitor is not known here, and shall not be: it is neither kept nor counted."""
    return site.mode == "source" or (not signal.token and site.without_consent == "source")


async def _record(collector: Collector, signal: Signal, site: Site) -> None:
    visit_id = collector.badges.find_number(VISIT, signal.token, site)
    known = visit_id is not None and await collector.services.db.batch(
        lambda tx: _write(tx, collector, signal, site, visit_id)
    )
    if not known:
        raise Dropped(DropReason.BAD_TOKEN, site)


async def _write(tx: Tx, collector: Collector, signal: Signal, site: Site, visit_id: int) -> bool:
    """False when the visit is gone."""
    services = collector.services
    now = services.clock.now()
    if not await store.mark_seen(tx, site.id, visit_id, now):
        return False
    address = find_address(signal.address or "")
    if signal.kind == "heartbeat" or address is None:
        await touch_leases(tx, site.id, visit_id, now, services.settings)
        return True
    await touch_leases(tx, site.id, visit_id, now, services.settings, sign=signal.kind, found=address.text)
    if await trail_store.count_intents(tx, site.id, visit_id) < MOST_INTENTS:
        sign = trail_store.Intent(
            signal.kind, address.text, clean_text(collector.badges.cut_tokens(signal.page, site), LONGEST_URL), now
        )
        await trail_store.append_intent(tx, site.id, services.ids.next(), visit_id, sign)
    return True
