"""A clock that is set back makes nothing wait for longer than it was to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.full_tables import as_stored, fill
from wherefrom.archive.step_back import ClockWatch
from wherefrom.archive.store import move_back
from wherefrom.clock import BackwardSteps, FixedClock, from_ms
from wherefrom.services import Services
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
    watch = ClockWatch(services)
    clock.advance(timedelta(seconds=2))
    assert not await watch.step()
