"""From events to deliveries: who gets which letter (F03), once."""

import json
from asyncio import gather
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from tests.webhooks.conftest import ATTACHMENT, SITE, letter, listen, tell, work
from tests.webhooks.test_deliver import deliveries
from wherefrom.clock import FixedClock
from wherefrom.db import Database
from wherefrom.events.store import claim_unfanned
from wherefrom.events.tables import event
from wherefrom.services import Services
from wherefrom.webhooks.change import ChangeEndpoint, change_endpoint
from wherefrom.webhooks.endpoint import Endpoint, wants
from wherefrom.webhooks.fanout import ATTACHMENT_PURPOSE, fan_out
from wherefrom.webhooks.store.deliveries import get_delivery

LETTERS = {
    "matched": letter(),
    "unmatched": letter(matched=False),
    "reply": letter(first_of_thread=False),
    "unmatched reply": letter(matched=False, first_of_thread=False),
    "automatic": letter(automatic="Auto-Submitted: auto-replied"),
    "junk": letter(folder_kind="junk"),
}


@pytest.mark.parametrize(
    ("wish", "gets"),
    [
        ({}, {"matched", "reply"}),
        ({"which": "all"}, {"matched", "unmatched", "reply", "unmatched reply"}),
        ({"which": "first"}, {"matched", "unmatched"}),
        ({"which": "matched_first"}, {"matched"}),
        ({"automatic": True}, {"matched", "reply", "automatic"}),
        ({"junk": True}, {"matched", "reply", "junk"}),
        ({"which": "all", "automatic": True, "junk": True}, set(LETTERS)),
    ],
)
async def test_an_endpoint_gets_the_letters_it_asked_for(services: Services, wish: dict[str, object], gets: set[str]):
    await listen(services, "http://127.0.0.1:9999/", **wish)
    for number, told in enumerate(LETTERS.values()):
        await tell(services, number, told)
    assert await fan_out(services)
    assert {list(LETTERS)[one.subject_id] for one in await deliveries(services)} == gets


@given(
    st.sampled_from(["matched", "all", "first", "matched_first"]),
    st.booleans(), st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from(["", "a list"]), st.sampled_from(["inbox", "junk", "other"]),
)  # fmt: skip
def test_a_switch_never_takes_away_what_a_narrower_choice_gives(
    which: str, automatic: bool, junk: bool, matched: bool, first: bool, reason: str, folder: str
):
    told = letter(matched=matched, first_of_thread=first, automatic=reason, folder_kind=folder)

    def chosen(which: str, automatic: bool, junk: bool) -> bool:
        one = Endpoint(
            1, 1, "", "standard", which, automatic, junk, "objects", "", "enabled", "", None, told.message.received_at
        )
        return wants(one, told)

    if chosen(which, automatic, junk):
        assert chosen("all", automatic, junk)
        assert which != "matched_first" or (chosen("matched", automatic, junk) and chosen("first", automatic, junk))
        assert chosen(which, True, True)
        assert not reason or automatic
        assert folder != "junk" or junk


async def test_every_endpoint_of_the_site_gets_its_own_delivery_in_its_own_form(services: Services):
    await listen(services, "http://127.0.0.1:9999/a")
    await listen(services, "http://127.0.0.1:9999/b", format="roistat")
    await listen(services, "http://127.0.0.1:9999/a", site_id=2)
    await tell(services, 7)
    await fan_out(services)
    one, other = await deliveries(services)
    assert (one.event_id, one.subject_id) == (other.event_id, other.subject_id)
    assert one.endpoint_id != other.endpoint_id
    assert await deliveries(services, site_id=2) == []


async def test_an_event_is_fanned_out_once(services: Services):
    await listen(services, "http://127.0.0.1:9999/a")
    await tell(services, 7)
    assert await fan_out(services)
    assert not await fan_out(services)
    async with services.db.write() as tx:  # as after a crash of a version that marked too late
        await tx.execute(update(event).values(fanned_at=None))
    assert await fan_out(services)
    assert len(await deliveries(services)) == 1


async def test_a_fault_in_the_middle_leaves_neither_mark_nor_delivery(
    services: Services, monkeypatch: pytest.MonkeyPatch
):
    await listen(services, "http://127.0.0.1:9999/a")
    await tell(services, 7)

    async def power_cut(*_: object) -> None:
        raise ConnectionError("the plug was pulled")

    with monkeypatch.context() as patch:
        patch.setattr("wherefrom.webhooks.fanout.mark_fanned", power_cut)
        with pytest.raises(ConnectionError):
            await fan_out(services)
    assert await deliveries(services) == []
    assert await fan_out(services)
    assert len(await deliveries(services)) == 1


async def test_an_unreadable_event_does_not_hold_up_the_next(services: Services):
    await listen(services, "http://127.0.0.1:9999/a")
    bad = await tell(services, 7)
    await tell(services, 8)
    async with services.db.write() as tx:
        await tx.execute(update(event).where(event.c.id == bad).values(data={"message": 1}))
    assert await fan_out(services)
    assert [one.subject_id for one in await deliveries(services)] == [8]
    async with services.db.write() as tx:
        assert await claim_unfanned(tx, 10) == []


async def test_letters_before_the_endpoint_are_not_sent_and_letters_while_paused_wait(
    services: Services, clock: FixedClock
):
    await tell(services, 1)
    await fan_out(services)
    added = await listen(services, "http://127.0.0.1:9999/a")
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(status="paused"))
    await tell(services, 2)
    await work(services)
    clock.advance(timedelta(days=2))
    await work(services)
    assert [(one.subject_id, one.status, one.attempts) for one in await deliveries(services)] == [(2, "pending", 0)]


async def test_the_attachment_link_opens_for_link_days_and_names_its_letter(services: Services, clock: FixedClock):
    await listen(services, "http://127.0.0.1:9999/a", format="roistat", attachments="urls")
    await tell(services, 7, letter(attachments=[ATTACHMENT]))
    await fan_out(services)
    [url] = json.loads(await body_of_the_only_delivery(services))["attachments"]
    base, _, token = url.rpartition("/a/")
    assert base == services.settings.server.public_url
    link_days = timedelta(days=services.settings.webhooks.link_days)
    tokens = services.tokens
    assert tokens.verify(ATTACHMENT_PURPOSE, token, clock.now() + link_days) == f"{SITE}/7/1"
    assert tokens.verify(ATTACHMENT_PURPOSE, token, clock.now() + link_days + timedelta(milliseconds=1)) is None


async def test_the_body_is_fixed_when_the_event_is_fanned_out(services: Services):
    added = await listen(services, "http://127.0.0.1:9999/a")
    await tell(services, 7)
    await fan_out(services)
    before = await body_of_the_only_delivery(services)
    await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(format="roistat"))
    assert await body_of_the_only_delivery(services) == before


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer: there is nothing to race
async def test_two_hosts_fanning_out_at_once_make_each_delivery_once(services: Services):
    await listen(services, "http://127.0.0.1:9999/a")
    for number in range(250):
        await tell(services, number)
    other = replace(services, db=Database(services.settings.database.url))
    try:
        for _ in range(6):
            await gather(fan_out(services), fan_out(other))
    finally:
        await other.db.close()
    assert sorted(one.subject_id for one in await deliveries(services)) == list(range(250))


async def body_of_the_only_delivery(services: Services) -> str:
    [one] = await deliveries(services)
    async with services.db.read() as tx:
        return (await get_delivery(tx, SITE, one.id))[1]
