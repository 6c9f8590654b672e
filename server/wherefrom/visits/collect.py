"""A page is shown: which visit is it, and which substitutes does it show? The collector's use case.

    body ─▶ gate ─▶ agent, place, tokens ─▶ one group-committed write (``record``) ─▶ answer
            drop: counted
                 └▶ no person to be known ─▶ the same, by the source alone (``source_visit``) ─▶ answer

Where nothing has to be waited for but the write, as for nearly all pages, a page goes by ``take``, without a task.
Visit numbers are taken before the write, because an empty block needs a transaction of its own. When the database does
not answer in time, the script hears 503 and asks again at its next heartbeat; until then the page keeps its real
addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import structlog
from msgspec import UNSET
from msgspec.structs import replace

from wherefrom.db import Tx
from wherefrom.errors import BadInput, Unavailable, WherefromError
from wherefrom.load import RETRY_SECONDS, Shed
from wherefrom.services import Services
from wherefrom.sites.paths import browser_form, is_off
from wherefrom.sites.site import Site
from wherefrom.tracking.carry import Carried
from wherefrom.visits.agent import Agent
from wherefrom.visits.answer import Answer, Geo, Substitute
from wherefrom.visits.badge import VISIT, VISITOR, Badges
from wherefrom.visits.drops import UNKNOWN_SITE, Drops
from wherefrom.visits.gate import (
    HIT_STEPS,
    SILENT,
    Arrival,
    Caller,
    DropReason,
    Step,
    find_reason,
    lets_in,
    own_origin,
)
from wherefrom.visits.hit import Hit, Signal, find_site_key, parse_hit
from wherefrom.visits.ip import stored_form
from wherefrom.visits.known import KnownSites
from wherefrom.visits.lane import Lane
from wherefrom.visits.numbers import Numbers
from wherefrom.visits.page import FAULTS, Page, Reply
from wherefrom.visits.place import NOWHERE
from wherefrom.visits.recent import Recent
from wherefrom.visits.record import Entry, Recorded, record_hits
from wherefrom.visits.refusal import explain, too_often
from wherefrom.visits.source import ROISTAT_PARAMETERS, own_parameters, read_remembered
from wherefrom.visits.source_visit import SourceEntry, SourceRecorded, record_source
from wherefrom.visits.visit import tell
from wherefrom.web.limit import TimeLimit
from wherefrom.web.rate import Rate

if TYPE_CHECKING:
    from wherefrom.visits.agents import Agents
    from wherefrom.visits.geo import GeoReader

log = structlog.get_logger(__name__)

TIME_LIMIT = 3.0
"""Seconds until a page that waits is told to go on without us; the script itself gives up after five."""

_LONGEST_ADDRESS = 254

Heard = TypeVar("Heard", Hit, Signal)


class Dropped(Exception):
    """A step's verdict on its way out. ``error`` is what the sender hears; None: that there is no visit."""

    def __init__(self, reason: DropReason, site: Site | None, error: WherefromError | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.site = site
        self.error = error


class Collector:
    """Built once for a process: holds what is remembered between pages (numbers, sites, agents, places).

    ``time_limit`` in seconds; ``agents`` may be shared, since they depend on nothing.
    """

    def __init__(self, services: Services, *, time_limit: float = TIME_LIMIT, agents: Agents | None = None) -> None:
        self.services = services
        self.drops = Drops(services.db, services.clock)
        self.sites = KnownSites(services.db, services.clock)
        self.badges = Badges(services.tokens, services.clock)
        self.numbers = Numbers(services.db)
        self.recent = Recent()
        self._agents = agents
        self._agents_coming: asyncio.Task[Agents] | None = None
        self._geo = _open_geo(services.settings.geo.file)
        self._limit = TimeLimit(time_limit)
        self._site_rate = Rate(services.settings.limits.visits_per_site)
        self._record_all = self._record_entries  # one object, by which the group commit knows what goes together
        self.lane = Lane(services.db, self._record_all, time_limit)
        self._own_parameters = own_parameters(services.settings.visits.source_parameter)
        self._ip = services.settings.visits.ip
        self._most_addresses = services.settings.collector.max_addresses
        self._heartbeat = services.settings.substitution.heartbeat_seconds

    @property
    def time_limit(self) -> float:
        return self._limit.seconds

    @time_limit.setter
    def time_limit(self, seconds: float) -> None:
        self._limit = TimeLimit(seconds)
        self.lane.seconds = seconds

    def take(self, raw: bytes, caller: Caller, tell: Callable[[Reply], None]) -> bool:
        """As ``collect``, for who is told. False, and nothing has happened, where more than the write has to be waited
        for, or the page is no visit: then it is for ``collect``."""
        agents = self._agents
        if agents is None:
            return False
        try:
            told = parse_hit(raw)
        except BadInput:
            return False
        now = self.services.clock.now()
        site = self.sites.find_at_once(told.site, now)
        agent = agents.find(caller.user_agent)
        if site is None or _by_source(told, site) or not lets_in(site, told, caller, agent.bot):
            return False
        number = self.numbers.take_at_once(site.id) if self._site_rate.admits(site.id) else None
        if number is None:
            return False
        carried = self.badges.find_carried(told.page, site)
        hit = self.badges.cut_from(told, site)
        entry = self._entry(hit, site, caller, agent, number, carried, now)
        Page(self, entry, hit, caller, tell).send()
        return True

    async def collect(self, raw: bytes, caller: Caller) -> Reply:
        """The answer to a page's body, or the error its sender shall hear."""
        replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self.take(raw, caller, lambda reply: None if replied.done() else replied.set_result(reply)):
            return await replied
        site: Site | None = None
        await self.know_agents()
        try:
            with self._limit.block():
                told, site = await self.admit(raw, parse_hit, HIT_STEPS, caller)
                hit = self.badges.cut_from(told, site)
                answer = await (
                    self._record_source(hit, site)
                    if _by_source(hit, site)
                    else self._record(hit, site, caller, self.badges.find_carried(told.page, site))
                )
                return Reply(answer, own_origin(site, caller.origin))
        except Dropped as drop:
            return await self.reply_dropped(drop, caller)
        except FAULTS as fault:
            return self.reply_unavailable(fault, site or self.sites.recall(find_site_key(raw)), caller)

    async def admit(
        self, raw: bytes, parse: Callable[[bytes], Heard], steps: tuple[Step, ...], caller: Caller
    ) -> tuple[Heard, Site]:
        """The gate: what was told and whose it is, or Dropped. ``know_agents`` comes before."""
        try:
            heard = parse(raw)
        except BadInput as error:
            raise Dropped(DropReason.BAD_JSON, await self.sites.find(find_site_key(raw)), error) from None
        site = await self.sites.find(heard.site)
        if site is not None and not self._site_rate.admits(site.id):
            self.services.load.note(Shed.SITE)
            raise Dropped(DropReason.TOO_OFTEN, site, too_often(self._site_rate.wait))
        agents = self._agents
        assert agents is not None, "know_agents comes before"
        reason = find_reason(_arrival(heard, site, caller, agents), steps)
        if reason is not None or site is None:
            reason = reason or DropReason.UNKNOWN_SITE
            raise Dropped(reason, site, None if reason in SILENT else explain(reason, heard, caller))
        return heard, site

    async def know_agents(self) -> None:
        """Before the time of a page or sign begins to run. For the first one it takes 35 MB and a third of a second,
        which a service that nobody visits need not spend, nor one that starts. In a thread: only those who need it wait
        for it."""
        if self._agents is None:
            self._agents_coming = self._agents_coming or asyncio.create_task(asyncio.to_thread(_load_agents))
            self._agents = await asyncio.shield(self._agents_coming)

    async def reply_dropped(self, drop: Dropped, caller: Caller) -> Reply:
        """Counts the drop; the count waits in memory where the database is slow."""
        await self.count(drop.site, drop.reason)
        value = drop.error or Answer(heartbeat=self._heartbeat)
        return Reply(value, own_origin(drop.site, caller.origin))

    def reply_unavailable(self, fault: BaseException, site: Site | None, caller: Caller) -> Reply:
        if isinstance(fault, TimeoutError):
            self.services.load.note(Shed.LATE)
        log.warning("a page could not be recorded", fault=f"{type(fault).__name__}: {fault}")
        self.drops.add(site.id if site else UNKNOWN_SITE, DropReason.UNAVAILABLE)
        error = Unavailable(
            "the visit could not be recorded in time", hint="ask again at the next heartbeat", retry_after=RETRY_SECONDS
        )
        return Reply(error, own_origin(site, caller.origin))

    async def count(self, site: Site | None, reason: DropReason) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.time_limit):
                await self.drops.record(site.id if site else UNKNOWN_SITE, reason)

    async def _record(self, hit: Hit, site: Site, caller: Caller, carried: Carried | None) -> Answer:
        number = await self.numbers.take(site.id)
        agents = self._agents
        assert agents is not None, "know_agents comes before"
        agent = agents.find(caller.user_agent)
        asked = self._entry(hit, site, caller, agent, number, carried, self.services.clock.now())
        entry = replace(asked, believed=None)  # here nobody would ask again
        recorded = await self.services.db.batch_together(self._record_all, entry, beside=True)
        if not recorded.began:
            self.numbers.give_back(site.id, number)
        return self.answer(recorded, site, entry.now, hit)

    async def _record_entries(self, tx: Tx, entries: Sequence[Entry]) -> list[Recorded]:
        return await record_hits(tx, entries, self.services.ids, self.services.settings)

    async def _record_source(self, hit: Hit, site: Site) -> Answer:
        """As ``_record``, without the caller: neither address nor agent reaches what is written."""
        services = self.services
        entry = SourceEntry(
            site=site,
            now=services.clock.now(),
            number=await self.numbers.take(site.id),
            url=hit.page,
            referrer=hit.referrer or "",
            pageview=hit.pageview,
            addresses=self._asked(hit, site),
            told=read_remembered(hit.source),
            parameters=self._parameters(site),
        )
        recorded = await services.db.batch(lambda tx: record_source(tx, entry, services.ids))
        if not recorded.began:
            self.numbers.give_back(site.id, entry.number)
        return self.answer(recorded, site, entry.now, hit)

    def _parameters(self, site: Site) -> tuple[str, ...]:
        own = self._own_parameters
        return (*own, *ROISTAT_PARAMETERS) if site.compat == "roistat" else own

    def _asked(self, hit: Hit, site: Site) -> list[str]:
        """The addresses to lend substitutes for: none where the owner wants the real ones to stand."""
        if site.off_paths and is_off(site.off_paths, hit.page):
            return []
        found = hit.addresses[: self._most_addresses]
        return [text for text in found if len(text) <= _LONGEST_ADDRESS]

    def _entry(
        self, hit: Hit, site: Site, caller: Caller, agent: Agent, number: int, carried: Carried | None, now: datetime
    ) -> Entry:
        badges = self.badges
        visit_id = badges.find_number(VISIT, hit.visit, site) if hit.visit else None
        return Entry(  # the first ones without names: Python makes a dictionary of more than fifteen
            site,
            now,
            number,
            visit_id,
            badges.find_number(VISITOR, hit.visitor, site) if hit.visitor else None,
            hit.page,
            referrer=hit.referrer or "",
            told=tell(hit),
            pageview=hit.pageview,
            addresses=self._asked(hit, site),
            remembered=read_remembered(hit.source) if hit.source else None,
            parameters=self._parameters(site),
            agent=agent,
            user_agent=agent.text,
            place=self._geo.find(caller.ip) if self._geo else NOWHERE,
            ip=stored_form(caller.ip, self._ip),
            carried=carried,
            believed=None if visit_id is None else self.recent.find(site.id, visit_id),
        )

    def answer(self, recorded: Recorded | SourceRecorded, site: Site, now: datetime, hit: Hit) -> Answer:
        """What the page is told that was recorded ``now``."""
        visit = recorded.visit
        person = visit.kind == "visit"
        return Answer(
            visit=str(visit.id),
            first_visit=str(visit.first_visit) if person else None,
            token=self.badges.sign(VISIT, hit.visit, site, visit.id) if person else None,
            visitor=self.badges.sign(VISITOR, hit.visitor, site, visit.visitor_id) if person else None,
            new=recorded.began and person,
            marker=visit.marker,
            geo=Geo(visit.city, visit.country, visit.region),
            enabled=True,
            substitutes={one.target: Substitute(one.address, _seconds(one.expires_at - now)) for one in recorded.lent},
            heartbeat=self._heartbeat,
            off=[browser_form(rule) for rule in site.off_paths] if site.off_paths else UNSET,
            hosts=list(site.hosts) if len(site.hosts) > 1 else UNSET,
            source_only=UNSET if person else True,
        )


def _seconds(left: timedelta) -> int:
    """Whole ones; none where the time is over."""
    return max(0, 86_400 * left.days + left.seconds)


def _arrival(heard: Hit | Signal, site: Site | None, caller: Caller, agents: Agents) -> Arrival:
    page, bot = heard.page or "", agents.find(caller.user_agent).bot
    if isinstance(heard, Hit):
        return Arrival(site, page, caller, heard.webdriver, bot, heard.consent is UNSET)
    return Arrival(site, page, caller, bot=bot)


def _by_source(hit: Hit, site: Site) -> bool:
    """Whether only the source of the page may be known, and nobody who saw it."""
    return site.mode == "source" or hit.consent is not UNSET


def _load_agents() -> Agents:
    from wherefrom.visits.agents import Agents

    return Agents()


def _open_geo(file: str) -> GeoReader | None:
    if not file:
        return None
    from wherefrom.visits.geo import GeoReader  # late: few have such a file, and the libraries take 3 MB

    return GeoReader(file)
