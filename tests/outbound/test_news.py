"""What is told of a send: each thing once, in whatever order and however often it comes; verdicts likewise."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from tests.outbound.stage import APPLE, CHROME, GMAIL, PHONE, Handed, Stage
from wherefrom.events.store import Event, list_events
from wherefrom.events.types import EventType
from wherefrom.outbound.judge import judge_hits
from wherefrom.outbound.leave import leave
from wherefrom.outbound.news import record_notice, tell
from wherefrom.outbound.status import MOVES, TOLD, Notice, SendStatus, find_status
from wherefrom.outbound.store.sends import ToldNotice, list_notices, lock_send
from wherefrom.tracking.marks import Mark
from wherefrom.tracking.store import StoredHit, append_hits, count_verdicts
from wherefrom.tracking.verdict import Hint, Hit, Letter, judge

S = SendStatus


async def events(stage: Stage) -> list[Event]:
    async with stage.services.db.read() as tx:
        return (await list_events(tx, stage.site_id, limit=200))[::-1]


async def notice(stage: Stage, handed: Handed, status: SendStatus, minutes: float, detail: str = "") -> None:
    """Somebody tells what became of the letter so many minutes after it was made."""
    at = handed.sent.created_at + timedelta(minutes=minutes)
    async with stage.services.db.write() as tx:
        sent = await lock_send(tx, stage.site_id, handed.sent.id)
        assert sent is not None
        told = ToldNotice(status, at, stage.clock.now(), detail)
        await record_notice(tx, stage.services, sent, handed.contact, told, scope="news")


async def test_the_first_notice_of_each_status_is_told_with_what_was_said(stage: Stage) -> None:
    handed = await stage.hand_in(reference="offer-7", subject="Chairs", list="news", contact_reference="crm-1")
    for status, minutes, detail in (
        (S.DELIVERED, 1, "250 taken"), (S.DELIVERED, 2, "again"), (S.FAILED, 3, "550 gone"), (S.COMPLAINED, 4, "abuse"),
        (S.UNSUBSCRIBED, 5, "by mail"), (S.FAILED, 3, "550 gone"),
    ):  # fmt: skip
        await notice(stage, handed, status, minutes, detail)
    told = await events(stage)
    assert [(one.type, one.data["detail"]) for one in told] == [
        (EventType.SEND_DELIVERED, "250 taken"), (EventType.SEND_FAILED, "550 gone"),
        (EventType.SEND_COMPLAINED, "abuse"), (EventType.SEND_UNSUBSCRIBED, "by mail"),
    ]  # fmt: skip
    assert {(one.subject_id, one.data["reference"], one.data["contact_reference"]) for one in told} == {
        (handed.sent.id, "offer-7", "crm-1")
    }
    assert (told[1].data["status"], told[3].data["scope"], told[3].data["list"]) == ("failed", "news", "news")
    async with stage.services.db.read() as tx:
        assert len(await list_notices(tx, stage.site_id, handed.sent.id)) == 5  # all that is told is kept, once


async def test_what_a_persons_act_made_stands_against_late_notices(stage: Stage) -> None:
    handed = await stage.hand_in()
    stage.clock.advance(timedelta(minutes=5))
    await stage.hit(handed.clicks[0])
    await stage.settle()
    await notice(stage, handed, S.DELIVERED, 1)
    await notice(stage, handed, S.FAILED, 9)
    assert (await stage.look(handed)).status is S.CLICKED


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_and_repetition_gives_the_same_status_and_tells_each_thing_once(
    stage: Stage, seed: int
) -> None:
    chance = random.Random(seed)
    said = [(chance.choice(TOLD), chance.randint(0, 6)) for _ in range(6)]
    letters = await asyncio.gather(*(stage.hand_in(f"p{number}@mail.example") for number in range(4)))
    first = letters[0].sent
    expected = find_status(
        first.created_at, [Notice(status, first.created_at + timedelta(minutes=at)) for status, at in said]
    )
    for handed in letters:
        again = [*said, *chance.choices(said, k=3)]
        chance.shuffle(again)
        for status, minutes in again:
            await notice(stage, handed, status, minutes)
            shown = await stage.look(handed)
            assert shown.status is S.ACCEPTED or shown.status in MOVES[S.ACCEPTED]
    assert {(await stage.look(one)).status for one in letters} == {expected.status}
    told = [(one.subject_id, one.type) for one in await events(stage)]
    failures = {S.FAILED, S.REJECTED}  # two statuses that are told by one event
    once = len({status for status, _ in said})
    assert len(told) == 4 * once
    assert len(set(told)) == 4 * (once - (failures <= {status for status, _ in said}))


@pytest.mark.parametrize("seed", range(2))
async def test_notices_clicks_and_the_way_out_at_once_come_to_one_status_and_tell_each_thing_once(
    stage: Stage, seed: int
) -> None:
    chance = random.Random(seed)
    letters = [await stage.hand_in(f"p{number}@mail.example", list="news") for number in range(3)]
    stage.clock.advance(timedelta(seconds=30))
    said: dict[int, set[tuple[SendStatus, int]]] = {one.sent.id: set() for one in letters}
    left: set[int] = set()
    for _ in range(4):
        acts: list[Awaitable[object]] = [judge_hits(stage.services), judge_hits(stage.services)]
        for handed in chance.choices(letters, k=8):
            status, minutes = chance.choice([S.DELIVERED, S.FAILED, S.COMPLAINED]), chance.randint(0, 3)
            said[handed.sent.id].add((status, minutes))
            acts.append(notice(stage, handed, status, minutes))
            acts.append(stage.hit(handed.clicks[chance.randint(0, 2)], CHROME))
        handed = chance.choice(letters)
        left.add(handed.sent.id)
        acts += [leave(stage.services, Mark(stage.site_id, handed.sent.id), "list") for _ in range(2)]
        chance.shuffle(acts)
        await asyncio.gather(*acts)
        stage.clock.advance(timedelta(seconds=chance.choice([2, 30])))
    await stage.settle()
    told = [(one.subject_id, one.type) for one in await events(stage)]
    for handed in letters:
        sent = await stage.look(handed)
        async with stage.services.db.read() as tx:
            kept = await list_notices(tx, stage.site_id, handed.sent.id)
        acts_of = [(S.OPENED, sent.opened_at), (S.CLICKED, sent.clicked_at)]
        known = [*(Notice(one.status, one.happened_at) for one in kept)]
        known += [Notice(status, at) for status, at in acts_of if at is not None]
        assert (sent.status, sent.status_at) == find_status(sent.created_at, known)
        wanted = {status for status, _ in said[sent.id]} | ({S.UNSUBSCRIBED} if sent.id in left else set())
        assert {one.status for one in kept} == wanted
        assert len(kept) == len(said[sent.id]) + (sent.id in left)
        mine = [type_ for subject, type_ in told if subject == sent.id]
        assert len(mine) == len(set(mine)) == len(wanted) + sent.click_told + sent.open_told


async def test_only_what_is_of_sends_can_be_told_of_one(stage: Stage) -> None:
    handed = await stage.hand_in()
    async with stage.services.db.write() as tx:
        with pytest.raises(ValueError, match="nothing of a send"):
            await tell(tx, stage.services, handed.sent, handed.contact, EventType.TEST_PING)
        with pytest.raises(TypeError):
            await tell(tx, stage.services, handed.sent, handed.contact, EventType.SEND_OPENED, colour="red")


@pytest.mark.parametrize("seed", range(4))
async def test_no_order_of_arrival_changes_a_verdict_and_each_hit_has_one(stage: Stage, seed: int) -> None:
    """Hits are judged as they come, some of them late: in the end as if all had been looked at together."""
    chance = random.Random(seed)
    handed = await stage.hand_in()
    start, hits = stage.clock.now(), list[StoredHit]()
    for _ in range(30):
        number = chance.choice([0, 0, 1, 2, 3])
        at = start + timedelta(milliseconds=100 * chance.choice([*range(40), *range(2400)]))
        hint: Hint = chance.choice(["", "", "", "", "head", "prefetch"])  # type: ignore[assignment]
        agent, ip = chance.choice([CHROME, CHROME, PHONE, GMAIL, APPLE]), chance.choice(["192.0.2.0", "198.51.100.0"])
        kind = "click" if number else "open"
        hits.append(
            StoredHit(stage.site_id, stage.services.ids.next(), handed.sent.id, kind, number, at, ip, agent, hint)  # type: ignore[arg-type]
        )
    stage.clock.advance(timedelta(minutes=5))
    arriving = chance.sample(hits, len(hits))
    while arriving:
        count = chance.randint(1, 8)
        now, arriving = arriving[:count], arriving[count:]
        async with stage.services.db.write() as tx:
            await append_hits(tx, now)
        await stage.settle(timedelta(seconds=1))
    judged = await stage.hits(handed)
    assert len(judged) == len(hits)
    together = sorted(hits, key=lambda one: (one.seen_at, one.id))
    verdicts = judge(
        [Hit(one.kind, one.number, one.seen_at, one.agent, one.ip, one.hint) for one in together],
        Letter(3, "mail.example"),
    )
    assert {hit.id: (hit.verdict, hit.reason) for hit in judged} == {
        one.id: tuple(verdict) for one, verdict in zip(together, verdicts, strict=True)
    }
    async with stage.services.db.read() as tx:
        assert sum(count for *_, count in await count_verdicts(tx, stage.site_id, handed.sent.id)) == len(judged)
    assert await stage.waiting() == []
