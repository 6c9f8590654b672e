"""What hits write: the decisions and the rows of one transaction.

    hits of a batch ─▶ what is known ─▶ source ─▶ begins or goes on? ─▶ visit, further page ─▶ leases
                       one statement    pure      one statement, pure    one each              one each
                       for all

Read inside the write, the visits locked. Of pages that one visitor opened at once the second must see the first's
visit, so it is decided in a second turn, when all that is above has been done for the others.
The token's visit is asked first, then the visitor's latest one: another tab may have begun it meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.settings import Settings
from wherefrom.sites.site import Site
from wherefrom.substitution.lend import Asker, Lent, lend_each
from wherefrom.tokens import Ids
from wherefrom.tracking.carry import Carried
from wherefrom.visits import store
from wherefrom.visits.agent import Agent
from wherefrom.visits.hit import LONGEST_URL
from wherefrom.visits.hosts import find_host
from wherefrom.visits.place import Place
from wherefrom.visits.recent import Believed
from wherefrom.visits.session import find_start
from wherefrom.visits.source import LETTER, Source, find_source
from wherefrom.visits.trail_store import NewPageview, append_pageviews
from wherefrom.visits.visit import NewVisit, Told, Visit, source_of


class Entry(Struct, frozen=True, gc=False):
    """A hit that was let in, with all that is known of it before the database is asked. ``number`` is free to be given
    to a new visit; ``visit_id`` and ``visitor_id`` come from tokens that are ours; ``url`` and ``referrer`` are whole,
    ``told`` is what may be stored; ``remembered`` is the source the browser kept; ``ip`` in its stored form;
    ``carried``: the page was come to by a link of a letter, whose token still holds; ``believed`` is what this process
    knows of the visit of ``visit_id``."""

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
    believed: Believed | None = None


class Recorded(Struct, frozen=True, gc=False):
    """The visit the page belongs to, whether it began with it, and what was lent to it."""

    visit: Visit
    began: bool
    lent: Sequence[Lent]


async def record_hits(tx: Tx, entries: Sequence[Entry], ids: Ids, settings: Settings) -> list[Recorded]:
    """Writes visit, page and leases of each, as if one came after the other. ``Refused`` where what was believed is not
    so any more."""
    idle = timedelta(minutes=settings.visits.idle_minutes)
    hits = [_Hit(entry) for entry in entries]
    waiting = hits
    while waiting:
        await _find_known(tx, waiting, idle)
        turn, waiting = _take_turns(waiting)
        await _decide(tx, turn, idle)
        await _write(tx, turn, ids)
        await _lend(tx, turn, ids, settings)
    return [Recorded(hit.visit, hit.began, hit.lent) for hit in hits]


class _Hit:
    """A hit on its way: ``standing`` is the visit of its token (``is_believed``: from memory, and goes on), ``latest``
    the visitor's last one, where it was asked for; ``visit`` the one it belongs to, when that is decided."""

    __slots__ = ("began", "carried", "current", "entry", "is_believed", "latest", "lent", "source", "standing", "visit")

    entry: Entry
    is_believed: bool
    standing: Visit | None
    latest: Visit | None
    carried: Carried | None
    source: Source
    current: Visit | None
    visit: Visit
    began: bool
    lent: Sequence[Lent]

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.standing = self.latest = self.carried = self.current = None
        self.lent = ()

    @property
    def known(self) -> Visit | None:
        """Of the same visitor."""
        return self.latest or self.standing

    @property
    def who(self) -> Hashable:
        """Of two hits with the same the second waits for the first; None: it meets nobody."""
        known = self.known
        return None if known is None else (self.entry.site.id, known.visitor_id)

    def believe(self, idle: timedelta) -> None:
        """Settles whether the page is of the visit that is believed to be its, which the write will prove."""
        entry = self.entry
        self.standing = self.latest = None
        self.is_believed = False
        believed = entry.believed
        if believed is None or entry.carried is not None or store.tells_anew(believed.visit, entry.told):
            return
        self.standing = believed.visit
        self.judge()
        self.is_believed = _goes_on(believed.visit, self, idle, entry.pageview)
        if not self.is_believed:
            self.standing = None

    def judge(self) -> None:
        """Sets the source."""
        entry, known = self.entry, self.known
        stored = source_of(known) if known is not None else None
        self.source = find_source(
            entry.url, entry.referrer, entry.site.hosts, stored or entry.remembered, entry.parameters
        )


async def _find_known(tx: Tx, hits: Sequence[_Hit], idle: timedelta) -> None:
    """The visit of the token; where there is none, or none any more, the latest one of the other token's visitor."""
    for hit in hits:
        hit.believe(idle)
    by_visit = [(hit, visit_id) for hit in hits if not hit.is_believed and (visit_id := hit.entry.visit_id) is not None]
    asked = [(hit.entry.site.id, visit_id) for hit, visit_id in by_visit]
    for (hit, _), standing in zip(by_visit, await store.find_each_standing(tx, asked), strict=True):
        hit.standing = standing
    await _find_latest(
        tx, [(hit, who) for hit in hits if hit.standing is None and (who := hit.entry.visitor_id) is not None]
    )


async def _find_latest(tx: Tx, hits: Sequence[tuple[_Hit, int]]) -> None:
    """Of hits and their visitors."""
    visitors = [(hit.entry.site.id, visitor_id) for hit, visitor_id in hits]
    for (hit, _), latest in zip(hits, await store.find_each_latest(tx, visitors), strict=True):
        hit.latest = latest


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


async def _decide(tx: Tx, hits: Sequence[_Hit], idle: timedelta) -> None:
    """Sets the source of each, and the visit that goes on with it (``current``); None when one begins."""
    for hit in hits:
        entry = hit.entry
        if hit.is_believed:
            hit.current = hit.standing
            continue
        hit.judge()
        hit.carried = entry.carried if entry.carried and await _may_be_known(tx, entry.carried) else None
        hit.current = hit.standing if hit.standing and _goes_on(hit.standing, hit, idle, entry.pageview) else None
    open_ones = [hit for hit in hits if hit.current is None]
    await _find_latest(tx, [(hit, hit.standing.visitor_id) for hit in open_ones if hit.standing is not None])
    for hit in open_ones:
        if hit.latest is not None:
            hit.judge()
            hit.current = hit.latest if _goes_on(hit.latest, hit, idle) else None


def _goes_on(visit: Visit, hit: _Hit, idle: timedelta, pageview: bool = True) -> bool:
    who = hit.carried.contact_id if hit.carried else None
    return not find_start(visit.standing, hit.source, hit.entry.now, idle, pageview=pageview, contact_id=who)


async def _may_be_known(tx: Tx, carried: Carried) -> bool:
    """Whether the contact is still kept and agrees to be measured: the letter may be older than their wish."""
    contact = await find_contact(tx, carried.site_id, carried.contact_id)
    return contact is not None and contact.consent != "denied" and contact.mode == "all"


async def _write(tx: Tx, hits: Sequence[_Hit], ids: Ids) -> None:
    """Visits that begin, with their first page; visits that go on, with further pages."""
    new: list[_Hit] = []
    for hit in hits:
        hit.began = hit.current is None
        if hit.current is None:
            new.append(hit)
        else:
            hit.visit = hit.current
    await _touch(tx, [hit for hit in hits if not hit.began])  # first: changes do not wait for rows that are held back
    await _begin(tx, new, ids)
    await append_pageviews(
        tx,
        [
            NewPageview(entry.site.id, ids.next(), hit.visit.id, told.page, told.title, told.referrer, entry.now)
            for hit in hits
            if not hit.began and (entry := hit.entry).pageview and (told := entry.told)
        ],
    )


async def _begin(tx: Tx, hits: Sequence[_Hit], ids: Ids) -> None:
    visits: list[NewVisit] = []
    for hit in hits:
        known, source = hit.known, hit.source
        if hit.carried is not None and source.kind in ("direct", "stored"):
            source = LETTER
        visitor_id, first_visit = (known.visitor_id, known.first_visit) if known else (ids.next(), hit.entry.number)
        hit.visit = begun = _make_visit(hit.entry, visitor_id, first_visit, source, hit.carried)
        visits.append(begun)
    await store.append_visits(tx, visits)


def _make_visit(entry: Entry, visitor_id: int, first_visit: int, source: Source, carried: Carried | None) -> NewVisit:
    """By place, in the order of the fields: Python makes a dictionary of more than fifteen names."""
    told, agent, place, now = entry.told, entry.agent, entry.place, entry.now
    contact_id, send_id = (carried.contact_id, carried.send_id) if carried else (None, None)
    title, referrer = (told.title, told.referrer) if entry.pageview else (None, None)
    return NewVisit(
        entry.site.id, entry.number, visitor_id, first_visit, now, now, int(entry.pageview),
        told.page, source.referrer[:LONGEST_URL], find_host(told.page) or "",
        source.marker, source.channel.value, list(source.levels),
        source.utm_source, source.utm_medium, source.utm_campaign, source.utm_term, source.utm_content,
        source.click_id_name, source.click_id,
        place.country_code, place.country, place.region, place.city, entry.ip,
        agent.device, agent.os, agent.browser, entry.user_agent,
        told.language, told.timezone, told.google_client_id, told.ym_uid, told.params,
        "visit", None, contact_id, send_id, title, referrer,
    )  # fmt: skip


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
        Asker(
            hit.visit.site_id,
            hit.visit.id,
            hit.visit.visitor_id,
            hit.entry.now,
            hit.entry.addresses,
            hit.began,
            hit.entry.believed.leases if hit.is_believed and hit.entry.believed else (),
        )
        for hit in asking
    ]
    for hit, lent in zip(asking, await lend_each(tx, askers, ids, settings), strict=True):
        hit.lent = lent
