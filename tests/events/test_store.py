"""Events on both engines: appended with their cause, claimed once, marked for good."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from tests.events.samples import AT, DISABLED, letter
from wherefrom.db import Tx
from wherefrom.events.snapshots import MessageReceived, WebhookDisabled
from wherefrom.events.store import (
    append_event,
    claim_unfanned,
    find_event,
    list_events,
    list_subject_events,
    mark_fanned,
)
from wherefrom.events.tables import event
from wherefrom.events.types import SHAPES, EventType
from wherefrom.services import Services


async def append(tx: Tx, id: int, *, site_id: int = 1, subject_id: int = 7, subject: str = "Test") -> None:
    await append_event(
        tx, id=id, site_id=site_id, type=EventType.MESSAGE_RECEIVED, subject_id=subject_id, data=letter(subject), now=AT
    )


@pytest.mark.parametrize("with_visit", [True, False])
async def test_a_snapshot_comes_back_as_it_went_in(services: Services, with_visit: bool) -> None:
    told = letter("Größe", with_visit=with_visit)
    async with services.db.write() as tx:
        await append_event(tx, id=2, site_id=1, type=EventType.MESSAGE_RECEIVED, subject_id=7, data=told, now=AT)
        await append_event(tx, id=3, site_id=1, type=EventType.WEBHOOK_DISABLED, subject_id=5, data=DISABLED, now=AT)
    async with services.db.read() as tx:
        found, other = await find_event(tx, 1, 2), await find_event(tx, 1, 3)
    assert found is not None
    assert other is not None
    assert found.read_as(MessageReceived) == told
    assert (found.type, found.subject_id, found.created_at) == (EventType.MESSAGE_RECEIVED, 7, AT)
    assert other.read_as(WebhookDisabled) == DISABLED


async def test_an_event_is_undone_with_what_caused_it(services: Services) -> None:
    with pytest.raises(RuntimeError):
        async with services.db.write() as tx:
            await append(tx, 1)
            raise RuntimeError
    async with services.db.read() as tx:
        assert await list_events(tx, 1) == []


async def test_a_type_off_the_list_or_data_of_another_shape_is_a_fault(services: Services) -> None:
    async with services.db.write() as tx:
        with pytest.raises(ValueError, match=r"message\.sent"):
            await append_event(
                tx,
                id=1,
                site_id=1,
                type="message.sent",  # type: ignore[arg-type]
                subject_id=7,
                data=letter(),
                now=AT,
            )
        with pytest.raises(TypeError, match="WebhookDisabled"):
            await append_event(
                tx, id=1, site_id=1, type=EventType.WEBHOOK_DISABLED, subject_id=7, data=letter(), now=AT
            )
        await append(tx, 1)
        (found,) = await list_events(tx, 1)
        with pytest.raises(TypeError, match="MessageReceived"):
            found.read_as(WebhookDisabled)


def test_every_type_has_a_shape_whose_json_can_be_read_back() -> None:
    assert set(SHAPES) == set(EventType)
    for told in (letter(), letter(with_visit=False), DISABLED):
        assert msgspec.json.decode(msgspec.json.encode(told), type=type(told)) == told


async def test_unfanned_events_are_claimed_oldest_first_over_all_sites_until_marked(services: Services) -> None:
    async with services.db.write() as tx:
        for id_, site_id in ((3, 1), (1, 2), (2, 1)):
            await append(tx, id_, site_id=site_id)
    async with services.db.write() as tx:
        first = await claim_unfanned(tx, 2)
        assert [(one.site_id, one.id) for one in first] == [(2, 1), (1, 2)]
        await mark_fanned(tx, first, AT)
        await mark_fanned(tx, [], AT)
    async with services.db.write() as tx:
        rest = await claim_unfanned(tx, 10)
        assert [one.id for one in rest] == [3]


async def test_a_claim_that_was_not_finished_is_free_again(services: Services) -> None:
    async with services.db.write() as tx:
        await append(tx, 1)
    with pytest.raises(RuntimeError):
        async with services.db.write() as tx:
            await mark_fanned(tx, await claim_unfanned(tx, 10), AT)
            raise RuntimeError
    async with services.db.write() as tx:
        assert len(await claim_unfanned(tx, 10)) == 1


async def test_marking_again_keeps_the_first_time_and_other_sites_events(services: Services) -> None:
    async with services.db.write() as tx:
        await append(tx, 1, site_id=1)
        await append(tx, 1, site_id=2)
        mine = [one for one in await claim_unfanned(tx, 10) if one.site_id == 1]
        await mark_fanned(tx, mine, AT)
        await mark_fanned(tx, mine, AT + timedelta(hours=1))
        times = (await tx.execute(select(event.c.fanned_at).order_by(event.c.site_id))).scalars().all()
    assert times == [AT, None]


async def test_many_at_once_take_each_event_once(services: Services) -> None:
    async with services.db.write() as tx:
        for id_ in range(1, 41):
            await append(tx, id_)
    taken: list[int] = []

    async def fan_out() -> None:
        while True:
            async with services.db.write() as tx:
                claimed = await claim_unfanned(tx, 3)
                await asyncio.sleep(0)
                await mark_fanned(tx, claimed, AT)
            taken.extend(one.id for one in claimed)
            if not claimed:
                return

    await asyncio.gather(*(fan_out() for _ in range(5)))
    async with services.db.write() as tx:  # what a claim skipped because another held it, and that one let go
        taken.extend(one.id for one in await claim_unfanned(tx, 50))
    assert sorted(taken) == list(range(1, 41))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer: nothing to skip
async def test_a_late_commit_of_a_lower_id_is_not_stepped_over(services: Services) -> None:
    async with services.db.write() as slow:
        await append(slow, 1)
        async with services.db.write() as tx:
            await append(tx, 2)
        async with services.db.write() as tx:
            claimed = await claim_unfanned(tx, 10)
            assert [one.id for one in claimed] == [2]
            await mark_fanned(tx, claimed, AT)
    async with services.db.write() as tx:
        assert [one.id for one in await claim_unfanned(tx, 10)] == [1]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer: the second one waits
async def test_a_second_process_skips_what_the_first_has_claimed(services: Services) -> None:
    async with services.db.write() as tx:
        await append(tx, 1)
        await append(tx, 2)
    async with services.db.write() as one, services.db.write() as two:
        assert [event.id for event in await claim_unfanned(one, 1)] == [1]
        assert [event.id for event in await claim_unfanned(two, 10)] == [2]


async def test_lists_keep_sites_and_subjects_apart(services: Services) -> None:
    async with services.db.write() as tx:
        for id_, site_id, subject_id in ((1, 1, 7), (2, 1, 8), (3, 2, 7), (4, 1, 7)):
            await append(tx, id_, site_id=site_id, subject_id=subject_id)
        await append_event(tx, id=5, site_id=1, type=EventType.WEBHOOK_DISABLED, subject_id=5, data=DISABLED, now=AT)
    async with services.db.read() as tx:
        assert [one.id for one in await list_events(tx, 1)] == [5, 4, 2, 1]
        assert [one.id for one in await list_events(tx, 1, type=EventType.MESSAGE_RECEIVED, limit=2)] == [4, 2]
        assert [one.id for one in await list_events(tx, 1, before=4)] == [2, 1]
        assert [one.id for one in await list_subject_events(tx, 1, 7)] == [1, 4]
        assert await find_event(tx, 2, 4) is None
