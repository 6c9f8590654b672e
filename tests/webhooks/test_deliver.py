"""A letter's way to the receiver, on both engines, with a real server at the other end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TypeVar

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.receiver import Receiver
from tests.webhooks.conftest import SITE, Changing, letter, listen, tell, work
from wherefrom.clock import FixedClock
from wherefrom.db import Database, Tx
from wherefrom.errors import Unavailable
from wherefrom.events.store import list_events
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.tokens import Tokens
from wherefrom.webhooks.change import ChangeEndpoint, ChangeSecret, change_endpoint, change_secret, remove_endpoint
from wherefrom.webhooks.deliver import Courier
from wherefrom.webhooks.endpoint import Endpoint
from wherefrom.webhooks.fanout import fan_out
from wherefrom.webhooks.store import find_deals
from wherefrom.webhooks.store.deliveries import Attempt, Delivery, list_attempts, list_deliveries
from wherefrom.webhooks.store.due import Claimed, claim_deliveries, list_due, release_claims
from wherefrom.webhooks.store.endpoints import get_endpoint
from wherefrom.webhooks.tables import endpoint as endpoint_table

T = TypeVar("T")


async def deliveries(services: Services, site_id: int = SITE) -> list[Delivery]:
    """All of the site's, the oldest first."""
    async with services.db.read() as tx:
        return (await list_deliveries(tx, site_id, limit=1000))[::-1]


async def attempts(services: Services, delivery: Delivery) -> list[Attempt]:
    async with services.db.read() as tx:
        return await list_attempts(tx, delivery.site_id, delivery.id)


async def endpoint(services: Services, endpoint_id: int) -> Endpoint:
    async with services.db.read() as tx:
        return await get_endpoint(tx, SITE, endpoint_id)


async def notices(services: Services) -> list[dict[str, str]]:
    async with services.db.read() as tx:
        return [one.data for one in await list_events(tx, SITE, type=EventType.WEBHOOK_DISABLED)]


@pytest.mark.parametrize("form", ["standard", "roistat"])
async def test_a_letter_arrives_signed_so_that_the_receivers_library_accepts_it(
    services: Services, receiver: Receiver, form: str
):
    added = await listen(services, receiver.url + "/hook", format=form)
    await tell(services, 5, letter(id="5", subject="Привет"))
    await work(services)
    [request] = receiver.requests
    assert (request.method, request.path, request.headers["content-type"]) == ("POST", "/hook", "application/json")
    body = Webhook(added.secret).verify(request.body, dict(request.headers))
    assert (body["subject"] if form == "roistat" else body["data"]["message"]["subject"]) == "Привет"
    [one] = await deliveries(services)
    assert (one.status, one.attempts, request.headers["webhook-id"]) == ("delivered", 1, f"msg_{one.id}")


async def test_a_receiver_that_is_down_three_times_gets_the_letter_when_it_is_up(
    services: Services, receiver: Receiver, clock: FixedClock
):
    receiver.stop()
    added = await listen(services, receiver.url)
    await tell(services, 5)
    waits = []
    for _ in range(3):
        await work(services)
        [one] = await deliveries(services)
        assert one.status == "pending"
        waits.append((one.next_at - clock.now()).total_seconds())
        clock.advance(one.next_at - clock.now() - timedelta(milliseconds=1))
        await work(services)  # a moment too early: nothing may happen
        clock.advance(timedelta(milliseconds=1))
    assert waits == [5, 300, 1800]
    assert (await endpoint(services, added.endpoint.id)).failing_since is not None
    receiver.start()
    await work(services)
    [one] = await deliveries(services)
    assert (one.status, one.attempts) == ("delivered", 4)
    tries = await attempts(services, one)
    assert [each.number for each in tries] == [1, 2, 3, 4]
    assert [each.error for each in tries] == ["no connection: Connection refused"] * 3 + [""]
    assert [each.status_code for each in tries] == [None, None, None, 200]
    assert (await endpoint(services, added.endpoint.id)).failing_since is None


async def test_the_body_and_the_id_are_the_same_on_every_attempt_and_the_timestamp_is_not(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.answer(500)
    await tell(services, 5)
    await work(services)
    clock.advance(timedelta(seconds=6))
    await work(services)
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 6
    for request in (first, second):
        Webhook(added.secret).verify(request.body, dict(request.headers))


async def test_a_used_up_schedule_leaves_the_letter_exhausted_and_kept(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url)
    await tell(services, 5)
    for number in range(1, 11):
        receiver.answer(500, f"try {number}")
        await work(services)
        [one] = await deliveries(services)
        assert one.attempts == number
        clock.advance(max(one.next_at - clock.now(), timedelta(0)))
    assert one.status == "exhausted"
    assert (await attempts(services, one))[-1].answer == "try 10"
    clock.advance(timedelta(days=1))
    await work(services)
    assert len(receiver.requests) == 10


async def test_a_next_time_that_has_long_passed_is_due(services: Services, receiver: Receiver, clock: FixedClock):
    """As after days in which no service ran: nothing waits for a moment that will not come again."""
    await listen(services, receiver.url)
    receiver.answer(500)
    await tell(services, 5)
    await work(services)
    clock.advance(timedelta(days=4))
    await work(services)
    assert [(one.status, one.attempts) for one in await deliveries(services)] == [("delivered", 2)]


async def test_silence_is_a_failure_in_words_and_tried_again(changing: Changing, receiver: Receiver, clock: FixedClock):
    async with changing(timeout_seconds=1) as services:
        await listen(services, receiver.url)
        receiver.hang()
        await tell(services, 5)
        await work(services)
        [one] = await deliveries(services)
        [only] = await attempts(services, one)
        assert (one.status, only.status_code, only.error) == ("pending", None, "no answer within 1 seconds")
        assert only.milliseconds >= 900
        clock.advance(timedelta(seconds=5))
    async with changing() as services:
        await work(services)
        assert [one.status for one in await deliveries(services)] == ["delivered"]


async def test_a_redirect_is_a_failure(services: Services, receiver: Receiver):
    await listen(services, receiver.url + "/old")
    receiver.redirect(receiver.url + "/new", 308)
    await tell(services, 5)
    await work(services)
    [one] = await deliveries(services)
    assert one.status == "pending"
    assert [request.path for request in receiver.requests] == ["/old"]


async def test_an_oversize_answer_is_accepted_and_its_excerpt_is_short(changing: Changing, receiver: Receiver):
    async with changing(max_answer_bytes=4096) as services:
        await listen(services, receiver.url)
        receiver.oversize(1_000_000)
        await tell(services, 5)
        await work(services)
        [one] = await deliveries(services)
        [only] = await attempts(services, one)
    assert one.status == "delivered"
    assert only.answer == "x" * 2048
    assert "longer than 4096 bytes" in only.error


async def test_an_answer_with_a_nul_is_kept_on_both_engines(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    receiver.answer(500, b"a\0b\xff")
    await tell(services, 5)
    await work(services)
    [one] = await deliveries(services)
    assert (await attempts(services, one))[0].answer == "a�b�"


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_honoured(services: Services, receiver: Receiver, clock: FixedClock, form: str):
    await listen(services, receiver.url)
    wanted = clock.now().replace(microsecond=0) + timedelta(seconds=120)
    header = "120" if form == "seconds" else format_datetime(wanted, usegmt=True)
    receiver.answer(503, headers={"Retry-After": header})
    await tell(services, 5)
    await work(services)
    [one] = await deliveries(services)
    assert one.next_at == (clock.now() + timedelta(seconds=120) if form == "seconds" else wanted)


async def test_410_disables_the_endpoint_at_once_with_one_notice_and_what_comes_waits(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.answer(410)
    await tell(services, 5)
    await work(services)
    assert (await endpoint(services, added.endpoint.id)).status == "gone"
    [notice] = await notices(services)
    assert (notice["endpoint_id"], notice["status"]) == (str(added.endpoint.id), "gone")
    clock.advance(timedelta(days=30))
    await tell(services, 6)
    await work(services)
    assert len(receiver.requests) == 1
    assert [one.status for one in await deliveries(services)] == ["pending", "pending"]
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(status="enabled"))
    await work(services)
    assert [one.status for one in await deliveries(services)] == ["delivered", "delivered"]
    assert len(await notices(services)) == 1


async def test_several_letters_answered_410_at_once_give_one_notice(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=410)
    for number in range(3):
        await tell(services, number)
    await work(services)
    assert len(receiver.requests) == 3
    assert len(await notices(services)) == 1


async def test_five_days_without_one_success_disable_the_endpoint_with_a_notice(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=500)
    await tell(services, 1)
    await work(services)
    clock.advance(timedelta(days=5) - timedelta(seconds=1))
    await work(services)
    assert (await endpoint(services, added.endpoint.id)).status == "enabled"
    clock.advance(timedelta(hours=1))
    await work(services)
    now = await endpoint(services, added.endpoint.id)
    assert now.status == "failed"
    assert "5 days" in now.status_reason
    assert "answered 500" in now.status_reason
    [notice] = await notices(services)
    assert notice["reason"] == now.status_reason


async def test_one_success_within_the_five_days_starts_the_count_anew(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.answer(500)
    await tell(services, 1)
    await work(services)
    clock.advance(timedelta(days=3))
    await work(services)
    receiver.default = replace(receiver.default, status=500)
    await tell(services, 2)
    await work(services)
    clock.advance(timedelta(days=3))
    await work(services)
    assert (await endpoint(services, added.endpoint.id)).status == "enabled"
    assert await notices(services) == []


async def test_an_enabled_endpoint_has_five_days_again(services: Services, receiver: Receiver, clock: FixedClock):
    added = await listen(services, receiver.url)
    receiver.default = replace(receiver.default, status=500)
    await tell(services, 1)
    await work(services)
    clock.advance(timedelta(days=6))
    await work(services)
    assert (await endpoint(services, added.endpoint.id)).status == "failed"
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(status="enabled"))
    clock.advance(timedelta(days=1))
    await work(services)
    assert (await endpoint(services, added.endpoint.id)).status == "enabled"


async def test_a_crash_between_the_post_and_the_write_sends_the_same_id_again(
    services: Services, receiver: Receiver, clock: FixedClock
):
    added = await listen(services, receiver.url)
    receiver.hang()
    await tell(services, 5)
    await fan_out(services)
    dead = Courier(services)
    assert await dead.step()
    first = await receiver.next()  # the receiver has the letter, and nobody is ever going to write that down
    await work(services)
    assert len(receiver.requests) == 1  # its claim still holds
    clock.advance(timedelta(minutes=2))
    await work(services)
    second = await receiver.next()
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body
    Webhook(added.secret).verify(second.body, dict(second.headers))
    [one] = await deliveries(services)
    assert one.status == "delivered"
    receiver.stop()  # which ends the first request, too
    await dead.settle()


async def test_a_try_that_is_written_down_twice_counts_once(services: Services, receiver: Receiver):
    """The database is lost just when it has written: nobody knows whether it has, so it is told once more."""

    class Forgetful(Database):
        lost = 0

        async def batch(self, work: Callable[[Tx], Awaitable[T]]) -> T:
            answer = await super().batch(work)
            self.lost += 1
            if self.lost == 1:
                raise Unavailable("the connection broke before the answer")
            return answer

    database = Forgetful(services.settings.database.url)
    try:
        added = await listen(services, receiver.url)
        await tell(services, 5)
        await fan_out(services)
        receiver.answer(500)
        await work(replace(services, db=database))
        assert database.lost == 2
    finally:
        await database.close()
    [one] = await deliveries(services)
    assert (one.attempts, one.failures, one.status) == (1, 1, "pending")
    assert len(await attempts(services, one)) == 1
    async with services.db.read() as tx:
        failures = await tx.scalar(select(endpoint_table.c.failures).where(endpoint_table.c.id == added.endpoint.id))
    assert failures == 1


async def test_two_workers_never_both_deliver_one_letter(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    for number in range(30):
        await tell(services, number)
    await fan_out(services)
    other = replace(services, db=Database(services.settings.database.url))
    try:
        couriers = [Courier(services), Courier(other), Courier(services)]

        async def drain(courier: Courier) -> None:
            while await courier.step() or courier.busy:
                await courier.settle()

        await asyncio.gather(*map(drain, couriers))
        for courier in couriers:
            await drain(courier)
    finally:
        await other.db.close()
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(ids) == len(set(ids)) == 30
    assert {(one.status, one.attempts) for one in await deliveries(services)} == {("delivered", 1)}


async def test_a_dead_receiver_does_not_hold_up_a_living_one(changing: Changing, receiver: Receiver):
    dead = Receiver()
    dead.default = replace(dead.default, hang=True)
    dead.start()
    try:
        async with changing(timeout_seconds=60) as services:
            await listen(services, dead.url)
            for number in range(40):
                await tell(services, number)
            await fan_out(services)
            await listen(services, receiver.url)
            await tell(services, 99)
            await fan_out(services)
            courier = Courier(services, slots=8)
            stop = asyncio.Event()
            running = asyncio.create_task(courier.run(stop))
            request = await receiver.next()
            assert json.loads(request.body)["data"]["message"]["id"] == "99"
            assert len(dead.requests) <= 4
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        dead.stop()


@pytest.fixture
def rarely_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not told of work by a bell finds it after ten minutes."""
    monkeypatch.setattr("wherefrom.webhooks.deliver.IDLE_SECONDS", 600.0)


@pytest.mark.usefixtures("rarely_looking")
async def test_the_running_courier_starts_at_the_bell_and_stops_when_told(services: Services, receiver: Receiver):
    stop = asyncio.Event()
    running = asyncio.create_task(Courier(services).run(stop))
    await listen(services, receiver.url)
    for number in range(3):
        await tell(services, number)
        await fan_out(services)  # rings
        await receiver.next()
    stop.set()
    await asyncio.wait_for(running, 60)
    assert {one.status for one in await deliveries(services)} == {"delivered"}


@pytest.mark.usefixtures("rarely_looking")
async def test_enabling_an_endpoint_sends_what_waited_at_once(services: Services, receiver: Receiver):
    added = await listen(services, receiver.url)
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(status="paused"))
    await tell(services, 1)
    await fan_out(services)
    stop = asyncio.Event()
    running = asyncio.create_task(Courier(services).run(stop))
    await asyncio.sleep(0)
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(status="enabled"))
    await receiver.next()
    stop.set()
    await asyncio.wait_for(running, 60)


@pytest.mark.usefixtures("rarely_looking")
async def test_a_slot_that_gets_free_is_used_at_once(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    for number in range(3):
        await tell(services, number)
    await fan_out(services)
    stop = asyncio.Event()
    running = asyncio.create_task(Courier(services, slots=1).run(stop))
    for _ in range(3):
        await receiver.next()
    stop.set()
    await asyncio.wait_for(running, 60)


async def test_a_courier_that_is_stopped_lets_what_is_on_the_way_arrive(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    receiver.answer(200, delay=0.3)
    await tell(services, 1)
    await fan_out(services)
    stop = asyncio.Event()
    running = asyncio.create_task(Courier(services).run(stop))
    await receiver.next()
    stop.set()
    await asyncio.wait_for(running, 60)
    assert [one.status for one in await deliveries(services)] == ["delivered"]


async def test_a_name_that_resolves_inside_fails_the_attempt_with_the_reason(changing: Changing, receiver: Receiver):
    async def inside(host: str, port: int) -> list[str]:
        return ["192.168.7.7"]

    async with changing(resolve=inside) as services:
        await listen(services, "http://crm.example/hook")
        await tell(services, 5)
        await work(services)
        [one] = await deliveries(services)
        [only] = await attempts(services, one)
    assert one.status == "pending"
    assert only.error == "crm.example (192.168.7.7) is a private network, and such addresses are not called"


async def test_a_secret_sealed_with_another_key_fails_the_attempt_in_words(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    await tell(services, 5)
    await work(replace(services, tokens=Tokens(b"another key, also 32 bytes long.")))
    [one] = await deliveries(services)
    [only] = await attempts(services, one)
    assert one.status == "pending"
    assert "another key" in only.error
    assert receiver.requests == []


@pytest.mark.parametrize("hours", [24, 72])
async def test_after_a_change_of_secret_both_sign_for_the_time_asked_for_and_then_the_new_one(
    services: Services, receiver: Receiver, clock: FixedClock, hours: int
):
    old = await listen(services, receiver.url)
    new = await change_secret(services, SITE, old.endpoint.id, ChangeSecret(overlap_hours=hours))
    assert new.endpoint.previous_until == clock.now() + timedelta(hours=hours)
    assert new.secret != old.secret
    await tell(services, 1)
    await work(services)
    request = receiver.requests[0]
    for secret in (old.secret, new.secret):
        Webhook(secret).verify(request.body, dict(request.headers))
    clock.advance(timedelta(hours=hours))
    await tell(services, 2)
    await work(services)
    assert " " not in receiver.requests[1].headers["webhook-signature"]


async def test_a_secret_that_has_got_about_stops_signing_at_once_when_asked(services: Services, receiver: Receiver):
    old = await listen(services, receiver.url)
    new = await change_secret(services, SITE, old.endpoint.id, ChangeSecret(overlap_hours=0))
    await tell(services, 1)
    await work(services)
    [request] = receiver.requests
    assert Webhook(new.secret).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(old.secret).verify(request.body, dict(request.headers))


@pytest.mark.parametrize(
    ("path", "answer", "number"),
    [("", {"order_id": 123456789}, "123456789"), ("deal.id", {"deal": {"id": "D-7"}, "id": 3}, "D-7"), ("", {}, None)],
)
async def test_the_deal_number_in_the_answer_is_kept(
    services: Services, receiver: Receiver, path: str, answer: dict[str, object], number: str | None
):
    await listen(services, receiver.url, deal_path=path)
    receiver.answer(201, answer)
    await tell(services, 5)
    await work(services)
    async with services.db.read() as tx:
        found = await find_deals(tx, SITE, [5, 6])
    assert {subject: deal.number for subject, deal in found.items()} == ({5: number} if number else {})


async def test_the_number_in_a_refusal_is_no_deal(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    receiver.answer(422, {"id": 77})
    await tell(services, 5)
    await work(services)
    async with services.db.read() as tx:
        assert await find_deals(tx, SITE, [5]) == {}


async def test_removing_an_endpoint_calls_off_what_waits(services: Services, receiver: Receiver, clock: FixedClock):
    added = await listen(services, receiver.url)
    receiver.answer(500)
    await tell(services, 5)
    await work(services)
    await remove_endpoint(services, SITE, added.endpoint.id)
    clock.advance(timedelta(hours=1))
    await work(services)
    assert [one.status for one in await deliveries(services)] == ["cancelled"]
    assert len(receiver.requests) == 1


async def test_a_courier_that_is_broken_off_leaves_the_letter_to_the_next_one_at_once(
    services: Services, receiver: Receiver
):
    await listen(services, receiver.url)
    await tell(services, 5)
    await fan_out(services)
    receiver.hang()
    working = asyncio.create_task(Courier(services).run(asyncio.Event()))
    await receiver.next()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    [one] = await deliveries(services)
    assert (one.status, one.attempts) == ("pending", 0)
    await work(services)  # the clock stands still: no claim has run out
    assert len(receiver.requests) == 2
    assert {each.headers["webhook-id"] for each in receiver.requests} == {f"msg_{one.id}"}
    [one] = await deliveries(services)
    assert (one.status, one.attempts) == ("delivered", 1)


async def test_of_a_failing_endpoint_the_probe_that_was_broken_off_is_made_anew(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url)
    await tell(services, 5)
    receiver.answer(500)
    await work(services)
    clock.advance(timedelta(seconds=6))
    receiver.hang()
    working = asyncio.create_task(Courier(services).run(asyncio.Event()))
    await receiver.next(), await receiver.next()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await work(services)
    assert len(receiver.requests) == 3


async def test_a_claim_that_another_process_has_taken_over_is_not_let_go(services: Services, clock: FixedClock):
    await listen(services, "http://127.0.0.1:9999/")
    await tell(services, 5)
    await fan_out(services)

    async def claim() -> list[Claimed]:
        now = clock.now()
        async with services.db.write() as tx:
            chosen = await list_due(tx, now, 4, 10)
            return await claim_deliveries(tx, chosen, now, now + timedelta(minutes=1), now)

    mine = await claim()
    clock.advance(timedelta(minutes=2))
    assert len(await claim()) == 1
    async with services.db.write() as tx:
        await release_claims(tx, mine)
    assert await claim() == []
