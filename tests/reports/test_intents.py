"""What visits did with addresses, hour by hour: it equals a count of the rows, whatever is counted beforehand and
whatever changes later."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import func, select, update

from tests.inbox.letters import Post, letter
from tests.reports.rows import Traffic, make_traffic
from wherefrom.archive.retention import forget_old
from wherefrom.archive.store import move_back
from wherefrom.clock import FixedClock
from wherefrom.errors import NotFound, Unprocessable
from wherefrom.inbox.correct import correct_match
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.inbox.store.old_visits import forget_visits
from wherefrom.inbox.tables import match
from wherefrom.reports.intents import KEPT, REST, IntentHours, sum_deeds
from wherefrom.reports.store.spans import hold_still
from wherefrom.services import Services
from wherefrom.settings import Retention
from wherefrom.sites.add import add_site
from wherefrom.visits.hours_store import Deeds, list_hours, settle_hours
from wherefrom.visits.tables import DEEDS, intent, intent_hour

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODED = "sales+k7f3q9x2@company.example"


async def roll(services: Services, rest: timedelta = timedelta()) -> None:
    """All hours that can be counted are."""
    worker = IntentHours(services, rest)
    for _ in range(100):
        if not await worker.step():
            return
    raise AssertionError("it finds work for ever")


async def count_hours(services: Services) -> int:
    async with services.db.read() as tx:
        return int(await tx.scalar(select(func.count()).where(intent_hour.c.counted)))


async def ask(services: Services, site_id: int, begin: datetime, end: datetime) -> Deeds:
    async with services.db.read() as tx:
        await hold_still(tx)
        return {kind: one for kind, one in (await sum_deeds(tx, site_id, begin, end)).items() if one[0]}


async def recount(services: Services, site_id: int, begin: datetime, end: datetime) -> Deeds:
    """From the rows, one by one."""
    async with services.db.read() as tx:
        signs = (await tx.execute(select(intent.c.visit_id, intent.c.kind, intent.c.seen_at))).all()
        writers = set(await tx.scalars(select(match.c.visit_id).where(match.c.site_id == site_id)))
    first: dict[tuple[int, str], datetime] = {}
    for visit_id, kind, at in signs:
        first[visit_id, kind] = min(at, first.get((visit_id, kind), at))
    mine = [(visit_id, kind) for (visit_id, kind), at in first.items() if kind in DEEDS and begin <= at < end]
    visits, written = Counter(kind for _, kind in mine), Counter(kind for one, kind in mine if one in writers)
    return {kind: (count, written[kind]) for kind, count in visits.items()}


async def hold_to_recount(traffic: Traffic, times: int = 3) -> None:
    """Reports on periods by chance, of which many begin and end within hours."""
    chance, services, site_id = traffic.chance, traffic.services, traffic.rows.site_id
    for _ in range(times):
        end = traffic.clock.now() - timedelta(minutes=chance.choice((0, 7, 60, 26 * 60)))
        begin = end.replace(minute=chance.choice((0, end.minute))) - timedelta(hours=chance.randrange(1, 190))
        assert await ask(services, site_id, begin, end) == await recount(services, site_id, begin, end)


async def _change(traffic: Traffic) -> None:
    """One thing that a person or retention does."""
    services, site_id, chance = traffic.services, traffic.rows.site_id, traffic.chance
    message_id, _ = chance.choice(traffic.letters)
    deed = chance.randrange(8)
    try:
        if deed < 4:
            visit_id = chance.choice([None, *(number for number, _ in traffic.visits)])
            await correct_match(services, site_id, message_id, visit_id, "Anna")
        elif deed < 6:
            async with services.db.write() as tx:
                await forget_letters(tx, site_id, [message_id])
        elif deed == 6:
            async with services.db.write() as tx:
                end = services.clock.now() + 400 * DAY
                await forget_visits(tx, site_id, [chance.choice(traffic.visits)[0]], end, end, [])
        else:
            kept = Retention(letters_days=chance.choice((0, 6)), visits_days=chance.choice((5, 7)))
            await forget_old(replace(services, settings=msgspec.structs.replace(services.settings, retention=kept)))
    except (NotFound, Unprocessable):
        return  # the letter, or the visit, is not there any more


@pytest.mark.parametrize("seed", range(2))
async def test_e05_what_was_counted_before_equals_a_count_of_the_rows(
    services: Services, clock: FixedClock, seed: int
) -> None:
    traffic = await make_traffic(services, clock, seed)
    await traffic.add_visits(40, 7)
    await traffic.add_letters(20, 7)
    await hold_to_recount(traffic, 2)
    await roll(services)
    assert await count_hours(services) > 24 * 5
    await hold_to_recount(traffic)
    for _ in range(5):
        for _ in range(3):
            await _change(traffic)
        await hold_to_recount(traffic, 2)
        await IntentHours(services, timedelta()).step()
        await hold_to_recount(traffic, 1)
        clock.advance(timedelta(hours=traffic.chance.choice((0, 1, 30)), minutes=7))
        await roll(services)
        await hold_to_recount(traffic, 2)


async def _click(services: Services, post: Post, at: datetime) -> None:
    target = await post.rows.target("sales@company.example")
    await post.rows.visit(7, started_at=at, last_seen_at=at)
    await post.rows.lease(7, target, CODED)
    await post.rows.intent(7, "mailto", CODED, at)


async def test_e05_a_letter_that_comes_hours_after_the_click_is_counted_with_it(
    services: Services, clock: FixedClock
) -> None:
    site = await add_site(services, "shop", ["company.example"])
    post = await Post.open(services, site.id)
    clicked = clock.now() - timedelta(minutes=5)
    await _click(services, post, clicked)
    clock.advance(3 * HOUR)
    await roll(services)
    period = site.id, clicked - DAY, clock.now() + HOUR
    assert await ask(services, *period) == {"mailto": (1, 0)}
    await post.receive(letter(CODED), at=clock.now())
    assert await ask(services, *period) == {"mailto": (1, 1)}, "before anybody has counted it anew"
    await roll(services)
    assert await ask(services, *period) == {"mailto": (1, 1)}


async def test_e05_hours_that_are_over_are_read_as_they_were_counted(services: Services, clock: FixedClock) -> None:
    traffic = await make_traffic(services, clock, 1)
    await traffic.add_visits(30, 3)
    await roll(services)
    period = traffic.rows.site_id, clock.now() - 4 * DAY, clock.now() - HOUR
    before = await ask(services, *period)
    async with services.db.write() as tx:
        await tx.execute(update(intent_hour).values(copy_visits=intent_hour.c.copy_visits * 2))
    after = await ask(services, *period)
    assert after["copy"][0] == 2 * before["copy"][0] > 0


async def test_e05_what_was_counted_is_not_kept_when_a_letter_came_meanwhile(
    services: Services, clock: FixedClock
) -> None:
    site = await add_site(services, "shop", ["company.example"])
    post = await Post.open(services, site.id)
    clicked = clock.now()
    await _click(services, post, clicked)
    clock.advance(2 * HOUR)
    assert await IntentHours(services, timedelta()).step(), "the hours are begun"
    async with services.db.read() as tx:
        begun = await list_hours(tx, site.id, clicked - DAY, clock.now())
    await post.receive(letter(CODED), at=clock.now())
    async with services.db.write() as tx:  # of rows as they were before
        await settle_hours(tx, site.id, begun, {clicked: {"mailto": (1, 0)}})
    assert await ask(services, site.id, clicked - DAY, clock.now()) == {"mailto": (1, 1)}


async def test_e05_an_hour_is_counted_a_minute_after_it_was_begun_and_one_of_long_ago_is_not_kept(
    services: Services, clock: FixedClock
) -> None:
    traffic = await make_traffic(services, clock, 2)
    await traffic.rows.visit(1)
    await traffic.rows.intent(1, "copy", CODED, clock.now())
    clock.advance(3 * HOUR)
    worker = IntentHours(services)
    assert await worker.step()
    assert not await worker.step()
    assert await count_hours(services) == 0
    clock.advance(REST)
    await roll(services, REST)
    assert await count_hours(services) == 2
    clock.advance(KEPT)
    assert await worker.step()
    assert await count_hours(services) == 0


async def test_e05_a_clock_that_is_set_back_has_its_hours_counted_anew(services: Services, clock: FixedClock) -> None:
    traffic = await make_traffic(services, clock, 3)
    await traffic.add_visits(10, 2)
    await roll(services)
    known = await count_hours(services)
    async with services.db.write() as tx:
        await move_back(tx, clock.now(), 3 * HOUR)
    assert known - 4 <= await count_hours(services) < known


async def test_e05_two_processes_that_count_at_once_leave_the_same_as_one(
    services: Services, clock: FixedClock
) -> None:
    traffic = await make_traffic(services, clock, 5)
    await traffic.add_visits(30, 4)
    await traffic.add_letters(10, 4)
    both = [IntentHours(services, timedelta()) for _ in range(2)]
    for _ in range(100):
        if not any(await asyncio.gather(*(one.step() for one in both))):
            break
    assert await count_hours(services) > 0
    await hold_to_recount(traffic, 5)
