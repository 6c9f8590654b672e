"""What came back of letters to a person who was erased: the reports say who it was, in their raw bytes, too."""

from __future__ import annotations

import asyncio

import pytest

from tests.audience.walk import all_rows, find_anywhere
from tests.bounces.desk import Desk
from tests.bounces.forms import arf, dsn, recipient, words
from wherefrom.audience.change import erase_contact

ANN, BOB = "ann+news@mail.example", "bob@mail.example"
HARD = dsn(recipient("5.1.1", "smtp; 550 5.1.1 <{to}>: nobody of that name"))
IN_WORDS = words(
    "Your letter to {to} could not be delivered.\n\n  <{to}>: no such user here",
    "Mail <mailer-daemon@mx.mail.example>",
    "Undeliverable",
)
FORMS = {"report": HARD, "words": IN_WORDS, "complaint": arf()}


async def loose(desk: Desk) -> set[str]:
    return {row["sha256"] for row in (await all_rows(desk.stage.services))["loose_blob"]}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_reports_of_before_go_with_the_person(desk: Desk, form: str) -> None:
    services = desk.stage.services
    ann, bob = await desk.send(ANN), await desk.send(BOB)
    for number, one in enumerate((ann, bob)):
        assert (await desk.receive(form, one, number))[0] == "taken"
    known = [row for row in (await all_rows(services))["message"] if ANN in row["status_reason"] + row["text"]]
    names = {row["sha256"] for row in known}
    assert names, "the report names her"
    others = await find_anywhere(services, BOB)
    await erase_contact(services, desk.site_id, ann.contact.id, "key 1")
    assert await find_anywhere(services, ANN) == []
    assert names <= await loose(desk), "the raw bytes leave the disk a day later"
    assert await find_anywhere(services, BOB) == others


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_a_report_that_comes_later_is_not_kept(desk: Desk, form: str) -> None:
    services = desk.stage.services
    ann = await desk.send(ANN)
    await erase_contact(services, desk.site_id, ann.contact.id, "key 1")
    message_id = await desk.post.store(desk.fill(form, ann))
    (sha256,) = [row["sha256"] for row in (await all_rows(services))["message"] if row["id"] == message_id]
    await desk.sort()
    assert await find_anywhere(services, ANN) == []
    assert sha256 in await loose(desk)


async def test_copies_of_a_report_go_with_it(desk: Desk) -> None:
    ann = await desk.send(ANN)
    assert [(await desk.receive(HARD, ann))[0] for _ in range(2)] == ["taken", "duplicate"]
    await erase_contact(desk.stage.services, desk.site_id, ann.contact.id, "key 1")
    assert await find_anywhere(desk.stage.services, ANN) == []
    for _ in range(2):  # of one group commit
        await desk.post.store(desk.fill(HARD, ann))
    await desk.sort()
    assert (await all_rows(desk.stage.services))["message"] == []


async def test_a_report_that_is_sorted_while_its_person_is_erased_leaves_nothing(desk: Desk) -> None:
    services = desk.stage.services
    for number in range(4):
        ann = await desk.send(ANN)
        for at, form in enumerate(FORMS.values()):
            await desk.post.store(desk.fill(form, ann, 10 * number + at))
        await asyncio.gather(desk.sort(), erase_contact(services, desk.site_id, ann.contact.id, "key 1"))
        assert await find_anywhere(services, ANN) == []
