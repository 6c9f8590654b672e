"""What hits write: the decisions and the rows of one transaction.

    hits of a batch ─▶ what is known ─▶ source ─▶ begins or goes on? ─▶ visitor, visit, further page ─▶ leases
                       one statement    pure      one statement, pure    one statement each             one each
                       for all

Read inside the write, the visitors' rows locked. Of pages that one visitor opened at once the second must see the
first's visit, so it is decided in a second turn, when all that is above has been done for the others.
The token's visit is asked first, then the visitor's latest one: another tab may have begun it meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.settings import Settings
from wherefrom.sites.site import Site
from wherefrom.substitution.lend import Asker, Lent, lend_each
from wherefrom.tokens import Ids
from wherefrom.tracking.carry import Carried
from wherefrom.visits import store
from wherefrom.visits.agent import Agent
from wherefrom.visits.place import Place
from wherefrom.visits.session import find_start
from wherefrom.visits.source import DIRECT, LETTER, Source, find_source
from wherefrom.visits.trail_store import NewPageview, append_pageviews
from wherefrom.visits.visit import NewVisit, NewVisitor, Told, Visit, Visitor, begin_visit


class Entry(Struct, frozen=True, gc=False):
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


async def record_hits(tx: Tx, entries: Sequence[Entry], ids: Ids, settings: Settings) -> list[Recorded]:
    """Writes visitor, visit, page and leases of each, as if one came after the other."""
    hits = [_Hit(entry) for entry in entries]
    waiting = hits
    while waiting:
        await _find_known(tx, waiting)
        turn, waiting = _take_turns(waiting)
        await _decide(tx, turn, settings)
        await _write(tx, turn, ids)
        await _lend(tx, turn, ids, settings)
    return [Recorded(hit.visit, hit.began, hit.lent) for hit in hits]


class _Hit:
    """A hit on its way: ``standing`` is the visit of its token, ``visitor`` whose it is, ``stored`` the source it had
    before; ``visit`` the one it belongs to, when that is decided."""

    __slots__ = ("began", "carried", "current", "entry", "lent", "source", "standing", "stored", "visit", "visitor")

    entry: Entry
    standing: Visit | None
    visitor: Visitor | None
    carried: Carried | None
    stored: Source | None
    source: Source
    current: Visit | None
    visit: Visit
    began: bool
    lent: Sequence[Lent]

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.standing = self.visitor = self.carried = self.current = None
        self.lent = ()

    @property
    def who(self) -> Hashable:
        """Of two hits with the same the second waits for the first; None: it meets nobody."""
        if self.visitor is not None:
            return self.entry.site.id, self.visitor.id
        return None if self.standing is None else (self.entry.site.id, "visit", self.standing.id)


async def _find_known(tx: Tx, hits: Sequence[_Hit]) -> None:
    """The visit of the token and its visitor. Where one of the two is no more, the other; else the visitor of the other
    token."""
    for hit in hits:
        hit.standing = hit.visitor = None
    by_visit = [(hit, hit.entry.visit_id) for hit in hits if hit.entry.visit_id is not None]
    asked = [(hit.entry.site.id, visit_id) for hit, visit_id in by_visit]
    for (hit, _), known in zip(by_visit, await store.find_each_known(tx, asked), strict=True):
        hit.standing, hit.visitor = known or (None, None)
    by_visit = [(hit, visit_id) for hit, visit_id in by_visit if hit.visitor is None]
    asked = [(hit.entry.site.id, visit_id) for hit, visit_id in by_visit]
    for (hit, _), standing in zip(by_visit, await store.find_each_visit(tx, asked), strict=True):
        hit.standing = standing
    unknown = [
        (hit, hit.standing.visitor_id if hit.standing else hit.entry.visitor_id) for hit in hits if not hit.visitor
    ]
    by_visitor = [(hit, visitor_id) for hit, visitor_id in unknown if visitor_id is not None]
    asked = [(hit.entry.site.id, visitor_id) for hit, visitor_id in by_visitor]
    for (hit, _), visitor in zip(by_visitor, await store.find_each_visitor(tx, asked), strict=True):
        hit.visitor = visitor


def _take_turns(hits: Sequence[_Hit]) -> tuple[list[_Hit], list[_Hit]]:
    """Those that are decided now, and those that have to wait for one of these."""
    now: list[_Hit] = []
    later: list[_Hit] = []
    met: set[Hashable] = set()
    for hit in hits:
        who = hit.who
        (now if who is None or who not in met else later).append(hit)
        met.add(who)
    return now, later


async def _decide(tx: Tx, hits: Sequence[_Hit], settings: Settings) -> None:
    """Sets the source of each, and the visit that goes on with it (``current``); None when one begins."""
    idle = timedelta(minutes=settings.visits.idle_minutes)
    for hit in hits:
        entry, visitor = hit.entry, hit.visitor
        hit.stored = visitor.source if visitor and visitor.source.kind != "direct" else entry.remembered
        hit.source = find_source(entry.url, entry.referrer, entry.site.hosts, hit.stored, entry.parameters)
        hit.carried = entry.carried if entry.carried and await _may_be_known(tx, entry.carried) else None
        hit.current = hit.standing if hit.standing and _goes_on(hit.standing, hit, idle, entry.pageview) else None
    asking = [(hit, hit.visitor) for hit in hits if hit.current is None and hit.visitor is not None]
    visitors = [(hit.entry.site.id, visitor.id) for hit, visitor in asking]
    for (hit, _), latest in zip(asking, await store.find_each_latest(tx, visitors), strict=True):
        hit.current = latest if latest and _goes_on(latest, hit, idle) else None


def _goes_on(visit: Visit, hit: _Hit, idle: timedelta, pageview: bool = True) -> bool:
    who = hit.carried.contact_id if hit.carried else None
    return not find_start(visit.standing, hit.source, hit.entry.now, idle, pageview=pageview, contact_id=who)


async def _may_be_known(tx: Tx, carried: Carried) -> bool:
    """Whether the contact is still kept and agrees to be measured: the letter may be older than their wish."""
    contact = await find_contact(tx, carried.site_id, carried.contact_id)
    return contact is not None and contact.consent != "denied" and contact.mode == "all"


async def _write(tx: Tx, hits: Sequence[_Hit], ids: Ids) -> None:
    """Visits that begin, with their first page and visitors that are new; visits that go on, with further pages."""
    new: list[_Hit] = []
    for hit in hits:
        hit.began = hit.current is None
        if hit.current is None:
            new.append(hit)
        else:
            hit.visit = hit.current
    await _begin(tx, new, ids)
    await _touch(tx, [hit for hit in hits if not hit.began])
    await append_pageviews(
        tx,
        [
            NewPageview(entry.site.id, ids.next(), hit.visit.id, told.page, told.title, told.referrer, entry.now)
            for hit in hits
            if not hit.began and (entry := hit.entry).pageview and (told := entry.told)
        ],
    )


async def _begin(tx: Tx, hits: Sequence[_Hit], ids: Ids) -> None:
    visitors: list[NewVisitor] = []
    sources: list[tuple[int, int, Source]] = []
    visits: list[NewVisit] = []
    for hit in hits:
        entry, source = hit.entry, hit.source
        if hit.carried is not None and source.kind in ("direct", "stored"):
            source = LETTER
        tells = source.kind not in ("direct", "stored")
        kept = (replace(source, keeps=False) if source.keeps else source) if tells else hit.stored or DIRECT
        if hit.visitor is None:
            hit.visitor = new = NewVisitor(ids.next(), entry.number, kept, entry.site.id, entry.now)
            visitors.append(new)
        elif tells:
            sources.append((entry.site.id, hit.visitor.id, kept))
        hit.visit = begun = _make_visit(entry, hit.visitor, source, hit.carried)
        visits.append(begun)
    await store.append_visitors(tx, visitors)
    await store.replace_sources(tx, sources)
    await store.append_visits(tx, visits)


def _make_visit(entry: Entry, visitor: Visitor, source: Source, carried: Carried | None) -> NewVisit:
    return begin_visit(
        site_id=entry.site.id,
        number=entry.number,
        visitor_id=visitor.id,
        first_visit=visitor.first_visit,
        now=entry.now,
        pageview=entry.pageview,
        told=entry.told,
        source=source,
        agent=entry.agent,
        user_agent=entry.user_agent,
        place=entry.place,
        ip=entry.ip,
        contact_id=carried.contact_id if carried else None,
        send_id=carried.send_id if carried else None,
    )


async def _touch(tx: Tx, hits: Sequence[_Hit]) -> None:
    await store.touch_visits(
        tx, [store.Touch(hit.visit, hit.entry.told, hit.entry.now, hit.entry.pageview) for hit in hits]
    )
    for hit in hits:
        carried = hit.carried
        if carried and (hit.visit.contact_id, hit.visit.send_id) != (carried.contact_id, carried.send_id):
            await store.set_contact(tx, hit.visit.site_id, hit.visit.id, carried.contact_id, carried.send_id)


async def _lend(tx: Tx, hits: Sequence[_Hit], ids: Ids, settings: Settings) -> None:
    asking = [hit for hit in hits if hit.entry.addresses]
    askers = [
        Asker(hit.visit.site_id, hit.visit.id, hit.visit.visitor_id, hit.entry.now, hit.entry.addresses, hit.began)
        for hit in asking
    ]
    for hit, lent in zip(asking, await lend_each(tx, askers, ids, settings), strict=True):
        hit.lent = lent
