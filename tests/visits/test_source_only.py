"""Visitors who shall not be known (C08, C09), and pages with real addresses (A07, A15), on both engines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from msgspec import UNSET
from sqlalchemy import select

import wherefrom.management  # noqa: F401 - imports every room, and so every table
from tests.visits.stage import AGENTS, GOOGLEBOT, PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.db import Database, metadata
from wherefrom.sites.add import set_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.store.leases import find_holders
from wherefrom.substitution.tables import lease, substitute
from wherefrom.substitution.target import Options
from wherefrom.visits import store
from wherefrom.visits.collect import Collector
from wherefrom.visits.known import FRESH
from wherefrom.visits.tables import intent, pageview, visit

AD = PAGE + "?utm_source=fb&utm_medium=cpc"


async def change(stage: Stage, clock: FixedClock, **options: Any) -> None:
    """Changes the site; pages know of it."""
    await set_site(stage.services, stage.site.id, **options)
    clock.advance(FRESH)


@pytest_asyncio.fixture
async def crowd(stage: Stage, clock: FixedClock) -> Stage:
    """The stage with a site that knows sources only."""
    await change(stage, clock, mode="source")
    return stage


# ------------------------------------------------------------------------------------------------ source-only (C09)


async def test_everybody_who_comes_by_one_source_gets_one_substitute(crowd: Stage, clock: FixedClock) -> None:
    first = await crowd.show(AD, addresses=[SALES])
    assert (first.visit, first.enabled, first.source_only, first.marker) == ("1", True, True, ":utm:fb_cpc")
    assert (first.token, first.visitor, first.first_visit, first.new) == (None, None, None, False)
    assert (first.geo.country, first.substitutes[SALES].expires_in) == (None, 86_400)
    clock.advance(timedelta(days=40))
    second = await crowd.show(AD + "#x", addresses=[SALES, SALES.upper()], referrer="https://l.facebook.com/")
    other = await crowd.show(PAGE, addresses=[SALES])
    assert second.visit == "1"
    assert {one.address for one in second.substitutes.values()} == {first.substitutes[SALES].address}
    assert (other.visit, other.marker) == ("2", "direct")
    assert other.substitutes[SALES].address != first.substitutes[SALES].address
    assert len(await crowd.rows(lease)) == 2


async def test_a_source_is_a_visit_that_counts_its_pages_and_keeps_none(crowd: Stage, clock: FixedClock) -> None:
    began = clock.now()
    await crowd.show(AD)
    clock.advance(timedelta(hours=3))
    await crowd.show(AD)
    await crowd.show(AD, pageview=False, addresses=[SALES])
    (row,) = await crowd.rows(visit)
    assert (row["kind"], row["pageviews"], row["started_at"], row["last_seen_at"]) == ("source", 2, began, clock.now())
    assert (row["utm_source"], row["domain"], row["landing_page"]) == ("fb", "shop.example", "")
    assert [await crowd.rows(table) for table in (pageview, intent)] == [[], []]


async def test_nothing_in_any_table_tells_of_a_person(crowd: Stage) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
    told: dict[str, Any] = {
        "referrer": "https://www.bing.com/search?q=unusual-words",
        "title": "A telling title",
        "params": {"plan": "platinum"},
        "google_client_id": "123456.654321",
        "ym_uid": "7777777",
        "language": "gsw-CH",
        "timezone": "Pacific/Chatham",
        "addresses": [SALES],
    }
    page = "https://shop.example/telling-path?q=telling-query&gclid=TellingClick&utm_source=told"
    first = (await crowd.ask(page, agent=agent, ip="203.0.113.99", **told)).value
    await crowd.ask(page, agent=agent, ip="2001:db8:77::99", visit="old", visitor="old", **told)
    for kind in ("heartbeat", "copy"):
        await crowd.sign(kind, None, address=SALES, page=page)
    assert not isinstance(first, Exception)
    kept = await everything(crowd)
    assert "told" in kept  # the tags of the campaign are what is kept
    assert "bing.com" not in kept  # and the referrer where it is the source, which here it is not
    telling = [
        "203.0.113", "2001:db8", agent, "Chrome", "Linux", "desktop", "gsw", "Chatham", "telling", "Telling",
        "unusual-words", "platinum", "123456.654321", "7777777", "/offer",
    ]  # fmt: skip
    assert [words for words in telling if words in kept] == []


async def everything(stage: Stage) -> str:
    """All there is in the database, as text."""
    async with stage.services.db.read() as tx:
        rows = [
            (table.name, *(row or ()))
            for table in metadata.sorted_tables
            for row in (await tx.execute(select(table))).all()
        ]
    assert {name for name, *_ in rows} >= {"site", "target", "visit", "lease"}
    return "\n".join(map(repr, rows))


async def test_a_pool_lends_nothing_to_a_source(crowd: Stage) -> None:
    pool = "help-1@company.com\nhelp-2@company.com"
    await add_target(crowd.services, crowd.site.id, "help@company.com", Options(strategy="pool"), pool)
    answer = await crowd.show(addresses=["help@company.com", SALES])
    assert list(answer.substitutes) == [SALES]
    assert {row["lease_id"] for row in await crowd.rows(substitute)} == {None}


@pytest.mark.parametrize(
    ("options", "address"),
    [
        (Options(strategy="plus", code_form="visit"), "info+1@company.com"),
        (Options(strategy="catchall", domain="in.company.com"), None),
        (Options(strategy="catchall", domain="in.company.com", code_form="name"), None),
    ],
)
async def test_every_coded_strategy_has_its_lasting_substitute(
    crowd: Stage, clock: FixedClock, options: Options, address: str | None
) -> None:
    await add_target(crowd.services, crowd.site.id, "info@company.com", options)
    shown = [(await crowd.show(addresses=["info@company.com"])).substitutes["info@company.com"] for _ in range(2)]
    assert shown[0] == shown[1]
    assert address in (None, shown[0].address)
    async with crowd.services.db.read() as tx:
        (holder,) = await find_holders(tx, crowd.site.id, [shown[0].address])
    assert (holder.visit_id, holder.visitor_id, holder.guessable) == (1, 0, address is not None)


async def test_a_lease_of_a_source_is_renewed_once_an_hour(crowd: Stage, clock: FixedClock) -> None:
    began = clock.now()
    for minutes, seen in ((0, began), (59, began), (1, began + timedelta(hours=1))):
        clock.advance(timedelta(minutes=minutes))
        await crowd.show(addresses=[SALES])
        (row,) = await crowd.rows(lease)
        assert (row["last_seen_at"], row["expires_at"]) == (seen, seen + timedelta(days=1))


async def test_a_target_changed_by_its_owner_is_shown_in_the_new_form(crowd: Stage) -> None:
    from wherefrom.substitution.add import set_target

    before = (await crowd.show(addresses=[SALES])).substitutes[SALES].address
    (row,) = await crowd.rows(lease)
    await set_target(crowd.services, crowd.site.id, row["target_id"], Options(separator="-"))
    after = (await crowd.show(addresses=[SALES])).substitutes[SALES].address
    assert (before[5], after[5]) == ("+", "-")
    assert (await crowd.show(addresses=[SALES])).substitutes[SALES].address == after


async def test_ten_who_come_at_once_by_a_new_source_share_one_row_and_one_substitute(crowd: Stage) -> None:
    answers = await asyncio.gather(*(crowd.show(AD, addresses=[SALES]) for _ in range(10)))
    assert len({one.substitutes[SALES].address for one in answers}) == 1
    (row,) = await crowd.rows(visit)
    assert (row["pageviews"], len(await crowd.rows(lease))) == (10, 1)


async def test_who_come_at_once_in_two_processes_share_one_row_and_one_substitute(
    crowd: Stage, database_url: str
) -> None:
    other_db = Database(database_url)
    try:
        services = replace(crowd.services, db=other_db)
        other = Stage(services, Collector(services, agents=AGENTS), crowd.site)
        pages = [PAGE, AD, PAGE + "?utm_source=a", PAGE + "?utm_source=b"]
        shown = [
            one.show(page, addresses=[SALES])
            for turn in range(4)
            for one, order in ((crowd, pages), (other, pages[::-1]))
            for page in order[turn:] + order[:turn]
        ]
        answers = await asyncio.gather(*shown)
    finally:
        await other_db.close()
    assert len({(one.visit, one.substitutes[SALES].address) for one in answers}) == 4
    assert len(await crowd.rows(lease)) == 4
    counts = [row["pageviews"] for row in await crowd.rows(visit)]
    assert len(counts) == 4
    assert all(1 <= count <= 8 for count in counts)


async def test_a_substitute_is_not_drawn_twice_while_another_process_draws_it(crowd: Stage, database_url: str) -> None:
    """Without the lock on the target's row each of the two would draw a code on PostgreSQL."""
    from wherefrom.substitution.lend import lend_to_source

    await crowd.show()
    services, site_id = crowd.services, crowd.site.id
    other_db = Database(database_url)
    try:
        async with other_db.write() as tx:
            (lent,) = await lend_to_source(
                tx, now=services.clock.now(), ids=services.ids, site_id=site_id, visit_id=1, found=[SALES]
            )
            page = asyncio.create_task(crowd.show(addresses=[SALES]))
            done, _ = await asyncio.wait({page}, timeout=0.3)
            assert not done
        answer = await page
    finally:
        await other_db.close()
    assert answer.substitutes[SALES].address == lent.address


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer, who waits for nobody else
async def test_a_page_does_not_wait_for_the_count_of_another_process(crowd: Stage, database_url: str) -> None:
    await crowd.show(AD)
    other_db = Database(database_url)
    try:
        async with other_db.write() as tx:
            known = await store.find_visit(tx, crowd.site.id, 1)
            assert known is not None
            await store.count_source_view(tx, known, crowd.services.clock.now(), pageview=True)
            assert (await asyncio.wait_for(crowd.show(AD), 60)).visit == "1"
    finally:
        await other_db.close()
    assert [row["pageviews"] for row in await crowd.rows(visit)] == [2]


async def test_numbers_of_sources_and_visits_are_one_sequence(stage: Stage, clock: FixedClock) -> None:
    person = await stage.show()
    await change(stage, clock, mode="source")
    source = await stage.show()
    await stage.show()
    await change(stage, clock, mode="visits")
    assert [person.visit, source.visit, (await stage.show()).visit] == ["1", "2", "3"]


async def test_a_site_that_stops_knowing_persons_forgets_the_tokens_it_gave(stage: Stage, clock: FixedClock) -> None:
    before = await stage.show(addresses=[SALES])
    old = await everything(stage)
    await change(stage, clock, mode="source")
    for kind in ("heartbeat", "copy"):
        assert (await stage.sign(kind, before.token, address=SALES)).value is None
    assert await everything(stage) == old.replace("'visits'", "'source'")  # but for the site's own row
    answer = await stage.again(before, addresses=[SALES])
    assert (answer.visit, answer.token, answer.visitor) == ("2", None, None)
    person, source = await stage.rows(visit)
    assert (person["pageviews"], person["kind"], source["kind"]) == (1, "visit", "source")


async def test_signs_are_ignored_and_not_counted_as_drops(crowd: Stage) -> None:
    await crowd.show(addresses=[SALES])
    for token in (None, "", "forged"):
        for kind in ("heartbeat", "visible", "mailto", "copy", "select"):
            reply = await crowd.sign(kind, token, address=SALES)
            assert (reply.value, reply.own) == (None, True)
    assert (await crowd.drops(), await crowd.rows(intent)) == ({}, [])


async def test_machines_see_the_real_address_here_too(crowd: Stage) -> None:
    for told in ({"agent": GOOGLEBOT}, {"webdriver": True}):
        answer = await crowd.show(addresses=[SALES], **told)  # type: ignore[arg-type]
        assert (answer.visit, answer.substitutes, answer.enabled, answer.source_only) == (None, {}, False, UNSET)
    assert await crowd.rows(visit) == []


# ------------------------------------------------------------------------------------------------ consent (C08)


async def test_without_consent_nothing_is_stored_and_the_real_address_stands(stage: Stage) -> None:
    before = await everything_but_drops(stage)
    answer = await stage.show(AD, addresses=[SALES], consent="none", language="gsw-CH")
    assert (answer.visit, answer.token, answer.visitor, answer.enabled) == (None, None, None, False)
    assert (answer.substitutes, answer.source_only, answer.heartbeat) == ({}, UNSET, 60)
    assert await stage.drops() == {(stage.site.id, "no_consent"): 1}
    assert await everything_but_drops(stage) == before


async def everything_but_drops(stage: Stage) -> str:
    async with stage.services.db.read() as tx:
        tables = [table for table in metadata.sorted_tables if table.name != "dropped"]
        return repr([(await tx.execute(select(table))).all() for table in tables])


async def test_without_consent_the_owner_may_let_the_source_be_told(stage: Stage, clock: FixedClock) -> None:
    await change(stage, clock, without_consent="source")
    unknown = await stage.show(AD, addresses=[SALES], consent="none")
    again = await stage.show(AD, addresses=[SALES], consent="none", visit="x", visitor="y")
    assert (unknown.source_only, unknown.token, unknown.visitor) == (True, None, None)
    assert again == unknown
    assert [row["kind"] for row in await stage.rows(visit)] == ["source"]
    assert (await stage.sign("copy", None, address=SALES)).value is None
    known = await stage.again(again, AD, addresses=[SALES])
    assert (known.source_only, known.new, known.first_visit) == (UNSET, True, known.visit)
    assert known.token
    assert known.substitutes[SALES].address != unknown.substitutes[SALES].address
    assert [row["kind"] for row in await stage.rows(visit)] == ["source", "visit"]
    assert await stage.drops() == {}


async def test_consent_that_is_taken_back_ends_what_is_known(stage: Stage, clock: FixedClock) -> None:
    await change(stage, clock, without_consent="source")
    known = await stage.show(AD, addresses=[SALES])
    clock.advance(timedelta(minutes=1))
    unknown = await stage.again(known, PAGE + "/more", addresses=[SALES], consent="none")
    assert unknown.visit != known.visit
    person, source = await stage.rows(visit)
    assert (person["pageviews"], person["last_seen_at"], source["kind"]) == (1, person["started_at"], "source")


async def test_a_site_that_knows_nobody_still_asks_for_consent(crowd: Stage, clock: FixedClock) -> None:
    assert (await crowd.show(addresses=[SALES], consent="none")).substitutes == {}
    await change(crowd, clock, without_consent="source")
    assert list((await crowd.show(addresses=[SALES], consent="none")).substitutes) == [SALES]


async def test_a_machine_without_consent_is_counted_as_a_machine(stage: Stage) -> None:
    await stage.show(agent=GOOGLEBOT, consent="none")
    assert await stage.drops() == {(stage.site.id, "bot"): 1}


# ------------------------------------------------------------------------------------------------ pages (A07, A15)


@pytest.mark.parametrize("mode", ["visits", "source"])
async def test_where_the_owner_says_so_the_real_address_stands_and_the_visit_counts(
    stage: Stage, clock: FixedClock, mode: str
) -> None:
    await change(stage, clock, mode=mode, off_paths=["/imprint*", "/über-uns"])
    off = await stage.show("https://shop.example/imprint/de?x=1", addresses=[SALES])
    assert (off.substitutes, off.enabled, off.visit) == ({}, True, "1")
    assert await stage.rows(lease) == []
    also = await stage.show("https://shop.example/%C3%BCber-uns", addresses=[SALES])
    assert also.substitutes == {}
    on = await stage.show("https://shop.example/offer", addresses=[SALES])
    assert list(on.substitutes) == [SALES]
    assert off.off == on.off == ["/imprint*", "/%C3%BCber-uns"]
    assert sum(row["pageviews"] for row in await stage.rows(visit)) == 3


async def test_a_visit_that_goes_over_an_exempt_page_keeps_its_substitute(stage: Stage, clock: FixedClock) -> None:
    await change(stage, clock, off_paths=["/imprint"])
    first = await stage.show(addresses=[SALES])
    off = await stage.again(first, "https://shop.example/imprint", addresses=[SALES])
    back = await stage.again(first, addresses=[SALES])
    assert (off.visit, off.substitutes) == (first.visit, {})
    assert back.substitutes[SALES].address == first.substitutes[SALES].address


async def test_what_there_is_nothing_to_say_of_is_left_out(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show()
    assert (answer.off, answer.hosts, answer.source_only) == (UNSET, UNSET, UNSET)
    await change(stage, clock, hosts=["shop.example", "shop.test"])
    assert (await stage.show()).hosts == ["shop.example", "shop.test"]
    await change(stage, clock, mode="source")
    assert (await stage.show()).hosts == ["shop.example", "shop.test"]


async def test_a_visit_goes_on_over_the_sites_hosts_by_its_token(stage: Stage, clock: FixedClock) -> None:
    await change(stage, clock, hosts=["shop.example", "pay.test"])
    first = await stage.show(AD, addresses=[SALES])
    there = await stage.show(
        "https://pay.test/basket", origin="https://pay.test", visit=first.token, referrer=PAGE, addresses=[SALES]
    )
    assert (there.visit, there.new, there.first_visit) == (first.visit, False, first.visit)
    assert there.substitutes[SALES].address == first.substitutes[SALES].address
