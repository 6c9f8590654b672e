"""The breaker and the rate of an endpoint: how a receiver that is down, slow or strict is treated."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.receiver import Receiver
from tests.webhooks.conftest import SITE, Changing, listen, tell, work
from tests.webhooks.test_deliver import deliveries, endpoint
from wherefrom.clock import FixedClock, SystemClock
from wherefrom.db import Database
from wherefrom.services import Services
from wherefrom.webhooks.breaker import BREAK_AFTER, LONGEST_PAUSE, breaker_state, pause_after
from wherefrom.webhooks.change import ChangeEndpoint, change_endpoint, resend
from wherefrom.webhooks.deliver import Courier
from wherefrom.webhooks.fanout import fan_out
from wherefrom.webhooks.retry import LONGEST_RETRY_AFTER

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def test_the_breaker_opens_at_the_fifth_failure_and_its_pauses_double_to_five_minutes():
    assert BREAK_AFTER == 5
    seconds = [pause_after(failures, (5, 300, 86_400)).total_seconds() for failures in range(1, 14)]
    assert seconds == [0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 300, 300, 300]


@given(st.integers(1, 10**9), st.lists(st.integers(1, 10**6), min_size=1, max_size=9))
def test_no_number_of_failures_makes_a_pause_longer_than_five_minutes_or_the_schedules_longest_delay(failures, delays):
    assert timedelta(0) <= pause_after(failures, delays) <= min(LONGEST_PAUSE, timedelta(seconds=max(delays)))


def test_the_breaker_has_three_states():
    later = NOW + timedelta(seconds=1)
    assert breaker_state(4, later, NOW) == "closed"  # quiet for another reason, such as its rate
    assert breaker_state(5, later, NOW) == "open"
    assert breaker_state(5, NOW, NOW) == "half_open"


async def fill(services: Services, count: int) -> None:
    for number in range(count):
        await tell(services, number)
    await fan_out(services)


async def test_a_dead_receiver_is_not_hammered_with_everything_that_waits(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=500)
    await fill(services, 50)
    await work(services)
    first = len(receiver.requests)
    assert BREAK_AFTER <= first <= BREAK_AFTER + 3  # those that were on the way together when the first one failed
    for pause in (10, 20, 40, 80, 160, 300, 300):
        one = await endpoint(services, added.endpoint.id)
        assert breaker_state(one.failures, one.quiet_until, clock.now()) == "open"
        clock.advance(one.quiet_until - clock.now() - timedelta(milliseconds=1))
        before = len(receiver.requests)
        await work(services)
        assert len(receiver.requests) == before
        clock.advance(timedelta(milliseconds=1))
        await work(services)
        assert len(receiver.requests) == before + 1  # the probe, and nothing beside it
        one = await endpoint(services, added.endpoint.id)
        assert timedelta(0) < one.quiet_until - clock.now() <= timedelta(seconds=8 * pause)
    assert {one.status for one in await deliveries(services)} == {"pending"}


async def test_one_accepted_probe_closes_the_breaker_and_everything_goes(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=503)
    await fill(services, 20)
    await work(services)
    receiver.default = replace(receiver.default, status=200)
    clock.advance(timedelta(seconds=40))
    await work(services)
    one = await endpoint(services, added.endpoint.id)
    assert (one.failures, one.failing_since, one.quiet_until) == (0, None, None)
    left = [each for each in await deliveries(services) if each.status != "delivered"]
    assert all(each.attempts and each.next_at > clock.now() for each in left)  # these alone have failed before
    clock.advance(timedelta(minutes=6))
    await work(services)
    assert {each.status for each in await deliveries(services)} == {"delivered"}


async def test_waiting_behind_an_open_breaker_uses_up_no_try(services: Services, receiver: Receiver, clock: FixedClock):
    await listen(services, receiver.url)
    receiver.stop()
    await fill(services, 30)
    for _ in range(20):
        await work(services)
        clock.advance(timedelta(minutes=5))
    tries = [each.attempts for each in await deliveries(services)]
    assert sum(tries) <= 30  # 8 at first, then a probe each five minutes: not 30 letters with five tries each
    assert min(tries) == 0


async def test_one_letter_that_is_always_refused_does_not_open_the_breaker_for_the_others(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    await tell(services, 1)
    for number in range(2, 12):
        receiver.answer(500)
        await work(services)
        await tell(services, number)
        await work(services)  # accepted between two refusals
        clock.advance(timedelta(days=1, hours=5))
    assert (await endpoint(services, added.endpoint.id)).failures <= 1
    assert [each.status for each in await deliveries(services)].count("delivered") == 10


async def test_two_processes_together_send_one_probe(services: Services, receiver: Receiver, clock: FixedClock):
    await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=500, delay=0.05)
    await fill(services, 20)
    await work(services)
    clock.advance(timedelta(minutes=5))
    before = len(receiver.requests)
    other = replace(services, db=Database(services.settings.database.url))
    try:
        couriers = [Courier(services), Courier(other), Courier(services)]
        await asyncio.gather(*(courier.step() for courier in couriers))
        await asyncio.gather(*(courier.settle() for courier in couriers))
    finally:
        await other.db.close()
    assert len(receiver.requests) == before + 1


@pytest.mark.parametrize("how", ["enable", "resend"])
async def test_a_person_need_not_wait_for_the_breaker(
    services: Services, receiver: Receiver, clock: FixedClock, how: str
):
    added = await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=500)
    await fill(services, 12)
    await work(services)
    receiver.default = replace(receiver.default, status=200)
    first = (await deliveries(services))[0]
    if how == "enable":
        await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(status="enabled"))
    else:
        await resend(services, SITE, first.id)
    await work(services)
    assert [each.status for each in await deliveries(services)].count("delivered") >= 4


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_receiver_that_asks_for_patience_gets_it_for_all_letters(
    services: Services, receiver: Receiver, clock: FixedClock, form: str
):
    await listen(services, receiver.url)
    until = clock.now().replace(microsecond=0) + timedelta(seconds=90)
    header = "90" if form == "seconds" else format_datetime(until, usegmt=True)
    receiver.answer(429, headers={"Retry-After": header})
    await tell(services, 1)
    await work(services)
    await tell(services, 2)
    await work(services)
    clock.advance(timedelta(seconds=88))
    await work(services)
    assert len(receiver.requests) == 1
    clock.advance(timedelta(seconds=3))
    await work(services)
    assert [each.status for each in await deliveries(services)] == ["delivered", "delivered"]


async def test_an_answer_that_was_on_its_way_does_not_end_the_patience_asked_for(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url)
    receiver.answer(429, headers={"Retry-After": "600"})
    receiver.answer(200, delay=0.5)
    await fill(services, 2)
    await work(services)
    assert [each.status for each in await deliveries(services)].count("delivered") == 1
    await tell(services, 9)
    await work(services)
    assert len(receiver.requests) == 2
    clock.advance(timedelta(minutes=10))
    await work(services)
    assert {each.status for each in await deliveries(services)} == {"delivered"}


async def test_no_receiver_can_ask_for_more_patience_than_a_day(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.answer(503, headers={"Retry-After": "999999999"})
    await tell(services, 1)
    await work(services)
    assert (await endpoint(services, added.endpoint.id)).quiet_until == clock.now() + LONGEST_RETRY_AFTER
    [one] = await deliveries(services)
    assert one.next_at == clock.now() + LONGEST_RETRY_AFTER


async def test_a_refusal_of_one_letter_with_retry_after_does_not_silence_the_endpoint(
    services: Services, receiver: Receiver
):
    await listen(services, receiver.url)
    receiver.answer(500, headers={"Retry-After": "3600"})
    await tell(services, 1)
    await work(services)
    await tell(services, 2)
    await work(services)
    assert [each.status for each in await deliveries(services)] == ["pending", "delivered"]


async def test_an_endpoint_with_a_rate_gets_no_more_a_minute(services: Services, receiver: Receiver, clock: FixedClock):
    await listen(services, receiver.url, per_minute=30)
    await fill(services, 6)
    counts = []
    for _ in range(6):
        await work(services)
        counts.append(len(receiver.requests))
        clock.advance(timedelta(seconds=1))
    assert counts == [1, 1, 2, 2, 3, 3]  # one each two seconds


async def test_a_rate_holds_over_several_processes_and_other_endpoints_are_free(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url + "/slow", per_minute=1)
    await listen(services, receiver.url + "/fast")
    await fill(services, 8)
    other = replace(services, db=Database(services.settings.database.url))
    try:
        await asyncio.gather(work(services), work(other))
    finally:
        await other.db.close()
    paths = [request.path for request in receiver.requests]
    assert (paths.count("/slow"), paths.count("/fast")) == (1, 8)


async def test_a_rate_can_be_taken_away(services: Services, receiver: Receiver):
    added = await listen(services, receiver.url, per_minute=1)
    await fill(services, 8)
    await work(services)
    assert len(receiver.requests) == 1
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(per_minute=0))
    assert (await endpoint(services, added.endpoint.id)).per_minute is None
    await work(services)
    assert len(receiver.requests) == 8


async def test_a_letter_is_tried_again_at_its_moment_and_not_at_the_next_look(
    changing: Changing, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wherefrom.webhooks.deliver.IDLE_SECONDS", 600.0)
    async with changing(retry_seconds=(1,)) as given:
        services = replace(given, clock=SystemClock())
        await listen(services, receiver.url)
        receiver.answer(500)
        await tell(services, 1)
        await fan_out(services)
        stop = asyncio.Event()
        running = asyncio.create_task(Courier(services, chance=lambda: 0.0).run(stop))
        first, second = await receiver.next(), await receiver.next()
        stop.set()
        await running
    assert second.at - first.at >= timedelta(seconds=0.9)  # a second, however rarely it looks for what others made due


async def test_a_process_that_dies_with_the_probe_silences_the_endpoint_no_longer_than_an_answer_takes(
    changing: Changing, receiver: Receiver, clock: FixedClock
):
    async with changing(timeout_seconds=3) as services:
        await listen(services, receiver.url)
        receiver.answer(500)
        await tell(services, 1)
        await work(services)
        await tell(services, 2)
        await fan_out(services)
        receiver.hang()
        dead = Courier(services)
        assert await dead.step()
        while len(receiver.requests) < 2:
            await receiver.next()  # the receiver has the probe, and nobody is ever going to write that down
        await tell(services, 3)
        clock.advance(timedelta(seconds=4))
        await work(services)
        assert len(receiver.requests) == 2
        clock.advance(timedelta(seconds=1))
        await work(services)
        assert len(receiver.requests) >= 3
        receiver.stop()  # which ends the first probe, too
        await dead.settle()
