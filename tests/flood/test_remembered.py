"""What is remembered of strangers' words is bounded in bytes, not only in number."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from tests.outbound.stage import set_stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services
from wherefrom.substitution import lend
from wherefrom.visits.hosts import find_host
from wherefrom.visits.referrers import look_up

LONG = "x" * 30_000
TIMES = 400
FEW = 9_000_000  # bytes: less than all that is said, more than the 128 URLs that Python itself remembers


@pytest.mark.parametrize(
    "ask",
    [
        lambda n: find_host(f"https://shop.example/{n}{LONG}"),
        lambda n: find_host(f"https://{n}{LONG}/"),
        lambda n: look_up(f"{n}.{LONG}.example"),
        lambda n: lend._spell([f"{n}{LONG}@shop.example"]),
        lambda n: lend._spell([f"{n}-{number}@shop.example" for number in range(1000)]),
    ],
    ids=["page", "host", "referrer", "address", "addresses"],
)
def test_what_is_long_is_not_remembered(ask: Callable[[int], object]) -> None:
    tracemalloc.start()
    try:
        for number in range(TIMES):
            ask(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < FEW


async def test_a_long_user_agent_at_a_pixel_is_remembered_as_far_as_it_is_kept(
    services: Services, clock: FixedClock
) -> None:
    stage = await set_stage(services, clock)
    pixel = (await stage.hand_in()).pixel
    await stage.hit(pixel)
    tracemalloc.start()
    try:
        for number in range(TIMES):
            await stage.hit(pixel, f"{number} {LONG}")
        gc.collect()  # what goes in circles is not remembered
        # By their size: what else the services do meanwhile is in no other way told from what is remembered. What the
        # client makes for its requests is its own.
        made = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*/httpx/*")])
        kept = [one for one in made.traces if len(LONG) <= one.size <= 2 * len(LONG)]
    finally:
        tracemalloc.stop()
        await stage.http.aclose()
    assert len(kept) < TIMES / 4
    assert {len(hit.agent) for hit in await stage.waiting()} == {512, 111}
