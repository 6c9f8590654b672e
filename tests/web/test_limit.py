"""A limit that many blocks share: each ends in time, and none ends another."""

import asyncio

import pytest

from wherefrom.web.limit import TimeLimit

SHORT = 0.02
LONGER = 0.3  # than a busy machine keeps a process from what it is about to do


async def test_a_block_that_waits_too_long_is_told_so() -> None:
    limit = TimeLimit(SHORT)
    with pytest.raises(TimeoutError), limit.block():
        await asyncio.Event().wait()
    await asyncio.sleep(0)  # the task itself was not cancelled, and goes on


async def test_every_one_of_many_blocks_ends_and_those_that_were_done_are_left_alone() -> None:
    limit = TimeLimit(LONGER)
    go_on = asyncio.Event()

    async def wait(event: asyncio.Event) -> str:
        try:
            with limit.block():
                await event.wait()
        except TimeoutError:
            return "too late"
        await asyncio.sleep(2 * LONGER)  # outside the block there is no limit
        return "in time"

    never = asyncio.Event()
    tasks = [asyncio.create_task(wait(go_on if n % 2 else never)) for n in range(20)]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*tasks) == ["too late", "in time"] * 10
    with pytest.raises(TimeoutError), limit.block():  # the timer is set anew after it has rung for all
        await never.wait()


async def test_a_block_that_somebody_else_cancels_is_cancelled() -> None:
    limit = TimeLimit(60)
    begun = asyncio.Event()

    async def wait() -> None:
        with limit.block():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_fault_of_the_block_is_the_blocks_own() -> None:
    with pytest.raises(LookupError), TimeLimit(SHORT).block():
        raise LookupError
