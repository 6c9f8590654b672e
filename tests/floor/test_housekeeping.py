"""Periodic work: what is due runs, what is not waits, and one fault stops nothing else."""

import os
import random
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from wherefrom.accounts import store
from wherefrom.app import background
from wherefrom.clock import FixedClock
from wherefrom.housekeeping import CHORES, LONGEST_START, Chore, Housekeeping
from wherefrom.services import Services
from wherefrom.supervise import Worker
from wherefrom.tokens import hash_token

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Diary:
    """Chores that write down that they ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def chore(self, name: str, period: timedelta, fault: Exception | None = None) -> Chore:
        async def run(_services: Services) -> int:
            self.ran.append(name)
            if fault is not None:
                raise fault
            return 1

        return Chore(name, run, period)

    def take(self) -> list[str]:
        ran, self.ran = self.ran, []
        return ran


async def test_what_is_due_runs_and_what_is_not_waits(services: Services, clock: FixedClock) -> None:
    diary = Diary()
    house = Housekeeping(services, (diary.chore("often", HOUR), diary.chore("rarely", 6 * HOUR)))
    clock.advance(LONGEST_START)
    assert await house.step() is False
    assert diary.take() == ["often", "rarely"]
    clock.advance(HOUR - MINUTE)
    await house.step()
    assert diary.take() == []
    clock.advance(MINUTE)
    await house.step()
    assert diary.take() == ["often"]
    clock.advance(5 * HOUR)
    await house.step()
    assert diary.take() == ["often", "rarely"]


async def test_time_slept_through_is_not_made_up_for(services: Services, clock: FixedClock) -> None:
    diary = Diary()
    house = Housekeeping(services, (diary.chore("often", HOUR),))
    clock.advance(100 * HOUR)
    await house.step()
    await house.step()
    assert diary.take() == ["often"]


async def test_a_chore_that_fails_stops_no_other_and_is_tried_again_at_its_time(
    services: Services, clock: FixedClock
) -> None:
    diary = Diary()
    house = Housekeeping(services, (diary.chore("bad", HOUR, OSError("the disk is full")), diary.chore("good", HOUR)))
    clock.advance(LONGEST_START)
    with capture_logs() as logged:
        await house.step()
    assert diary.take() == ["bad", "good"]
    assert [(line["log_level"], line["chore"]) for line in logged if line["log_level"] == "error"] == [("error", "bad")]
    await house.step()
    assert diary.take() == []
    clock.advance(HOUR)
    await house.step()
    assert diary.take() == ["bad", "good"]


@pytest.mark.parametrize("period", [MINUTE, 6 * HOUR])
async def test_processes_started_together_begin_at_moments_of_their_own(
    services: Services, clock: FixedClock, period: timedelta
) -> None:
    chore = Diary().chore("any", period)
    starts = [Housekeeping(services, (chore,), random.Random(n)).due_at("any") - clock.now() for n in range(50)]
    assert len(set(starts)) > 40
    assert min(starts) >= timedelta(0)
    assert max(starts) <= min(period, LONGEST_START)


def test_no_two_chores_share_a_name() -> None:
    assert len({chore.name for chore in CHORES}) == len(CHORES)


async def test_the_service_forgets_expired_logins_and_sweeps_unfinished_blobs(
    services: Services, clock: FixedClock
) -> None:
    whole = await services.blobs.put(b"whole")
    left = services.blobs.path(whole).parents[1] / "incoming" / "left by a crash"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    async with services.db.write() as tx:
        await store.add_user(tx, store.User(1, "ann@company.com", clock.now()), "hash")
        await store.add_login(tx, hash_token("old"), 1, clock.now(), clock.now() + MINUTE)
        await store.add_login(tx, hash_token("new"), 1, clock.now(), clock.now() + HOUR)
    (worker,) = [one for one in background(services) if one.name == "housekeeping"]
    assert isinstance(worker, Worker)
    clock.advance(LONGEST_START)
    await worker.step()
    assert not left.exists()
    assert await services.blobs.get(whole) == b"whole"
    clock.advance(-LONGEST_START)  # at a time when both were good: the old one is not only refused but gone
    async with services.db.read() as tx:
        assert await store.find_login(tx, hash_token("old"), clock.now()) is None
        assert await store.find_login(tx, hash_token("new"), clock.now()) is not None
