"""What is believed of a visit that goes on, without being looked up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import msgspec

from tests.visits.stage import AGENTS, PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.db import Database
from wherefrom.substitution.add import add_target
from wherefrom.substitution.tables import lease
from wherefrom.substitution.target import Options
from wherefrom.visits import store
from wherefrom.visits.collect import Collector
from wherefrom.visits.recent import Recent
from wherefrom.visits.tables import pageview, visit


@asynccontextmanager
async def elsewhere(stage: Stage, url: str) -> AsyncIterator[Stage]:
    """The same site in another process."""
    db = Database(url)
    try:
        services = replace(stage.services, db=db)
        yield Stage(services, Collector(services, agents=AGENTS), stage.site)
    finally:
        await db.close()


async def test_a_visit_that_was_forgotten_between_two_pages_begins_anew_and_leaves_nothing(stage: Stage) -> None:
    first = await stage.show(addresses=[SALES])
    await stage.again(first, addresses=[SALES])
    await stage.forget(1)
    answer = await stage.again(first, addresses=[SALES])
    assert (answer.visit, answer.first_visit, answer.new) == ("2", "2", True)
    assert [row["id"] for row in await stage.rows(visit)] == [2]
    assert {row["visit_id"] for row in await stage.rows(pageview)} <= {2}
    assert (await stage.again(answer, addresses=[SALES])).visit == "2"


async def test_of_pages_at_once_the_one_of_a_forgotten_visit_begins_anew_and_the_others_go_on(stage: Stage) -> None:
    firsts = [await stage.show(addresses=[SALES]) for _ in range(6)]
    for first in firsts:
        await stage.again(first, addresses=[SALES])
    await stage.forget(3)
    answers = await asyncio.gather(*(stage.again(first, addresses=[SALES]) for first in firsts))
    new = answers.pop(2)
    assert (new.new, new.first_visit) == (True, new.visit)
    assert [(answer.visit, answer.new) for answer in answers] == [(one, False) for one in "12456"]
    assert [row["pageviews"] for row in await stage.rows(visit)] == [3, 3, 3, 3, 3, 1]


async def test_a_visit_that_another_process_has_kept_alive_goes_on(
    stage: Stage, clock: FixedClock, database_url: str
) -> None:
    first = await stage.show()
    await stage.again(first)
    async with elsewhere(stage, database_url) as other:
        clock.advance(timedelta(minutes=25))
        await other.again(first)
        clock.advance(timedelta(minutes=25))
        answer = await stage.again(first)
    assert (answer.visit, answer.new) == ("1", False)
    (row,) = await stage.rows(visit)
    assert (row["pageviews"], row["last_seen_at"]) == (4, clock.now())


async def test_what_pages_tell_in_two_processes_is_all_kept(stage: Stage, database_url: str) -> None:
    first = await stage.show(params={"a": "1"})
    await stage.again(first)
    async with elsewhere(stage, database_url) as other:
        await other.again(first, params={"b": "2"})
        await stage.again(first, params={"a": "1"})
        await stage.again(first, params={"c": "3"}, ym_uid="77")
    (row,) = await stage.rows(visit)
    assert (row["params"], row["ym_uid"], row["pageviews"]) == ({"a": "1", "b": "2", "c": "3"}, "77", 5)


async def test_a_page_that_goes_on_is_a_sign_of_life_of_what_was_lent(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show(addresses=[SALES])
    for minutes in (1, 2, 20, 3):
        clock.advance(timedelta(minutes=minutes))
        answer = await stage.again(first, addresses=[SALES])
        assert answer.substitutes == first.substitutes
        (row,) = await stage.rows(lease)
        assert row["last_seen_at"] == clock.now()
        assert (await stage.rows(visit))[0]["last_seen_at"] == clock.now()


async def test_an_address_that_is_met_later_and_one_whose_target_changed_are_lent_anew(stage: Stage) -> None:
    await add_target(stage.services, stage.site.id, "info@company.com", Options(strategy="plus"))
    first = await stage.show(addresses=[SALES])
    await stage.again(first, addresses=[SALES])
    both = await stage.again(first, addresses=[SALES, "info@company.com"])
    assert sorted(both.substitutes) == ["info@company.com", SALES]
    assert both.substitutes[SALES] == first.substitutes[SALES]
    await stage.again(first)
    again = await stage.again(first, addresses=["info@company.com"])
    assert again.substitutes["info@company.com"] == both.substitutes["info@company.com"]
    assert len(await stage.rows(lease)) == 2


async def test_an_address_of_a_pool_is_looked_up_with_each_page(
    stage: Stage, clock: FixedClock, database_url: str
) -> None:
    pool = Options(strategy="pool")
    await add_target(stage.services, stage.site.id, "info@company.com", pool, "one@company.com")
    asked = [SALES, "info@company.com"]
    first = await stage.show(addresses=asked)
    await stage.again(first, addresses=asked)
    async with elsewhere(stage, database_url) as other:
        clock.advance(timedelta(minutes=20))  # over, and somebody else's
        assert sorted((await other.show(addresses=asked)).substitutes) == ["info@company.com", SALES]
        assert sorted((await stage.again(first, addresses=asked)).substitutes) == [SALES]


async def test_so_many_are_believed_and_no_more_the_longest_unseen_goes_first(stage: Stage) -> None:
    await stage.show(PAGE)
    async with stage.services.db.read() as tx:
        one = await store.find_visit(tx, stage.site.id, 1)
    assert one is not None
    recent = Recent(most=3)
    for number in (1, 2, 3, 1, 4):
        before = recent.find(1, number)
        recent.keep(msgspec.structs.replace(one, site_id=1, id=number), (), before, timedelta())
    assert [number for number in range(1, 6) if recent.find(1, number)] == [1, 3, 4]
    recent.keep(msgspec.structs.replace(one, site_id=1, id=6), (), None, timedelta(minutes=61))
    assert [number for number in range(1, 7) if recent.find(1, number)] == [6], "the others were seen an hour before"
    recent.keep(msgspec.structs.replace(one, site_id=1, id=4), (), None, timedelta(minutes=62))
    recent.keep(msgspec.structs.replace(one, site_id=1, id=5, landing_page="x" * 2000), (), None, timedelta())
    assert recent.find(1, 5) is None
    recent.forget(1, 4)
    assert recent.find(1, 4) is None
