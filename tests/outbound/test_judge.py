"""Hits become opens and clicks of persons: verdicts, the send's status, the contact's sums, events."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from tests.outbound.stage import APPLE, CHROME, GMAIL, PHONE, Handed, Stage
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import replace_contact
from wherefrom.events.store import list_events
from wherefrom.events.types import EventType
from wherefrom.outbound.judge import judge_hits, settle
from wherefrom.tracking.verdict import PERSONS


async def told(stage: Stage) -> list[tuple[EventType, str]]:
    async with stage.services.db.read() as tx:
        found = await list_events(tx, stage.site_id)
    return [(one.type, one.data.get("url", one.data.get("verdict", ""))) for one in reversed(found)]


async def test_a_person_opens_and_clicks(stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.pixel, GMAIL)
    opened_at = stage.clock.now()
    stage.clock.advance(timedelta(seconds=20))
    await stage.hit(handed.clicks[1])
    clicked_at = stage.clock.now()
    await stage.settle()
    sent, contact = await stage.look(handed), await stage.contact()
    assert (sent.opened_at, sent.clicked_at, sent.opens, sent.clicks) == (opened_at, clicked_at, 1, 1)
    assert (sent.status, sent.status_at) == ("clicked", clicked_at)
    assert (contact.emails_sent_count, contact.emails_opened_count, contact.emails_clicked_count) == (1, 1, 1)
    assert (contact.last_email_opened_at, contact.last_email_clicked_at) == (opened_at, clicked_at)
    assert await told(stage) == [(EventType.SEND_OPENED, "proxy"), (EventType.SEND_CLICKED, "https://shop.example/2")]


async def test_the_first_open_is_told_and_later_ones_are_counted_only(stage: Stage) -> None:
    handed = await stage.hand_in()
    for _ in range(3):
        await stage.hit(handed.pixel)
        await stage.settle(timedelta(minutes=5))
    assert (await stage.look(handed)).opens == 3
    assert (await stage.contact()).emails_opened_count == 1
    assert await told(stage) == [(EventType.SEND_OPENED, "human")]


async def test_a_hit_is_counted_only_when_its_neighbours_have_come(stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.clicks[0])
    assert not await judge_hits(stage.services)
    assert (await stage.look(handed)).clicked_at is None
    await stage.settle()
    assert (await stage.look(handed)).clicks == 1


async def test_machines_are_kept_with_their_verdicts_and_counted_as_nobody(stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.pixel, APPLE)
    for url in (handed.pixel, *handed.clicks):
        await stage.hit(url, PHONE)
        stage.clock.advance(timedelta(milliseconds=300))
    await stage.settle()
    assert [(hit.kind, hit.verdict) for hit in await stage.hits(handed)] == [
        ("open", "prefetch"), ("open", "scanner"), ("click", "scanner"), ("click", "scanner"), ("click", "scanner"),
    ]  # fmt: skip
    sent = await stage.look(handed)
    assert (sent.status, sent.opens, sent.clicks) == ("accepted", 0, 0)
    assert await told(stage) == []


async def test_what_a_burst_shows_later_is_taken_back(stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.clicks[0], PHONE)
    await stage.settle()
    assert (await stage.contact()).emails_clicked_count == 1
    stage.clock.advance(timedelta(seconds=20))
    for url in handed.clicks:
        await stage.hit(url, PHONE)
    await stage.settle()
    sent, contact = await stage.look(handed), await stage.contact()
    assert {hit.verdict for hit in await stage.hits(handed)} == {"scanner"}
    assert (sent.status, sent.clicked_at, sent.clicks) == ("accepted", None, 0)
    assert (contact.emails_clicked_count, contact.last_email_clicked_at) == (0, None)
    assert [one for one, _ in await told(stage)] == [EventType.SEND_CLICKED]  # what was told is not taken back
    stage.clock.advance(timedelta(hours=1))
    await stage.hit(handed.clicks[0])
    await stage.settle()
    assert (await stage.look(handed)).clicks == 1
    assert len(await told(stage)) == 1  # nor told again


async def change(stage: Stage, **values: object) -> None:
    known = await stage.contact()
    kept = {name: getattr(known, name) for name in Contact.__dataclass_fields__}
    async with stage.services.db.write() as tx:
        await replace_contact(tx, Contact(**{**kept, **values}))


async def test_who_withdraws_is_measured_no_more_in_letters_sent_before(stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.pixel)
    stage.clock.advance(timedelta(seconds=1))
    await change(stage, consent="denied", consent_at=stage.clock.now())
    stage.clock.advance(timedelta(seconds=1))
    assert (await stage.hit(handed.clicks[0])).status_code == 307
    await stage.hit(handed.pixel)
    await stage.settle()
    assert [hit.kind for hit in await stage.hits(handed)] == ["open"]
    assert (await stage.look(handed)).clicked_at is None


async def test_of_who_wants_no_more_kept_than_the_day_nothing_else_is(stage: Stage) -> None:
    handed = await stage.hand_in()
    await change(stage, mode="open_date")
    await stage.hit(handed.pixel, APPLE)
    await stage.settle()
    assert (await stage.contact()).opened_at is None
    await stage.hit(handed.pixel, GMAIL)
    await stage.settle()
    contact, sent = await stage.contact(), await stage.look(handed)
    assert contact.opened_at == stage.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    assert (contact.emails_opened_count, sent.opened_at, sent.status) == (0, None, "accepted")
    assert await stage.hits(handed) == []
    assert await told(stage) == []


async def test_a_letter_to_such_a_person_asks_without_the_network(stage: Stage) -> None:
    await stage.hand_in()
    await change(stage, mode="open_date")
    handed = await stage.hand_in()
    assert handed.clicks == []
    await stage.hit(handed.pixel)
    assert [hit.ip for hit in await stage.waiting()] == [None]


async def test_two_processes_judge_each_hit_once(stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.pixel)
    waiting = await stage.waiting()
    stage.clock.advance(timedelta(seconds=10))
    for expected in (True, False):  # the second read the queue before the first had emptied it
        async with stage.services.db.write() as tx:
            assert await settle(tx, stage.services, waiting, stage.clock.now()) is expected
    assert (await stage.look(handed)).opens == 1
    assert len(await told(stage)) == 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_sums_equal_a_recount_whatever_happens_at_once(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    people = ["ann@mail.example", "bob@mail.example"]
    letters: list[Handed] = []
    for _ in range(4):
        letters += await asyncio.gather(*(stage.hand_in(one) for one in people))
        hits = []
        for letter in chance.choices(letters, k=30):
            url = chance.choice([letter.pixel, letter.pixel, *letter.clicks])
            hits.append(stage.hit(url, chance.choice([CHROME, GMAIL, PHONE, APPLE])))
        await asyncio.gather(*hits, judge_hits(stage.services), judge_hits(stage.services))
        stage.clock.advance(timedelta(seconds=chance.choice([1, 2, 5, 40])))
        await asyncio.gather(*(judge_hits(stage.services) for _ in range(3)))
    await stage.settle()
    assert await stage.waiting() == []
    for one in people:
        mine = [letter for letter in letters if letter.contact.email == one]
        found = {letter.sent.id: await stage.hits(letter) for letter in mine}
        persons = {
            kind: {
                id_: times
                for id_, hits_ in found.items()
                if (times := [hit.seen_at for hit in hits_ if hit.kind == kind and hit.verdict in PERSONS])
            }
            for kind in ("open", "click")
        }
        contact = await stage.contact(one)
        assert contact.emails_sent_count == len(mine)
        assert contact.last_email_sent_at == max(letter.sent.created_at for letter in mine)
        assert contact.emails_opened_count == len(persons["open"])
        assert contact.emails_clicked_count == len(persons["click"])
        assert contact.last_email_opened_at == max((max(times) for times in persons["open"].values()), default=None)
        assert contact.last_email_clicked_at == max((max(times) for times in persons["click"].values()), default=None)
