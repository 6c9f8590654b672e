"""What one hit writes: the decision and the rows of one transaction.

Read inside the write, the visitor's row locked and claimed, so that of pages opened at once the second sees the
first's visit.
The token's visit is asked first, then the visitor's latest one: another tab may have begun it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.settings import Settings
from wherefrom.sites.site import Site
from wherefrom.substitution.lend import Lent, lend
from wherefrom.tokens import Ids
from wherefrom.tracking.carry import Carried
from wherefrom.visits import store
from wherefrom.visits.agent import Agent
from wherefrom.visits.geo import Place
from wherefrom.visits.session import find_start
from wherefrom.visits.source import DIRECT, LETTER, Source, find_source
from wherefrom.visits.visit import Told, Visit, Visitor, begin_visit


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """A hit that was let in, with all that is known of it before the database is asked. ``number`` is free to be given
    to a new visit; ``visit_id`` and ``visitor_id`` come from tokens that are ours; ``url`` and ``referrer`` are whole,
    ``told`` is what may be stored; ``remembered`` is the source the browser kept; ``ip`` in its stored form;
    ``carried``: the page was come to by a link of a letter, whose token still holds."""

    site: Site
    now: datetime
    number: int
    visit_id: int | None
    visitor_id: int | None
    url: str
    referrer: str
    told: Told
    pageview: bool
    addresses: Sequence[str]
    remembered: Source | None
    parameters: tuple[str, ...]
    agent: Agent
    user_agent: str
    place: Place
    ip: str | None
    carried: Carried | None = None


class Recorded(Struct, frozen=True, gc=False):
    """The visit the page belongs to, whether it began with it, and what was lent to it."""

    visit: Visit
    began: bool
    lent: Sequence[Lent]


async def record_hit(tx: Tx, entry: Entry, ids: Ids, settings: Settings) -> Recorded:
    """Writes visitor, visit, pageview and leases."""
    site_id = entry.site.id
    standing, visitor = await _find_known(tx, entry)
    if visitor is not None:
        tx.claim("visitor", site_id, visitor.id)
    stored = visitor.source if visitor and visitor.source.kind != "direct" else entry.remembered
    source = find_source(entry.url, entry.referrer, entry.site.hosts, stored, entry.parameters)
    carried = entry.carried if entry.carried and await _may_be_known(tx, entry.carried) else None
    visit = await _find_current(tx, entry, standing, visitor, source, settings, carried)
    began = visit is None
    if visit is None:
        untold = carried is not None and source.kind in ("direct", "stored")
        visit = await _begin(tx, entry, visitor, LETTER if untold else source, stored, ids, carried)
    else:
        await store.touch_visit(tx, visit, entry.told, entry.now, pageview=entry.pageview)
        if carried and (visit.contact_id, visit.send_id) != (carried.contact_id, carried.send_id):
            await store.set_contact(tx, site_id, visit.id, carried.contact_id, carried.send_id)
    if entry.pageview:
        await store.append_pageview(tx, site_id, ids.next(), visit.id, entry.told, entry.now)
    return Recorded(visit, began, await _lend(tx, entry, visit, ids, settings, began=began))


async def _may_be_known(tx: Tx, carried: Carried) -> bool:
    """Whether the contact is still kept and agrees to be measured: the letter may be older than their wish."""
    contact = await find_contact(tx, carried.site_id, carried.contact_id)
    return contact is not None and contact.consent != "denied" and contact.mode == "all"


async def _find_known(tx: Tx, entry: Entry) -> tuple[Visit | None, Visitor | None]:
    """The visit of the token and its visitor; else the visitor of the other token."""
    site_id, standing = entry.site.id, None
    if entry.visit_id is not None:
        known = await store.find_known(tx, site_id, entry.visit_id)
        if known is not None:
            return known
        standing = await store.find_visit(tx, site_id, entry.visit_id)
    visitor_id = standing.visitor_id if standing else entry.visitor_id
    return standing, await store.find_visitor(tx, site_id, visitor_id) if visitor_id is not None else None


async def _find_current(
    tx: Tx, entry: Entry, standing: Visit | None, visitor: Visitor | None, source: Source, settings: Settings,
    carried: Carried | None,
) -> Visit | None:  # fmt: skip
    """The visit that goes on with this page; None when one begins."""
    idle = timedelta(minutes=settings.visits.idle_minutes)
    who = carried.contact_id if carried else None
    if standing and not find_start(
        standing.standing, source, entry.now, idle, pageview=entry.pageview, contact_id=who
    ):  # fmt: skip
        return standing
    latest = await store.find_latest_visit(tx, entry.site.id, visitor.id) if visitor else None
    if latest is None or find_start(latest.standing, source, entry.now, idle, contact_id=who):
        return None
    return latest


async def _begin(
    tx: Tx, entry: Entry, visitor: Visitor | None, source: Source, stored: Source | None, ids: Ids,
    carried: Carried | None,
) -> Visit:  # fmt: skip
    tells = source.kind not in ("direct", "stored")
    kept = replace(source, keeps=False) if tells else stored or DIRECT
    if visitor is None:
        visitor = Visitor(ids.next(), entry.number, kept)
        await store.append_visitor(tx, entry.site.id, visitor, entry.now)
    elif tells:
        await store.replace_source(tx, entry.site.id, visitor.id, kept)
    visit = begin_visit(
        site_id=entry.site.id,
        number=entry.number,
        visitor_id=visitor.id,
        first_visit=visitor.first_visit,
        now=entry.now,
        pageviews=int(entry.pageview),
        told=entry.told,
        source=source,
        agent=entry.agent,
        user_agent=entry.user_agent,
        place=entry.place,
        ip=entry.ip,
        contact_id=carried.contact_id if carried else None,
        send_id=carried.send_id if carried else None,
    )
    await store.append_visit(tx, visit)
    return visit


async def _lend(tx: Tx, entry: Entry, visit: Visit, ids: Ids, settings: Settings, *, began: bool) -> Sequence[Lent]:
    if not entry.addresses:
        return ()
    return await lend(
        tx,
        now=entry.now,
        ids=ids,
        site_id=entry.site.id,
        visit_id=visit.id,
        visitor_id=visit.visitor_id,
        found=entry.addresses,
        settings=settings,
        began=began,
    )
