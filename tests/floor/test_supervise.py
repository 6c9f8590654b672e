"""Workers are kept alive and stopped politely; the bell loses no ring."""

import asyncio

import pytest

from wherefrom.clock import SystemClock
from wherefrom.supervise import Bell, Resident, Supervisor, Worker, next_delay


async def test_a_ring_between_looking_and_waiting_is_not_lost() -> None:
    bell = Bell()
    before = bell.count("events")
    bell.ring("events")
    assert await bell.wait("events", 60, since=before)


async def test_a_waiter_is_woken_by_its_own_topic_only() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait("events", 60))
    await asyncio.sleep(0)
    bell.ring("messages")
    await asyncio.sleep(0)
    assert not waiting.done()
    bell.ring("events")
    assert await waiting


async def test_waiting_ends_by_itself_when_nothing_rings() -> None:
    assert not await Bell().wait("events", 0.001)


async def test_a_worker_steps_while_there_is_work_then_waits_for_its_bell() -> None:
    bell, stop, idle = Bell(), asyncio.Event(), asyncio.Event()
    work, done = [3], []

    async def step() -> bool:
        if not work[0]:
            idle.set()
            return False
        work[0] -= 1
        done.append(work[0])
        return True

    running = asyncio.create_task(Supervisor([Worker("counting", step, 60, "work")], bell, SystemClock()).run(stop))
    await asyncio.wait_for(idle.wait(), 60)
    assert done == [2, 1, 0]
    idle.clear()
    work[0] = 1
    bell.ring("work")
    await asyncio.wait_for(idle.wait(), 60)
    assert done == [2, 1, 0, 0]
    stop.set()
    await asyncio.wait_for(running, 60)


async def test_a_worker_that_dies_is_started_again_and_its_fault_is_told() -> None:
    bell, stop, again = Bell(), asyncio.Event(), asyncio.Event()
    tries = []

    async def step() -> bool:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("the first time fails")
        again.set()
        return False

    supervisor = Supervisor([Worker("fragile", step, 60, "work")], bell, SystemClock())
    running = asyncio.create_task(supervisor.run(stop))
    await asyncio.wait_for(again.wait(), 60)
    state = supervisor.states["fragile"]
    assert (state.restarts, state.fault, state.status) == (1, "ValueError: the first time fails", "running")
    stop.set()
    await asyncio.wait_for(running, 60)
    assert state.status == "stopped"


async def test_a_step_under_way_ends_before_the_stop() -> None:
    bell, stop, begun = Bell(), asyncio.Event(), asyncio.Event()
    ended = []

    async def step() -> bool:
        begun.set()
        await stop.wait()
        await asyncio.sleep(0)
        ended.append(1)
        return True

    running = asyncio.create_task(Supervisor([Worker("slow", step, 60, "work")], bell, SystemClock()).run(stop))
    await begun.wait()
    stop.set()
    await asyncio.wait_for(running, 60)
    assert ended == [1]


async def test_a_resident_that_ignores_the_stop_is_cancelled_after_the_grace() -> None:
    stop, begun = asyncio.Event(), asyncio.Event()

    async def stubborn(_stop: asyncio.Event) -> None:
        begun.set()
        await asyncio.Event().wait()

    supervisor = Supervisor([Resident("stubborn", stubborn)], Bell(), SystemClock(), grace=0.05)
    running = asyncio.create_task(supervisor.run(stop))
    await begun.wait()
    stop.set()
    await asyncio.wait_for(running, 60)


def test_the_delay_grows_while_it_fails_at_once_and_is_short_again_after_a_good_run() -> None:
    grown = [1.0]
    for _ in range(8):
        grown.append(next_delay(grown[-1], lived=0.5))
    assert grown == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert next_delay(60.0, lived=61.0) == 1.0


async def test_a_run_that_is_cancelled_leaves_no_worker_behind() -> None:
    ended, begun = asyncio.Event(), asyncio.Event()

    async def works_on(_stop: asyncio.Event) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    running = asyncio.create_task(Supervisor([Resident("on", works_on)], Bell(), SystemClock()).run(asyncio.Event()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
