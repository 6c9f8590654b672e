"""Contacts by what they did: every filter finds what a look at each letter and hit finds, by an index."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.audience.crowd import URLS, Crowd, Letter, draw, write
from tests.support.statements import kept_statements, list_reads
from wherefrom.audience import people
from wherefrom.audience.filter import Asked, Condition, Filter, resolve
from wherefrom.audience.store.people import list_lists
from wherefrom.clock import FixedClock
from wherefrom.outbound.milestone import EVENTS
from wherefrom.services import Services
from wherefrom.sites.add import add_site

UTC = ZoneInfo("UTC")


def days_before(clock: FixedClock, days: int) -> str:
    return (clock.now() - timedelta(days=days)).strftime("%Y-%m-%d")


def random_condition(clock: FixedClock, chance: random.Random) -> Condition:
    """Any condition that may be asked for."""
    name = chance.choice(EVENTS)
    period: dict[str, Any] = chance.choice(
        [{}, {"days": chance.choice((1, 20, 60))}, {"date_from": days_before(clock, 40)},
         {"date_to": days_before(clock, 20)},
         {"date_from": days_before(clock, chance.randrange(20, 60)), "date_to": days_before(clock, 20)}]
    )  # fmt: skip
    return Condition(
        event=name,
        happened=chance.random() < 0.7,
        list=chance.choice((None, None, "", "news")),
        link=chance.choice(("", "PRICING", "100%_off", "nowhere")) if name == "clicked" else "",
        times=chance.choice((1, 1, 1, 2)),
        **period,
    )


def random_filter(clock: FixedClock, chance: random.Random) -> Filter:
    return Filter(
        match=chance.choice(("all", "any")),
        conditions=[random_condition(clock, chance) for _ in range(chance.choice((1, 1, 2, 3)))],
        text=chance.choice(("", "", "", "BOB", "crm 1", "%")),
        consent=chance.choice((None, None, None, "granted")),
        flag=chance.choice((None, None, None, "mailable", "unsubscribed", "suppressed")),
    )


def within(at: datetime, one: Asked) -> bool:
    return (one.begin is None or at >= one.begin) and (one.end is None or at < one.end)


def counts(letter: Letter, one: Asked) -> bool:
    """Whether ``one`` is true of the letter, by a look at all that happened to it."""
    if one.list is not None and letter.list != one.list:
        return False
    if one.event == "sent":
        return within(letter.at, one)
    if one.event in ("opened", "clicked"):
        return any(
            within(at, one)
            for kind, number, at, verdict in letter.hits
            if kind == {"opened": "open", "clicked": "click"}[one.event] and verdict in ("human", "proxy")
            and (not one.link or one.link.lower() in URLS[number - 1])
        )  # fmt: skip
    wanted = ("failed", "rejected") if one.event == "failed" else (one.event,)
    return any(status in wanted and within(at, one) for status, at in letter.notices)


def meets(crowd: Crowd, id_: int, one: Asked) -> bool:
    happened = sum(counts(letter, one) for letter in crowd.of(id_)) >= one.times
    day = crowd.people[id_]["opened_on"]
    if day is not None and one.event == "opened" and one.list is None and one.times == 1:
        begin = one.begin and one.begin.replace(hour=0, minute=0, second=0, microsecond=0)
        happened = happened or ((begin is None or day >= begin) and (one.end is None or day < one.end))
    return happened is one.happened


def fits(crowd: Crowd, id_: int, wanted: Filter, asked: tuple[Asked, ...]) -> bool:
    person = crowd.people[id_]
    text = wanted.text.lower()
    flags = crowd.flags(person["email"])
    found = [meets(crowd, id_, one) for one in asked]
    return (
        any(text in person[name].lower() for name in ("email", "name", "reference"))
        and wanted.consent in (None, person["consent"])
        and (
            wanted.flag is None
            or {"unsubscribed": flags[0], "suppressed": flags[1], "mailable": not any(flags)}[wanted.flag]
        )
        and (all(found) if wanted.match == "all" else any(found))
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
async def test_every_filter_finds_whom_a_look_at_each_letter_and_hit_finds(
    services: Services, clock: FixedClock, seed: int
) -> None:
    chance = random.Random(seed)
    site = await add_site(services, "shop", ["shop.example"])
    crowd = draw(services, clock, site.id, chance, people=24)
    await write(crowd)
    found_any = 0
    for _ in range(120):
        wanted = random_filter(clock, chance)
        asked = resolve(wanted, UTC, clock.now())
        expected = sorted((id_ for id_ in crowd.people if fits(crowd, id_, wanted, asked)), reverse=True)
        found, after = await people.list_people(services, site.id, UTC, wanted, limit=100)
        assert [one.contact.id for one in found] == expected, wanted
        assert after is None
        assert await people.count_people(services, site.id, UTC, wanted) == len(expected), wanted
        found_any += 0 < len(expected) < len(crowd.people)
    assert found_any > 40, "most of the filters must tell people apart"


async def test_pages_follow_each_other_without_a_gap_and_show_flags(services: Services, clock: FixedClock) -> None:
    site = await add_site(services, "shop", ["shop.example"])
    crowd = draw(services, clock, site.id, random.Random(7), people=11)
    await write(crowd)
    seen: list[int] = []
    before = None
    while True:
        found, before = await people.list_people(services, site.id, UTC, Filter(), limit=4, before=before)
        seen += [one.contact.id for one in found]
        for one in found:
            assert (one.flags.unsubscribed, one.flags.suppressed) == crowd.flags(one.contact.email)
        if before is None:
            break
    assert seen == sorted(crowd.people, reverse=True)
    async with services.db.read() as tx:
        assert await list_lists(tx, site.id) == sorted({one.list for one in crowd.letters} - {""})


async def test_another_sites_people_are_never_found(services: Services, clock: FixedClock) -> None:
    mine = await add_site(services, "shop", ["shop.example"])
    other = await add_site(services, "other", ["other.example"])
    await write(draw(services, clock, other.id, random.Random(1)))
    for one in EVENTS:
        wanted = Filter(match="any", conditions=[Condition(event=one), Condition(event=one, happened=False)])
        assert await people.count_people(services, mine.id, UTC, wanted) == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_filter_reads_all_letters_or_hits_of_a_site(services: Services, clock: FixedClock) -> None:
    chance = random.Random(3)
    site = await add_site(services, "shop", ["shop.example"])
    await write(draw(services, clock, site.id, chance))
    with kept_statements(services, "SELECT") as statements:
        async with services.db.write() as tx:  # readers have connections of their own
            for _ in range(60):
                wanted = random_filter(clock, chance)
                asked = resolve(wanted, UTC, clock.now())
                await people.store.list_people(tx, site.id, wanted, asked, limit=10)
                await people.store.count_people(tx, site.id, wanted, asked)
            await list_lists(tx, site.id)
    assert len(statements) > 60
    async with services.db.write() as tx:
        for statement, values in statements.items():
            reads = await list_reads(tx, statement, values)
            wide = [one for one in reads if one.startswith("SCAN") or one.endswith("(site_id=?)")]
            assert [one for one in wide if " contact " not in one] == [], statement
            if " contact " in reads[0]:  # a contact's letters by the contact, and not all of a period or of a list
                few = ("contact_id=?", "(site_id=? AND id=?)")
                assert all(any(way in one for way in few) for one in reads if " send " in one), (reads, statement)
