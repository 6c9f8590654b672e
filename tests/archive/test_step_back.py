"""A clock that is set back makes nothing wait for longer than it was to wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.full_tables import as_stored, fill
from wherefrom.archive.step_back import ClockWatch
from wherefrom.archive.store import move_back, set_mark
from wherefrom.archive.tables import clock_mark
from wherefrom.clock import BackwardSteps, FixedClock, from_ms
from wherefrom.db import Database
from wherefrom.events.tables import alarm
from wherefrom.services import Services
from wherefrom.tokens import Ids
from wherefrom.webhooks.tables import delivery


class _Watch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("wall", "told"),
    [(5, 0), (3605, 0), (-20, 0), (-3595, 3600), (-55, 60)],
    ids=["goes", "leap", "kept", "hour", "minute"],
)
def test_a_clock_that_is_set_back_is_noticed_and_one_that_is_kept_right_is_not(wall: float, told: float) -> None:
    clock, watch = FixedClock(), _Watch()
    steps = BackwardSteps(clock, watch)
    clock.advance(timedelta(seconds=wall))
    watch.seconds += 5
    assert steps.look() == timedelta(seconds=told)
    assert steps.look() == timedelta(0)


async def test_what_is_planned_comes_as_much_earlier_and_what_is_due_stays(services: Services) -> None:
    await fill(services.settings.database.url)
    twin = as_stored(delivery).c
    query = select(twin.id, twin.next_at, twin.created_at).order_by(twin.id)
    async with services.db.read() as tx:
        before = [tuple(row) for row in await tx.execute(query)]
    async with services.db.write() as tx:
        await move_back(tx, from_ms(1), timedelta(hours=1))
    async with services.db.read() as tx:
        after = [tuple(row) for row in await tx.execute(query)]
    assert after == [(id_, at - 3_600_000 if at > 1 else at, made) for id_, at, made in before]
    assert after != before


async def test_a_step_of_a_clock_that_goes_right_moves_nothing(services: Services, clock: FixedClock) -> None:
    before = await plan(services, clock.now() + timedelta(hours=2))
    await ClockWatch(services).step()
    for seconds in (2, 3600):
        clock.advance(timedelta(seconds=seconds))
        await ClockWatch(services).step()
    assert await planned(services) == before


@pytest.mark.parametrize(("down", "moved"), [(0, 60), (45, 15), (60, 0), (90, 0)])
async def test_after_a_start_nothing_waits_longer_than_it_was_to_wait_at_the_stop(
    services: Services, clock: FixedClock, down: int, moved: int
) -> None:
    """The clock is set back by an hour while the service is down for so many minutes."""
    await ClockWatch(services).step()
    before = await plan(services, clock.now() + timedelta(minutes=10))
    clock.advance(timedelta(minutes=down - 60))
    await ClockWatch(services).step()
    assert await planned(services) == before - timedelta(minutes=moved)
    await ClockWatch(services).step()  # once is enough, for this process and for the others of the machine
    assert await planned(services) == before - timedelta(minutes=moved)


async def test_ids_go_on_after_those_of_before(services: Services, clock: FixedClock) -> None:
    clock.advance(timedelta(days=3650))
    await ClockWatch(services).step()
    last = Ids(0)
    last.pass_by(clock.now() - timedelta(milliseconds=1))
    before = last.next()
    clock.advance(timedelta(days=-3650))
    started = replace(services, ids=Ids(0))
    assert started.ids.next() < before
    await ClockWatch(started).step()
    assert started.ids.next() > before


async def test_of_two_processes_of_a_machine_that_notice_one_moves_all(services: Services, clock: FixedClock) -> None:
    watch = _Watch()
    watches = [ClockWatch(services), ClockWatch(services)]
    for one in watches:
        one.steps = BackwardSteps(clock, watch)
        await one.step()
    before = await plan(services, clock.now() + timedelta(hours=2))
    clock.advance(timedelta(hours=-1))
    for one in watches:
        await one.step()
    assert await planned(services) == before - timedelta(hours=1)
    for one in watches:  # and neither owes anything
        clock.advance(timedelta(seconds=30))
        watch.seconds += 30
        await one.step()
    assert await planned(services) == before - timedelta(hours=1)


async def test_a_step_met_while_the_database_is_away_is_made_up_for(
    services: Services, clock: FixedClock, tmp_path: Path
) -> None:
    watch = _Watch()
    one = ClockWatch(services)
    one.steps = BackwardSteps(clock, watch)
    await one.step()
    before = await plan(services, clock.now() + timedelta(hours=2))
    clock.advance(timedelta(hours=-1))
    empty = Database(f"sqlite:///{tmp_path}/empty.db")
    one.services = replace(services, db=empty)
    with pytest.raises(Exception, match="clock_mark"):
        await one.step()
    await empty.close()
    one.services = services
    await one.step()
    assert await planned(services) == before - timedelta(hours=1)


async def test_machines_that_are_gone_for_good_are_forgotten(services: Services, clock: FixedClock) -> None:
    async with services.db.write() as tx:
        for machine, days in (("away", 91), ("at rest", 89)):
            await set_mark(tx, machine, clock.now() - timedelta(days=days))
    await ClockWatch(services).step()
    async with services.db.read() as tx:
        known = set(await tx.scalars(select(clock_mark.c.machine)))
    assert "at rest" in known
    assert "away" not in known
    assert len(known) == 2  # and this one


async def plan(services: Services, at: datetime) -> datetime:
    """Something that waits for ``at``."""
    async with services.db.write() as tx:
        await tx.execute(alarm.insert().values(site_id=1, id=1, next_at=at, tries=0, told=[]))
    return at


async def planned(services: Services) -> datetime:
    async with services.db.read() as tx:
        found = await tx.scalar(select(alarm.c.next_at))
    assert found is not None
    return found
