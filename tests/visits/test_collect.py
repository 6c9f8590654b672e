"""The collector's use case on both engines: visits, visitors, sources, leases, drops, and what happens at once."""

from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from tests.substitution.samples import pool_text
from tests.visits.stage import AGENTS, GOOGLEBOT, ORIGIN, PAGE, PERSON, SALES, Stage, rows, set_stage
from tests.visits.test_geo import BERLIN, write
from wherefrom.clock import FixedClock
from wherefrom.db import Database
from wherefrom.errors import BadInput, Forbidden, NotFound, Unavailable
from wherefrom.services import Services
from wherefrom.settings import Geo, Visits
from wherefrom.sites.add import add_site, set_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.store.leases import find_holders
from wherefrom.substitution.target import Options
from wherefrom.visits import store
from wherefrom.visits.answer import Answer
from wherefrom.visits.collect import Collector
from wherefrom.visits.gate import Caller
from wherefrom.visits.known import FRESH
from wherefrom.visits.numbers import Numbers
from wherefrom.visits.page import Reply
from wherefrom.visits.tables import pageview, visit

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer


async def test_a_first_page_begins_a_visit_with_all_that_is_known(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show(
        PAGE + "?utm_source=google&utm_medium=cpc&gclid=G1",
        referrer="https://www.google.com/",
        title="The offer",
        params={"1": "red", "2": 5},
        google_client_id="123.456",
        ym_uid="789",
        language="de-DE",
        timezone="Europe/Berlin",
    )
    assert (answer.visit, answer.first_visit, answer.new, answer.marker) == ("1", "1", True, ":utm:google_cpc")
    assert (answer.enabled, answer.heartbeat, answer.substitutes) == (True, 60, {})
    (row,) = await stage.rows(visit)
    assert row == {
        "site_id": stage.site.id, "id": 1, "visitor_id": row["visitor_id"], "first_visit": 1,
        "started_at": clock.now(), "last_seen_at": clock.now(), "pageviews": 1,
        "landing_page": PAGE + "?utm_source=google&utm_medium=cpc&gclid=G1", "referrer": "https://www.google.com/",
        "domain": "shop.example", "marker": ":utm:google_cpc", "channel": "paid_search",
        "source_levels": ["google", "cpc"], "utm_source": "google", "utm_medium": "cpc", "utm_campaign": None,
        "utm_term": None, "utm_content": None, "click_id_name": "gclid", "click_id": "G1", "country_code": None,
        "country": None, "region": None, "city": None, "ip": "192.0.2.0", "device": "desktop", "os": "Windows 10",
        "browser": "Chrome 126", "user_agent": row["user_agent"], "language": "de-DE", "timezone": "Europe/Berlin",
        "google_client_id": "123.456", "ym_uid": "789", "params": {"1": "red", "2": "5"}, "kind": "visit",
        "source_key": None, "contact_id": None, "send_id": None, "landing_title": "The offer",
        "landing_referrer": "https://www.google.com/",
    }  # fmt: skip
    assert row["user_agent"].startswith("Mozilla/5.0 (Windows NT 10.0")
    assert await stage.rows(pageview) == []


async def test_pages_that_come_before_user_agents_are_known_wait_for_that_and_begin_visits(stage: Stage) -> None:
    new = replace(stage, collector=Collector(stage.services))
    answers = await asyncio.gather(*(new.show(PAGE) for _ in range(3)))
    assert sorted(answer.visit or "" for answer in answers) == ["1", "2", "3"]
    assert {row["browser"] for row in await stage.rows(visit)} == {"Chrome 126"}


async def test_a_page_that_is_answered_leaves_nothing_to_the_garbage_collector(stage: Stage) -> None:
    first = await stage.show(addresses=[SALES])
    await stage.again(first, addresses=[SALES])
    known = {"visit": first.token, "visitor": first.visitor, "site": stage.site.key, "page": PAGE}
    body = msgspec.json.encode(known | {"addresses": [SALES]})
    answers: list[Reply] = []
    all_answered = asyncio.Event()

    def hear(reply: Reply) -> None:
        answers.append(reply)
        if len(answers) == 40:
            all_answered.set()

    gc.collect()
    gc.disable()
    try:
        for _ in range(40):
            assert stage.collector.take(body, Caller("192.0.2.77", PERSON, ORIGIN), hear)
        await all_answered.wait()
        assert gc.collect() < 40, "not even one object a page"
    finally:
        gc.enable()


async def test_a_further_page_belongs_to_the_visit_and_adds_what_it_tells(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show(params={"1": "a", "2": "b"})
    clock.advance(timedelta(minutes=5))
    second = await stage.again(first, PAGE + "/more", params={"2": "c", "3": "d"}, ym_uid="77")
    assert (second.visit, second.first_visit, second.new) == ("1", "1", False)
    (row,) = await stage.rows(visit)
    assert (row["pageviews"], row["last_seen_at"], row["landing_page"]) == (2, clock.now(), PAGE)
    assert (row["params"], row["ym_uid"]) == ({"1": "a", "2": "c", "3": "d"}, "77")
    (page,) = await stage.rows(pageview)
    assert (page["visit_id"], page["page"], page["seen_at"]) == (1, PAGE + "/more", clock.now())


async def test_a_page_told_twice_without_anything_new_clears_nothing(stage: Stage) -> None:
    first = await stage.show(params={"1": "a"}, google_client_id="1.2")
    await stage.again(first)
    (row,) = await stage.rows(visit)
    assert (row["params"], row["google_client_id"]) == ({"1": "a"}, "1.2")


async def test_after_the_idle_time_a_visitor_begins_another_visit_with_the_stored_source(
    stage: Stage, clock: FixedClock
) -> None:
    first = await stage.show(PAGE + "?utm_source=a")
    clock.advance(timedelta(minutes=31))
    second = await stage.again(first)
    assert (second.visit, second.first_visit, second.new, second.marker) == ("2", "1", True, ":utm:a")
    assert second.visitor == first.visitor
    old, new = await stage.rows(visit)
    assert (new["channel"], new["utm_source"], new["referrer"]) == (old["channel"], "a", "")
    assert old["visitor_id"] == new["visitor_id"]


async def test_a_new_source_is_stored_and_a_direct_return_does_not_replace_it(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show()
    assert answer.marker == "direct"
    for page, referrer, marker in (
        (PAGE + "?utm_source=a", "", ":utm:a"),
        (PAGE, "https://vk.com/", "social_vk"),
        (PAGE, "", "social_vk"),
    ):
        clock.advance(timedelta(hours=1))
        answer = await stage.again(answer, page, referrer=referrer)
        assert (answer.marker, answer.first_visit) == (marker, "1")


async def test_another_campaign_begins_a_visit_and_nooverride_keeps_it(stage: Stage) -> None:
    first = await stage.show(PAGE + "?utm_source=a")
    kept = await stage.again(first, PAGE + "?utm_source=b&utm_nooverride=1")
    assert (kept.visit, kept.marker) == (first.visit, ":utm:a")
    other = await stage.again(first, PAGE + "?utm_source=b")
    assert (other.visit, other.marker, other.new) == ("2", ":utm:b", True)


async def test_a_visitor_token_alone_finds_the_visit_that_is_still_going_on(stage: Stage) -> None:
    first = await stage.show()
    again = await stage.show(visitor=first.visitor)
    assert (again.visit, again.new) == (first.visit, False)


async def test_a_tab_with_the_old_visit_joins_the_one_another_tab_began(stage: Stage) -> None:
    first = await stage.show()
    second = await stage.again(first, PAGE + "?utm_source=a")
    joined = await stage.again(first, PAGE + "?utm_source=a")
    assert (second.visit, joined.visit, joined.new) == ("2", "2", False)


async def test_ten_pages_opened_at_once_by_a_returning_visitor_make_one_visit(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show()
    clock.advance(timedelta(hours=1))
    answers = await asyncio.gather(*(stage.again(first, f"{PAGE}?n={n}") for n in range(10)))
    assert len({answer.visit for answer in answers}) == 1
    assert sum(answer.new for answer in answers) == 1
    assert [row["pageviews"] for row in await stage.rows(visit)] == [1, 10]


async def test_pages_opened_at_once_in_two_processes_make_one_visit(
    stage: Stage, clock: FixedClock, database_url: str
) -> None:
    first = await stage.show()
    clock.advance(timedelta(hours=1))
    other_db = Database(database_url)
    try:
        services = replace(stage.services, db=other_db)
        other = Stage(services, Collector(services, agents=AGENTS), stage.site)
        pages = [one.again(first, f"{PAGE}?n={n}") for n in range(5) for one in (stage, other)]
        answers = await asyncio.gather(*pages)
    finally:
        await other_db.close()
    assert len({answer.visit for answer in answers}) == 1
    assert sum(answer.new for answer in answers) == 1
    assert (await stage.rows(visit))[-1]["pageviews"] == 10


async def test_tabs_with_different_visits_of_a_visitor_make_one_visit_in_two_processes(
    stage: Stage, clock: FixedClock, database_url: str
) -> None:
    """Nothing of what the two have read is the same row, but the visit they both find last."""
    first = await stage.show()
    second = await stage.again(first, PAGE + "?utm_source=a")
    clock.advance(timedelta(hours=1))
    other_db = Database(database_url)
    try:
        services = replace(stage.services, db=other_db)
        other = Stage(services, Collector(services, agents=AGENTS), stage.site)
        for turn in range(10):
            at_once = stage.again(first, f"{PAGE}?n={turn}"), other.again(second, f"{PAGE}?n={turn}")
            answers = await asyncio.gather(*at_once)
            assert len({answer.visit for answer in answers}) == 1
            assert sum(answer.new for answer in answers) == 1
            clock.advance(timedelta(hours=1))
    finally:
        await other_db.close()


async def test_a_page_waits_for_the_decision_another_process_is_taking(
    stage: Stage, clock: FixedClock, database_url: str
) -> None:
    """Without the lock on the visit each of the two would begin one on PostgreSQL."""
    first = await stage.show()
    clock.advance(timedelta(hours=1))
    other_db = Database(database_url)
    try:
        async with other_db.write() as tx:
            old = await store.find_visit(tx, stage.site.id, 1)
            assert old is not None
            assert await store.find_each_standing(tx, [(stage.site.id, 1)]) == [old]
            new = msgspec.structs.asdict(old) | {"id": 500, "started_at": clock.now(), "last_seen_at": clock.now()}
            await tx.execute(visit.insert().values(new))
            page = asyncio.create_task(stage.again(first))
            done, _ = await asyncio.wait({page}, timeout=0.3)
            assert not done
        answer = await page
    finally:
        await other_db.close()
    assert (answer.visit, answer.new) == ("500", False)


@on_postgresql
async def test_pages_of_one_visitor_in_two_batches_under_way_at_once_make_one_visit(
    stage: Stage, clock: FixedClock
) -> None:
    first = await stage.show()
    clock.advance(timedelta(hours=1))
    pages: list[asyncio.Task[Answer]] = []
    async with asyncio.timeout(30), stage.services.db.write() as tx:
        assert await store.find_each_standing(tx, [(stage.site.id, 1)]) != [None]  # both batches now wait for it
        for n in (1, 2):
            pages.append(asyncio.create_task(stage.again(first, f"{PAGE}?n={n}")))
            await until_so_many_wait_for_locks(stage.services, n)
    answers = await asyncio.gather(*pages)
    assert sorted((answer.visit, answer.new) for answer in answers) == [("2", False), ("2", True)]
    assert [row["pageviews"] for row in await stage.rows(visit)] == [1, 2]


@on_postgresql
async def test_what_pages_of_one_visit_tell_in_two_batches_under_way_at_once_is_all_kept(stage: Stage) -> None:
    first = await stage.show()
    pages: list[asyncio.Task[Answer]] = []
    async with asyncio.timeout(30), stage.services.db.write() as tx:
        assert await store.find_each_standing(tx, [(stage.site.id, 1)]) != [None]
        for n, told in enumerate(({"plan": "gold"}, {"seats": "4"}), start=1):
            pages.append(asyncio.create_task(stage.again(first, params=told)))
            await until_so_many_wait_for_locks(stage.services, n)
    answers = await asyncio.gather(*pages)
    assert {answer.visit for answer in answers} == {"1"}
    (row,) = await stage.rows(visit)
    assert (row["pageviews"], row["params"]) == (3, {"plan": "gold", "seats": "4"})


async def until_so_many_wait_for_locks(services: Services, number: int) -> None:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while True:
        async with services.db.read() as tx:
            if (await tx.exec_driver_sql(asked)).scalar_one() >= number:
                return
        await asyncio.sleep(0.02)


async def test_strangers_at_once_share_no_address_of_a_pool_while_it_lasts(stage: Stage) -> None:
    await add_target(stage.services, stage.site.id, "info@company.com", Options(strategy="pool"), pool_text(12))
    told = {"addresses": [SALES, "info@company.com"]}
    answers = await asyncio.gather(*(stage.show(**told) for _ in range(12)))
    lent = [answer.substitutes["info@company.com"].address for answer in answers]
    assert len(set(lent)) == 12
    again = await asyncio.gather(*(stage.again(answer, **told) for answer in answers))
    assert [answer.substitutes["info@company.com"].address for answer in again] == lent
    assert [answer.substitutes[SALES] for answer in again] == [answer.substitutes[SALES] for answer in answers]


async def test_strangers_at_once_get_visits_of_their_own(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.show(addresses=[SALES]) for _ in range(10)))
    assert sorted(int(answer.visit or 0) for answer in answers) == list(range(1, 11))
    assert len({answer.visitor for answer in answers}) == 10
    assert len({answer.substitutes[SALES].address for answer in answers}) == 10


async def test_numbers_of_two_processes_never_meet(services: Services) -> None:
    one, two = Numbers(services.db, block=3), Numbers(services.db, block=3)
    taken = await asyncio.gather(*(numbers.take(7) for numbers in (one, two, one, two) for _ in range(5)))
    assert len(set(taken)) == 20
    assert await Numbers(services.db).take(8) == 1
    one.give_back(7, 2)
    assert await one.take(7) == 2


async def test_the_next_numbers_are_there_before_the_last_are_used_up(services: Services) -> None:
    numbers = Numbers(services.db, block=4)
    taken = [await numbers.take(7)]
    for _ in range(30):
        number = numbers.take_at_once(7)
        assert number is not None, f"one would have to be waited for after {taken}"
        taken.append(number)
        await asyncio.gather(*(one for one in asyncio.all_tasks() if one.get_name() == "visit numbers"))
    assert taken == list(range(1, 32))


async def test_where_the_next_numbers_cannot_be_had_those_that_are_left_are_given_out(services: Services) -> None:
    numbers = Numbers(services.db, block=4)
    taken = [await numbers.take(7)]
    await services.db.close()
    for _ in range(3):
        taken.append(numbers.take_at_once(7) or 0)
        coming = (one for one in asyncio.all_tasks() if one.get_name() == "visit numbers")
        await asyncio.gather(*coming, return_exceptions=True)
    assert taken == [1, 2, 3, 4]
    assert numbers.take_at_once(7) is None
    with pytest.raises(Unavailable):
        await numbers.take(7)


async def test_a_number_that_was_not_needed_goes_to_the_next_visit(stage: Stage) -> None:
    first = await stage.show()
    for _ in range(5):
        await stage.again(first)
    assert (await stage.show()).visit == "2"


FORGED = ["", "nonsense", "a.b.c", "MTox..AAAAAAAAAAAAAAAAAAAAAA", "ü.ü.ü", "x" * 5000]


@pytest.mark.parametrize("token", FORGED)
async def test_a_forged_token_is_no_token(stage: Stage, token: str) -> None:
    await stage.show()
    answer = await stage.show(visit=token, visitor=token)
    assert (answer.visit, answer.first_visit, answer.new) == ("2", "2", True)


async def test_a_token_holds_for_its_purpose_and_its_site_alone(stage: Stage) -> None:
    first = await stage.show()
    assert (await stage.show(visit=first.visitor, visitor=first.token)).new
    other = await add_site(stage.services, "other", ["other.example"])
    elsewhere = Stage(stage.services, stage.collector, other)
    there = await elsewhere.show(
        "https://other.example/", origin="https://other.example", visit=first.token, visitor=first.visitor
    )
    assert (there.visit, there.new) == ("1", True)
    of_visits = [row["visitor_id"] for row in await stage.rows(visit)]
    assert len(set(of_visits)) == len(of_visits) == 3


async def test_tokens_of_a_visitor_whose_visits_are_forgotten_begin_anew(stage: Stage) -> None:
    first = await stage.show(addresses=[SALES])
    (old,) = await stage.rows(visit)
    await stage.forget(1)
    assert [await stage.rows(table) for table in (visit, pageview)] == [[], []]
    answer = await stage.again(first)
    assert (answer.visit, answer.first_visit, answer.new) == ("2", "2", True)
    assert (await stage.rows(visit))[0]["visitor_id"] != old["visitor_id"]


async def test_a_substitute_is_leased_before_it_is_answered(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show(addresses=["Sales@Company.com", "other@company.com", "no address", "x" * 300])
    (target, lent), *more = answer.substitutes.items()
    assert (target, lent.expires_in, more) == ("Sales@Company.com", 900, [])
    async with stage.services.db.read() as tx:
        (holder,) = await find_holders(tx, stage.site.id, [lent.address])
    assert (str(holder.visit_id), holder.expires_at) == (answer.visit, clock.now() + timedelta(minutes=15))


async def test_late_addresses_are_lent_without_a_pageview(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show()
    clock.advance(timedelta(minutes=45))
    late = await stage.again(first, pageview=False, addresses=[SALES])
    assert (late.visit, late.new, list(late.substitutes)) == (first.visit, False, [SALES])
    (row,) = await stage.rows(visit)
    assert (row["pageviews"], row["last_seen_at"]) == (1, clock.now())
    assert await stage.rows(pageview) == []


async def test_late_addresses_of_an_unknown_visit_begin_one_without_a_pageview(stage: Stage) -> None:
    answer = await stage.show(pageview=False, addresses=[SALES], visit="forged")
    assert (answer.new, list(answer.substitutes)) == (True, [SALES])
    (row,) = await stage.rows(visit)
    assert (row["pageviews"], row["landing_title"], row["landing_referrer"]) == (0, None, None)
    assert await stage.rows(pageview) == []


async def test_only_so_many_addresses_are_looked_at(stage: Stage) -> None:
    found = [f"a{n}@company.com" for n in range(50)]
    assert (await stage.show(addresses=[*found, SALES])).substitutes == {}
    assert list((await stage.show(addresses=[*found[1:], SALES])).substitutes) == [SALES]


async def test_the_browsers_remembered_source_stands_in_for_an_unknown_visitors(stage: Stage) -> None:
    answer = await stage.show(source={"marker": "fb_new", "utm_source": "fb"})
    assert answer.marker == "fb_new"
    (row,) = await stage.rows(visit)
    assert (row["utm_source"], row["channel"], row["source_levels"]) == ("fb", "social", ["fb", "new"])
    assert (await stage.again(answer, source="other")).marker == "fb_new"


async def test_the_name_of_the_source_parameter_is_a_setting(services: Services) -> None:
    visits = msgspec.convert({"source_parameter": "came-by"}, Visits)
    stage = await set_stage(replace(services, settings=msgspec.structs.replace(services.settings, visits=visits)))
    for page, marker in (("?came-by=flyer", "flyer"), ("?Came-By_source=poster", "poster"), ("?wf=flyer", "direct")):
        assert (await stage.show(PAGE + page)).marker == marker


async def test_roistats_parameter_counts_in_compatibility_mode(services: Services) -> None:
    stage = await set_stage(services, compat="roistat")
    assert (await stage.show(PAGE + "?roistat=fb_new&utm_source=a")).marker == "fb_new"


@pytest.mark.parametrize(("policy", "kept"), [("whole", "192.0.2.77"), ("truncated", "192.0.2.0"), ("none", None)])
async def test_the_place_is_found_whatever_is_kept_of_the_address(
    services: Services, tmp_path: Path, policy: str, kept: str | None
) -> None:
    geo = Geo(file=str(write(tmp_path / "city.mmdb", {"192.0.2.0/24": BERLIN})))
    visits = msgspec.convert({"ip": policy}, Visits)
    settings = msgspec.structs.replace(services.settings, geo=geo, visits=visits)
    stage = await set_stage(replace(services, settings=settings))
    answer = await stage.show()
    assert (answer.geo.city, answer.geo.region, answer.geo.country) == ("Berlin", "Land Berlin", "Germany")
    (row,) = await stage.rows(visit)
    assert (row["ip"], row["country_code"]) == (kept, "DE")
    assert (await stage.again(answer)).geo == answer.geo


async def test_campaign_place_and_what_the_page_told_stand_each_in_its_column(
    services: Services, tmp_path: Path
) -> None:
    geo = Geo(file=str(write(tmp_path / "city.mmdb", {"192.0.2.0/24": BERLIN})))
    stage = await set_stage(replace(services, settings=msgspec.structs.replace(services.settings, geo=geo)))
    names = ("source", "medium", "campaign", "term", "content")
    told = {"language": "de", "timezone": "Europe/Berlin", "google_client_id": "1.2", "ym_uid": "3"}
    await stage.show(PAGE + "?yclid=Y&" + "&".join(f"utm_{name}={name}1" for name in names), **told)
    (row,) = await stage.rows(visit)
    assert [row[f"utm_{name}"] for name in names] == [f"{name}1" for name in names]
    assert (row["click_id_name"], row["click_id"]) == ("yclid", "Y")
    assert (row["country_code"], row["country"], row["region"], row["city"]) == (
        "DE", "Germany", "Land Berlin", "Berlin",
    )  # fmt: skip
    assert {name: row[name] for name in told} == told


async def test_text_that_a_database_would_refuse_is_cleaned(stage: Stage) -> None:
    nasty = "a\x00b\ud83d\u2028"
    page = f"{PAGE}?utm_source={nasty}&x=%00"
    told = {"site": stage.site.key, "page": page, "title": nasty, "params": {"1": nasty}, "language": nasty}
    reply = await stage.collector.collect(json.dumps(told).encode(), Caller("", PERSON, None))
    assert isinstance(reply.value, Answer)
    (row,) = await stage.rows(visit)
    assert (row["utm_source"], row["params"]["1"]) == ("a b\ufffd", "a b\ufffd")


# ------------------------------------------------------------------------------------------------ what is not let in


async def test_machines_are_told_that_there_is_no_visit_and_are_counted(stage: Stage) -> None:
    for answer in (
        await stage.show(agent=GOOGLEBOT, addresses=[SALES]),
        await stage.show(agent="", addresses=[SALES]),
        await stage.show(webdriver=True, addresses=[SALES]),
    ):
        assert (answer.visit, answer.token, answer.enabled, answer.substitutes) == (None, None, False, {})
        assert answer.heartbeat == 60
    assert await stage.drops() == {(stage.site.id, "bot"): 2, (stage.site.id, "webdriver"): 1}
    assert await stage.rows(visit) == []


async def test_a_site_switched_off_is_noticed_within_seconds(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show()
    await set_site(stage.services, stage.site.id, enabled=False)
    clock.advance(FRESH)
    assert (await stage.again(first)).visit is None
    await set_site(stage.services, stage.site.id, enabled=True)
    clock.advance(FRESH)
    assert (await stage.again(first)).visit == first.visit
    assert await stage.drops() == {(stage.site.id, "site_off"): 1}


async def test_whose_hit_is_not_the_sites_hears_why_and_is_counted(stage: Stage) -> None:
    site = stage.site.id
    foreign = await stage.ask(origin="https://evil.test")
    assert isinstance(foreign.value, Forbidden)
    assert "evil.test" in foreign.value.detail
    assert not foreign.own
    elsewhere = await stage.ask("https://evil.test/", origin="https://shop.example")
    assert isinstance(elsewhere.value, Forbidden)
    assert elsewhere.own
    stage.site = replace(stage.site, key="wf_nobody")
    unknown = await stage.ask()
    assert isinstance(unknown.value, NotFound)
    assert "wf_nobody" in unknown.value.detail
    assert await stage.drops() == {(site, "foreign_origin"): 1, (site, "foreign_page"): 1, (0, "unknown_site"): 1}


@pytest.mark.parametrize("key", ["", "wf_" + "x" * 9000, "wf_\x00", "wf_ü", "'; drop table visit; --"])
async def test_a_strange_key_is_an_unknown_one(stage: Stage, key: str) -> None:
    stage.site = replace(stage.site, key=key)
    assert isinstance((await stage.ask()).value, NotFound)


async def test_a_body_that_does_not_fit_is_counted_under_the_site_it_names(stage: Stage) -> None:
    reply = await stage.ask(addresses="none")
    assert isinstance(reply.value, BadInput)
    assert "$.addresses" in reply.value.detail
    assert reply.own
    reply = await stage.collector.collect(b"{nonsense", Caller("", "", None))
    assert isinstance(reply.value, BadInput)
    assert "byte 1" in reply.value.detail
    assert await stage.drops() == {(stage.site.id, "bad_json"): 1, (0, "bad_json"): 1}


async def test_drops_at_once_are_all_counted_and_days_apart(stage: Stage, clock: FixedClock) -> None:
    await asyncio.gather(*(stage.show(agent=GOOGLEBOT) for _ in range(30)))
    clock.advance(timedelta(days=1))
    await stage.show(agent=GOOGLEBOT)
    async with stage.services.db.read() as tx:
        counts = await store.list_drops(tx, stage.site.id)
        today = await store.list_drops(tx, stage.site.id, clock.now().date().isoformat())
    assert [(one.day, one.count) for one in counts] == [("2026-11-03", 1), ("2026-11-02", 30)]
    assert [one.count for one in today] == [1]


# ------------------------------------------------------------------------------------------------ a database in trouble


async def test_a_database_that_is_too_slow_is_not_waited_for(services: Services) -> None:
    stage = await set_stage(services)
    await stage.show()
    stage.collector.time_limit = 0.2
    async with services.db.write() as tx:  # holds SQLite's one writer; PostgreSQL waits for the row
        await tx.execute(visit.update().values(first_visit=1))
        first = (await rows(services, visit))[0]
        token = services.tokens.sign("visitor", f"{stage.site.id}:{first['visitor_id']}")
        reply = await stage.ask(visitor=token, addresses=[SALES])
    assert isinstance(reply.value, Unavailable)
    assert reply.own
    (notice,) = services.load.notices()
    assert notice == "the database writes more slowly than visitors can wait; given up: late (1 since the start)"
    stage.collector.time_limit = 60
    answer = await stage.show(visitor=token, addresses=[SALES])
    assert (answer.visit, list(answer.substitutes)) == ("1", [SALES])
    await stage.show(agent=GOOGLEBOT)
    assert await stage.drops() == {(stage.site.id, "unavailable"): 1, (stage.site.id, "bot"): 1}


async def test_a_database_in_pieces_is_unavailable_and_not_an_error_page(stage: Stage) -> None:
    await stage.show()
    async with stage.services.db.write() as tx:
        await tx.execute(text("drop table visit"))
    assert isinstance((await stage.ask()).value, Unavailable)


async def test_a_page_of_a_site_that_cannot_be_read_anew_hears_that_the_database_is_in_trouble(
    stage: Stage, clock: FixedClock
) -> None:
    """Without the site's hosts the browser would keep the answer from the script, with its Retry-After."""
    await stage.show()
    clock.advance(timedelta(minutes=1))
    async with stage.services.db.write() as tx:
        await tx.execute(text("drop table host"))
    reply = await stage.ask()
    assert isinstance(reply.value, Unavailable)
    assert reply.own


async def test_a_hit_that_cannot_lend_leaves_nothing_behind(stage: Stage) -> None:
    await add_target(stage.services, stage.site.id, "info@company.com", Options(strategy="plus"))
    async with stage.services.db.write() as tx:
        await tx.execute(text("drop table lease"))
    assert isinstance((await stage.ask(addresses=["info@company.com"])).value, Unavailable)
    assert [await stage.rows(table) for table in (visit, pageview)] == [[], []]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # whose one writer nobody passes
async def test_pages_that_were_told_to_ask_again_are_not_written_after_all(stage: Stage) -> None:
    """What waits when its time is over is taken out of the line."""
    await stage.show()
    stage.collector.time_limit = 1.0
    async with stage.services.db.write():
        first = asyncio.create_task(stage.ask())
        await asyncio.sleep(0.05)  # it is under way, and those that come now wait for it
        replies = await asyncio.gather(first, *(stage.ask() for _ in range(3)))
    assert [type(reply.value) for reply in replies] == [Unavailable] * 4
    stage.collector.time_limit = 60
    assert (await stage.show()).new
    assert len(await stage.rows(visit)) == 3  # the first page, the one that was under way, the last


async def test_who_shows_the_right_tokens_hears_the_same_again(stage: Stage) -> None:
    first = await stage.show()
    again = await stage.again(first)
    assert (again.visit, again.token, again.visitor) == (first.visit, first.token, first.visitor)
    other = await stage.show(visit="bm90aGluZw..AAAAAAAAAAAAAAAAAAAAAA", visitor=first.visitor)
    assert (other.visit, other.token, other.visitor) == (first.visit, first.token, first.visitor)
