"""Letters that are sent from here: through the API, the queue and a real mail server, on both engines."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from tests.outbound.office import ANN, Office, postman
from tests.outbound.stage import HTML
from tests.support.submission_sink import DROP, LOST
from wherefrom.db import Tx
from wherefrom.events.types import EventType
from wherefrom.outbound.outcome import give_up_expired
from wherefrom.outbound.postman import Postman
from wherefrom.outbound.queue import CLAIM
from wherefrom.outbound.return_path import read_return_path
from wherefrom.outbound.sender import TOPIC
from wherefrom.outbound.store import outgoing as store
from wherefrom.outbound.tables import outgoing

GREYLISTED = "451 4.7.1 greylisted, come back"


async def test_a_letter_goes_by_the_sites_own_account(office: Office) -> None:
    made = await office.send(text="See https://shop.example/1?a=1&b=2")
    assert (made["delivery"]["state"], made["html"], made["send"]["tracks_clicks"]) == ("queued", "", True)
    await office.work()
    [letter] = office.sink.letters
    assert (letter.sender, letter.recipients) == ("news@shop.example", ("ann@mail.example",))
    read = office.read()
    assert (read["From"], read["To"], read["Subject"]) == (
        "The shop <news@shop.example>", "Ann <ann@mail.example>", "News",
    )  # fmt: skip
    assert read["Message-ID"] == made["delivery"]["message_id"]
    assert read["List-Unsubscribe"].startswith("<http://127.0.0.1:8025/u/")
    html, text = read.get_body(("html",)), read.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert (html.get_content().count("/c/"), html.get_content().count("/o/")) == (3, 1)
    assert "/c/" in text.get_content()
    told = await office.look(made)
    assert (told["send"]["status"], told["delivery"]["state"], told["delivery"]["attempts"]) == ("accepted", "sent", 1)
    assert told["delivery"]["answer"] == "250 2.0.0 queued as 1"
    assert [(one["status"], one["detail"]) for one in told["notices"]] == [("accepted", "250 2.0.0 queued as 1")]
    assert ((await office.sender())["status"], (await office.sender())["waiting"]) == ("working", 0)


async def test_one_connection_carries_many_letters(office: Office) -> None:
    await office.set(connections=1)
    await office.send_many(5)
    await office.work()
    assert [line.letters for line in office.sink.lines] == [5]


async def test_a_refused_letter_does_not_end_the_connection_of_the_others(office: Office) -> None:
    await office.set(connections=1)
    office.sink.answer("RCPT p1@mail.example", "550 5.1.1 no such user")
    office.sink.answer("DATA", "554 5.6.0 not this one")
    made = await office.send_many(4)
    await office.work()
    assert [line.letters for line in office.sink.lines] == [2]
    states = [(await office.state(one))[0] for one in made]
    assert states == ["refused", "refused", "sent", "sent"]


async def test_a_letter_that_is_put_off_is_tried_again_by_the_schedule_with_the_servers_words(office: Office) -> None:
    office.sink.answer("RCPT", *[GREYLISTED] * 3)
    made = await office.send()
    waits = []
    for number in range(1, 4):
        await office.work()
        told = (await office.look(made))["delivery"]
        assert (told["state"], told["answer"], told["attempts"]) == ("queued", GREYLISTED, number)
        wait = datetime.fromisoformat(told["next_at"]) - office.stage.clock.now()
        waits.append(wait.total_seconds())
        await office.work(wait - timedelta(milliseconds=1))  # a moment too early: nothing may happen
        assert (await office.state(made))[2] == number
        office.stage.clock.advance(timedelta(milliseconds=1))
    assert waits == [60, 300, 900]
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 4)
    assert len(office.sink.letters) == 1


@pytest.mark.parametrize(
    ("step", "answer", "ends"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 5.2.2 mailbox full", False),
        ("RCPT", "550 5.7.1 your message looks like spam", False),
        ("DATA", "554 5.7.1 policy", False),
        ("DATA", "552 5.3.4 too big", False),
    ],
)
async def test_a_final_refusal_rejects_the_send_and_only_an_address_that_is_gone_ends_mail(
    office: Office, step: str, answer: str, ends: bool
) -> None:
    office.sink.answer(step, answer)
    made = await office.send()
    await office.work()
    assert await office.state(made) == ("refused", "rejected", 1)
    told = await office.look(made)
    assert answer in told["notices"][-1]["detail"]
    [event] = await office.events(EventType.SEND_BOUNCED)
    assert (event.data["email"], event.data["permanent"]) == ("ann@mail.example", ends)
    body = {"contact": ANN, "html": HTML, "deliver": True}
    again = await office.api.post("/sites/shop/sends", json=body)
    assert again.status_code == (422 if ends else 201)
    assert (await office.sender())["status"] == "working"


async def test_who_left_meanwhile_gets_no_letter(office: Office) -> None:
    made = await office.send(list="news")
    await office.call("POST", "/suppressions", json={"email": "ann@mail.example"})
    await office.work()
    assert await office.state(made) == ("refused", "rejected", 0)
    assert "not sent" in (await office.look(made))["delivery"]["answer"]
    assert office.sink.lines == []


async def test_a_letter_to_who_does_not_agree_goes_untouched(office: Office) -> None:
    contact = {"email": "ann@mail.example", "consent": "denied", "consent_method": "by telephone"}
    await office.call("POST", "/contacts", json=contact)
    await office.send()
    await office.work()
    html = office.read().get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == HTML


async def test_letters_return_to_addresses_that_name_their_send(office: Office) -> None:
    await office.set(bounce_address="bounce@shop.example")
    made = await office.send_many(2)
    await office.work()
    found = [read_return_path(office.stage.services.tokens, letter.sender) for letter in office.sink.letters]
    assert sorted(str(one.send_id) for one in found if one) == sorted(one["send"]["id"] for one in made)
    named = read_return_path(office.stage.services.tokens, str(office.read()["Message-ID"]))
    assert named == found[-1]
    by_web, by_mail = str(office.read()["List-Unsubscribe"]).split(", ")
    assert by_web.startswith("<http")
    assert by_mail == f"<mailto:{office.sink.letters[-1].sender}?subject=unsubscribe>"


async def test_what_nobody_takes_for_five_days_has_failed(office: Office) -> None:
    office.sink.always("RCPT", GREYLISTED)
    made = await office.send()
    for _ in range(60):
        await office.work(timedelta(hours=4))
        if (await office.state(made))[0] != "queued":
            break
    told = await office.look(made)
    assert (told["delivery"]["state"], told["send"]["status"]) == ("failed", "failed")
    assert told["delivery"]["answer"] == f"given up after 120 hours: {GREYLISTED}"
    assert 20 < told["delivery"]["attempts"] < 40
    sent_at, ended_at = told["send"]["created_at"], told["delivery"]["ended_at"]
    spent = datetime.fromisoformat(ended_at) - datetime.fromisoformat(sent_at)
    assert timedelta(hours=120) <= spent <= timedelta(hours=124)


async def test_letters_of_an_account_that_never_works_are_given_up_too(office: Office) -> None:
    office.sink.stop()
    made = await office.send()
    await office.work()
    office.stage.clock.advance(timedelta(hours=119))
    assert await give_up_expired(office.stage.services) == 0
    office.stage.clock.advance(timedelta(hours=1))
    assert await give_up_expired(office.stage.services) == 1
    told = await office.look(made)
    assert (told["delivery"]["state"], told["send"]["status"], told["delivery"]["attempts"]) == ("failed", "failed", 0)
    assert "nothing listens on port" in told["delivery"]["answer"]
    assert len(await office.events(EventType.SEND_FAILED)) == 1


async def test_a_letter_that_cannot_be_sent_for_a_fault_of_ours_stands_in_nobodys_way(office: Office) -> None:
    await office.set(connections=1)
    made = await office.send_many(3)
    async with office.stage.services.db.write() as tx:
        await tx.execute(update(outgoing).where(outgoing.c.email == "p0@mail.example").values(raw="not ASCII: é"))
    await office.work()
    await office.work()
    assert [(await office.state(one))[0] for one in made] == ["queued", "sent", "sent"]
    told = (await office.look(made[0]))["delivery"]
    assert (told["attempts"], told["answer"]) == (1, "a fault of ours: UnicodeEncodeError")
    assert (await office.sender())["status"] == "working"


# ---------------------------------------------------------------------------------------------- broken connections


async def test_a_connection_that_breaks_before_the_answer_costs_one_try_and_no_letter(office: Office) -> None:
    office.sink.answer("DATA", DROP)
    made = await office.send()
    await office.work()
    assert await office.state(made) == ("queued", "accepted", 1)
    assert "broke off" in (await office.look(made))["delivery"]["answer"]
    await office.work(timedelta(minutes=1))
    assert await office.state(made) == ("sent", "accepted", 2)
    assert len(office.sink.letters) == 1


async def test_a_letter_whose_taking_was_never_heard_of_goes_again_with_the_same_id(office: Office) -> None:
    office.sink.answer("DATA", LOST)
    await office.send()
    await office.work()
    await office.work(timedelta(minutes=1))
    assert len(office.sink.letters) == 2
    assert office.read(0)["Message-ID"] == office.read(1)["Message-ID"]
    assert office.sink.letters[0].raw == office.sink.letters[1].raw


async def test_a_connection_the_server_closed_meanwhile_is_opened_again_without_a_try_lost(office: Office) -> None:
    await office.set(connections=1)
    office.sink.answer("MAIL", "", DROP)
    made = await office.send_many(2)
    await office.work()
    assert [(await office.state(one))[2] for one in made] == [1, 1]
    assert [line.letters for line in office.sink.lines] == [1, 1]


async def test_a_letter_whose_process_died_goes_again_when_its_claim_runs_out(office: Office) -> None:
    """Killed with all of the letter sent and no answer yet: the server has it, and nobody here knows."""
    made = await office.send()
    office.sink.hold()
    stop = asyncio.Event()
    dying = asyncio.create_task(office.postman.run(stop))
    await office.sink.wait_held(1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    office.sink.release()
    assert len(office.sink.letters) == 1
    office.postman = postman(office.stage.services)
    await office.work()
    assert await office.state(made) == ("queued", "accepted", 0)
    await office.work(CLAIM)
    assert await office.state(made) == ("sent", "accepted", 1)
    assert [one.raw for one in office.sink.letters] == [office.sink.letters[0].raw] * 2


async def test_a_stop_lets_the_letter_on_its_way_arrive_and_begins_no_other(office: Office) -> None:
    await office.set(connections=1)
    made = await office.send_many(3)
    office.sink.hold()
    stop = asyncio.Event()
    running = asyncio.create_task(office.postman.run(stop))
    await office.sink.wait_held(1)
    stop.set()
    await asyncio.sleep(0)
    assert not running.done()
    office.sink.release()
    await asyncio.wait_for(running, 60)
    assert [(await office.state(one))[0] for one in made] == ["sent", "queued", "queued"]
    assert len(office.sink.letters) == 1


async def test_a_stop_is_heard_by_the_lanes_while_the_database_does_not_answer(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is asked meanwhile what else is due."""
    await office.set(connections=1)
    made = await office.send_many(2)
    office.sink.hold()
    stop, asked, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()
    list_due_sites = store.list_due_sites

    async def slow(tx: Tx, now: datetime) -> list[tuple[int, int]]:
        if office.sink.held:
            asked.set()
            await answered.wait()
        return await list_due_sites(tx, now)

    monkeypatch.setattr(store, "list_due_sites", slow)
    running = asyncio.create_task(office.postman.run(stop))
    async with asyncio.timeout(60):
        await office.sink.wait_held(1)
        office.stage.services.bell.ring(TOPIC)
        await asked.wait()
        stop.set()
        await asyncio.sleep(0)
        office.sink.release()
        while (await office.state(made[0]))[0] != "sent" or office.postman.busy:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        assert not running.done()
        answered.set()
        await running
    assert [(await office.state(one))[0] for one in made] == ["sent", "queued"]
    assert len(office.sink.letters) == 1


async def test_a_stop_ends_a_connection_that_waits_for_letters_at_once(office: Office) -> None:
    await office.set(connections=1)
    waiting = postman(office.stage.services, linger=60)
    stop = asyncio.Event()
    running = asyncio.create_task(waiting.run(stop))
    await office.send()
    await office.sink.arrived.next()
    await office.send(contact={"email": "bob@mail.example"})
    await office.sink.arrived.next()
    assert [line.letters for line in office.sink.lines] == [2]
    stop.set()
    await asyncio.wait_for(running, 60)


# ---------------------------------------------------------------------------------------------- several at once


async def test_two_processes_send_each_letter_once_and_keep_to_the_accounts_connections(office: Office) -> None:
    await office.set(connections=3)
    made = await office.send_many(24)
    processes: list[Postman] = [postman(office.stage.services) for _ in range(2)]
    await asyncio.gather(*(one.settle() for one in processes))
    while (await office.sender())["waiting"]:  # one found all connections busy, and the other has ended since
        await processes[0].settle()
    assert [await office.state(one) for one in made] == [("sent", "accepted", 1)] * 24
    assert len({letter.recipients for letter in office.sink.letters}) == len(office.sink.letters) == 24
    assert office.sink.most_at_once <= 3


async def test_an_account_sends_no_more_an_hour_than_it_may(office: Office) -> None:
    await office.set(per_hour=20)
    await office.send_many(12)
    gone = []
    for _ in range(60):
        await office.work()
        gone.append(len(office.sink.letters))
        office.stage.clock.advance(timedelta(minutes=1))
    assert gone[0] == 2  # a tenth at once
    assert gone[30] < 12
    assert gone[-1] == 12


async def test_one_sites_trouble_does_not_hold_up_another(office: Office) -> None:
    made = await office.send()
    other = await office.second_site("other")
    await other.set(port=1)
    theirs = await other.send()
    await office.work()
    assert await office.state(made) == ("sent", "accepted", 1)
    assert await other.state(theirs) == ("queued", "accepted", 0)
    assert ((await office.sender())["status"], (await other.sender())["status"]) == ("working", "failing")
