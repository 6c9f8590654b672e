"""The number of each letter among its lead's, by which a receiver restores the order."""

import json
import random
from asyncio import gather
from dataclasses import replace
from datetime import timedelta

from tests.support.receiver import Receiver
from tests.webhooks.conftest import MATCH, SITE, listen, message, tell, visit, work
from tests.webhooks.test_deliver import deliveries
from wherefrom.clock import FixedClock
from wherefrom.db import Database
from wherefrom.events.snapshots import MessageReceived
from wherefrom.services import Services
from wherefrom.webhooks.change import remove_endpoint
from wherefrom.webhooks.fanout import fan_out
from wherefrom.webhooks.lead import lead_of


def of_visit(number: str, **changed: object) -> MessageReceived:
    return MessageReceived(message=message(**changed), match=MATCH, visit=visit(id=number))


def unmatched(sender: str, **changed: object) -> MessageReceived:
    return MessageReceived(message=message(from_address=sender, **changed), match=None, visit=None)


async def test_letters_of_a_lead_are_numbered_without_gaps_in_body_and_header(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url, which="all")
    for number, told in enumerate([of_visit("7"), of_visit("8"), of_visit("7"), unmatched("a@b.example"),
                                   of_visit("7"), unmatched("A@B.example")]):  # fmt: skip
        await tell(services, number, told)
    await work(services)
    told = []
    for request in receiver.requests:
        lead = json.loads(request.body)["data"]["lead"]
        assert (request.headers["wherefrom-lead"], request.headers["wherefrom-sequence"]) == (
            lead["id"], str(lead["sequence"]),
        )  # fmt: skip
        told.append((lead["id"].split("-")[0], lead["sequence"]))
    assert sorted(told) == [("sender", 1), ("sender", 2), ("visit", 1), ("visit", 1), ("visit", 2), ("visit", 3)]
    assert all("b.example" not in request.headers["wherefrom-lead"] for request in receiver.requests)


async def test_a_receiver_restores_the_order_that_a_failure_has_upset(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url)
    receiver.answer(500)
    await tell(services, 1, of_visit("7", subject="first"))
    await work(services)
    await tell(services, 2, of_visit("7", subject="second"))
    await work(services)
    clock.advance(timedelta(seconds=6))
    await work(services)
    accepted = [json.loads(request.body)["data"] for request in receiver.requests[1:]]
    assert [data["message"]["subject"] for data in accepted] == ["second", "first"]
    accepted.sort(key=lambda data: (data["lead"]["id"], data["lead"]["sequence"]))
    assert [data["message"]["subject"] for data in accepted] == ["first", "second"]


async def test_the_number_is_the_same_on_every_attempt_and_the_flat_body_has_it_in_the_header_alone(
    services: Services, receiver: Receiver, clock: FixedClock
):
    await listen(services, receiver.url, format="roistat")
    receiver.answer(500)
    await tell(services, 1, of_visit("7"))
    await work(services)
    clock.advance(timedelta(seconds=6))
    await work(services)
    assert [request.headers["wherefrom-sequence"] for request in receiver.requests] == ["1", "1"]
    assert [request.headers["wherefrom-lead"] for request in receiver.requests] == ["visit-7", "visit-7"]
    assert len(json.loads(receiver.requests[0].body)) == 29


async def test_letters_an_endpoint_does_not_want_leave_no_gap(services: Services, receiver: Receiver):
    await listen(services, receiver.url)
    await listen(services, receiver.url + "/all", automatic=True)
    for number, automatic in enumerate(["", "a list", ""]):
        await tell(services, number, of_visit("7", automatic=automatic))
    await work(services)
    numbers: dict[str, list[str]] = {"/": [], "/all": []}
    for request in receiver.requests:
        numbers[request.path].append(request.headers["wherefrom-sequence"])
    assert {path: sorted(found) for path, found in numbers.items()} == {"/": ["1", "2"], "/all": ["1", "2", "3"]}


async def test_two_hosts_number_one_lead_without_doubles(services: Services):
    await listen(services, "http://127.0.0.1:9999/")
    other = replace(services, db=Database(services.settings.database.url))
    dice = random.Random(7)
    try:
        for number in range(60):
            await tell(services, number, of_visit(str(dice.randrange(3))))
            if number % 20 == 19:
                await gather(fan_out(services), fan_out(other))
    finally:
        await other.db.close()
    by_lead: dict[str, list[int]] = {}
    for one in await deliveries(services):
        by_lead.setdefault(one.lead, []).append(one.sequence)
    assert sum(len(numbers) for numbers in by_lead.values()) == 60
    for numbers in by_lead.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


async def test_sites_and_endpoints_number_apart_and_a_removed_endpoint_is_forgotten(services: Services):
    added = await listen(services, "http://127.0.0.1:9999/")
    await listen(services, "http://127.0.0.1:9999/", site_id=2)
    await tell(services, 1, of_visit("7"))
    await tell(services, 1, of_visit("7"), site_id=2)
    await fan_out(services)
    await remove_endpoint(services, SITE, added.endpoint.id)
    await listen(services, "http://127.0.0.1:9999/")
    await tell(services, 2, of_visit("7"))
    await tell(services, 2, of_visit("7"), site_id=2)
    await fan_out(services)
    assert [one.sequence for one in await deliveries(services)] == [1, 1]
    assert [one.sequence for one in await deliveries(services, site_id=2)] == [1, 2]


def test_what_stands_for_everybody_of_a_source_is_no_lead():
    def pseudonym(purpose: str, value: str) -> str:
        return f"{hash((purpose, value)):022x}"

    source = MessageReceived(message=message(), match=MATCH, visit=visit(kind="source"))
    assert lead_of(source, pseudonym).startswith("sender-")
    assert lead_of(of_visit("9" * 18), pseudonym) == "visit-" + "9" * 18
    assert all(len(lead_of(one, pseudonym)) <= 40 for one in (source, of_visit("9" * 18)))
