"""B01: the size a pool should have is the same, whatever was counted beforehand and whatever happened since."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs

from tests.inbox.rows import Rows
from tests.substitution.samples import HOLD, MINUTE, Desk, pool_text
from wherefrom.archive.retention import forget_old
from wherefrom.archive.store import move_back
from wherefrom.services import Services
from wherefrom.settings import Retention
from wherefrom.substitution.hours import REST, PoolHours
from wherefrom.substitution.sizing import HOUR
from wherefrom.substitution.store.hours import list_hours, settle_hours
from wherefrom.substitution.tables import lease, pool_hour
from wherefrom.substitution.use import PoolUse, find_pool_use


async def roll(services: Services, rest: timedelta = timedelta()) -> None:
    """All hours that can be counted are."""
    worker = PoolHours(services, rest)
    for _ in range(100):
        if not await worker.step():
            return
    raise AssertionError("it finds work for ever")


async def count_anew(services: Services, target_id: int) -> PoolUse:
    """From the leases alone."""
    async with services.db.write() as tx:
        kept = [row._asdict() for row in await tx.execute(select(pool_hour))]
        await tx.execute(pool_hour.delete())
    found = await find_pool_use(services, 1, target_id)
    if kept:
        async with services.db.write() as tx:
            await tx.execute(pool_hour.insert(), kept)
    return found


async def count_hours(services: Services) -> int:
    async with services.db.read() as tx:
        return int(await tx.scalar(select(func.count()).where(pool_hour.c.counted)))


@pytest.mark.parametrize("seed", range(2))
async def test_b01_what_was_counted_before_equals_a_count_of_the_leases(services: Services, seed: int) -> None:
    chance, rows, desk = random.Random(seed), Rows(services), Desk(services)
    await rows.site()
    one = await desk.add(strategy="pool", pool=pool_text(3), when_empty=("real", "share")[seed])
    visits = [0]
    for _ in range(60):
        deed = chance.randrange(10)
        visit = chance.choice(visits[-4:]) if deed < 6 and len(visits) > 1 else visits[-1] + 1
        if visit == visits[-1] + 1:
            visits.append(visit)
            now = desk.clock.now()
            await rows.visit(visit, started_at=now, last_seen_at=now)
        await (desk.touch(visit) if deed < 3 else desk.lend(visit))
        desk.wait(chance.choice((MINUTE, 9 * MINUTE, 20 * MINUTE, 50 * MINUTE, 3 * HOUR)))
        if deed == 9:
            await roll(services)
        if chance.randrange(4) == 0:
            assert await find_pool_use(services, 1, one.id) == await count_anew(services, one.id)
    await roll(services)
    assert await count_hours(services) >= 72
    assert await find_pool_use(services, 1, one.id) == await count_anew(services, one.id)
    kept = msgspec.structs.replace(services.settings, retention=Retention(visits_days=1))
    await forget_old(replace(services, settings=kept))
    assert await find_pool_use(services, 1, one.id) == await count_anew(services, one.id)
    await roll(services)
    assert await find_pool_use(services, 1, one.id) == await count_anew(services, one.id)


async def _use_after(desk: Desk, target_id: int) -> tuple[PoolUse, PoolUse]:
    return await find_pool_use(desk.services, 1, target_id), await count_anew(desk.services, target_id)


async def test_b01_hours_that_are_over_are_read_as_they_were_counted(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(3))
    await desk.lend(1)
    desk.wait(2 * HOUR)
    await roll(desk.services)
    async with desk.services.db.write() as tx:
        await tx.execute(update(pool_hour).values(wanted=pool_hour.c.wanted * 40))
    assert (await find_pool_use(desk.services, 1, one.id)).peak == 40


@pytest.mark.parametrize("way", ["lend", "touch"])
async def test_b01_a_lease_that_holds_on_after_its_time_was_out_meanwhile(desk: Desk, way: str) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(3))
    await desk.lend(1)
    desk.wait(3 * HOUR)
    await roll(desk.services)
    before = await find_pool_use(desk.services, 1, one.id)
    await (desk.lend(1) if way == "lend" else desk.touch(1))
    after, anew = await _use_after(desk, one.id)
    assert after == anew != before
    assert [hour.peak for hour in after.hours[-4:]] == [1, 1, 1, 1]


async def test_b01_what_was_counted_is_not_kept_when_a_lease_held_on_meanwhile(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(3))
    await desk.lend(1)
    desk.wait(3 * HOUR)
    assert await PoolHours(desk.services, timedelta()).step(), "the hours are begun"
    async with desk.services.db.read() as tx:
        begun = await list_hours(tx, 1, one.id, desk.clock.now() - 72 * HOUR, desk.clock.now())
    await desk.touch(1)
    async with desk.services.db.write() as tx:  # of leases as they were before
        await settle_hours(tx, 1, one.id, begun, {hour.begin: (0, 0) for hour in begun})
    after, anew = await _use_after(desk, one.id)
    assert after == anew
    assert after.hours[-3].peak == 1


async def test_b01_old_hours_are_forgotten(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    await roll(desk.services)
    desk.wait(40 * 24 * HOUR)
    await roll(desk.services)
    assert await count_hours(desk.services) == 72


async def test_b01_an_hour_is_counted_a_minute_after_it_was_begun(desk: Desk) -> None:
    await desk.add(strategy="pool", pool=pool_text(3))
    worker = PoolHours(desk.services)
    assert await worker.step()
    assert not await worker.step()
    assert await count_hours(desk.services) == 0
    desk.wait(REST)
    await roll(desk.services, REST)
    assert await count_hours(desk.services) == 72


async def test_b01_another_time_to_hold_counts_anew(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    await desk.lend(1)
    await desk.lend(2)
    desk.wait(2 * HOUR)
    await roll(desk.services)
    group = msgspec.structs.replace(desk.services.settings.substitution, hold_minutes=90)
    longer = replace(desk.services, settings=msgspec.structs.replace(desk.services.settings, substitution=group))
    assert await find_pool_use(longer, 1, one.id) == await count_anew(longer, one.id)
    await roll(longer)
    assert [hour.peak for hour in (await find_pool_use(longer, 1, one.id)).hours].count(1) == 1


async def test_b01_a_clock_that_is_set_back_has_hours_counted_anew(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(3))
    await roll(desk.services)
    desk.wait(-4 * HOUR)
    async with desk.services.db.write() as tx:
        await move_back(tx, desk.clock.now(), 4 * HOUR)
    await desk.lend(1)
    after, anew = await _use_after(desk, one.id)
    assert after == anew
    desk.wait(2 * HOUR)
    await roll(desk.services)
    after, anew = await _use_after(desk, one.id)
    assert after == anew
    assert after.peak == 1


async def test_b01_hours_with_codes_of_before_there_was_a_pool_are_not_counted_beforehand(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(3))
    await desk.lend(1)
    async with desk.services.db.write() as tx:
        await tx.execute(update(lease).values(strategy="plus"))
    desk.wait(HOLD + HOUR)
    await roll(desk.services)
    assert await count_hours(desk.services) < 72
    after, anew = await _use_after(desk, one.id)
    assert after == anew
    assert after.peak == 1


async def test_b01_a_damaged_pool_keeps_no_other_pool_from_being_counted(desk: Desk) -> None:
    damaged = await desk.add(strategy="pool", pool=pool_text(3))
    other = await desk.add("help@company.com", strategy="pool", pool=pool_text(3, "help"))
    worker = PoolHours(desk.services)
    assert await worker.step()
    async with desk.services.db.write() as tx:
        await tx.execute(
            text("UPDATE pool_hour SET begun_at = :never WHERE target_id = :damaged"),
            {"never": 2**62, "damaged": damaged.id},
        )
    desk.wait(REST)
    with capture_logs() as logs, pytest.raises((OverflowError, ValueError)):
        await roll(desk.services, REST)
    assert {one["site"] for one in logs if one["event"] == "work for a site failed"} == {1}
    async with desk.services.db.read() as tx:
        counted = await list_hours(tx, 1, other.id, desk.clock.now() - 72 * HOUR, desk.clock.now())
    assert any(hour.counted for hour in counted)
