"""Reports in the mailbox: what they do to the send, to mail to the address, to the timeline, and what is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.bounces.desk import Desk
from tests.bounces.forms import ORIGINAL, arf, dsn, recipient, words
from tests.inbox.letters import Post
from wherefrom.clock import FixedClock
from wherefrom.events.types import EventType
from wherefrom.outbound.failure import record_refusal
from wherefrom.outbound.store.sends import lock_send
from wherefrom.outbound.store.suppressions import mark_undone
from wherefrom.outbound.suppression import Suppression

HARD = dsn(recipient("5.1.1", "smtp; 550 5.1.1 <{to}>: nobody of that name"))
SOFT = dsn(recipient("5.2.1", "smtp; 550 5.2.1 the mailbox is closed"))
FULL = dsn(recipient("5.2.2", "smtp; 552 5.2.2 the mailbox is full"))
DELAYED = dsn(recipient("4.4.1", "smtp; 451 later", action="delayed"))
DELIVERED = dsn(recipient("2.0.0", "smtp; 250 taken", action="delivered"))
ANN = "ann+news@mail.example"


async def undo(desk: Desk, one: Suppression) -> None:
    async with desk.stage.services.db.write() as tx:
        await mark_undone(tx, desk.site_id, one.id, desk.stage.clock.now(), "key 7")


async def test_a_hard_bounce_fails_the_send_ends_mail_and_is_told(desk: Desk, clock: FixedClock) -> None:
    handed = await desk.send(list="news", subject="Your offer")
    clock.advance(timedelta(minutes=5))
    status, reason = await desk.receive(HARD, handed)
    assert status == "taken"
    assert "5.1.1" in reason
    assert (await desk.stage.look(handed)).status == "failed"
    (bounce,) = await desk.bounces(handed)
    assert (bounce.weight, bounce.code, bounce.proof, bounce.ended) == ("hard", "5.1.1", "return-path", True)
    (one,) = await desk.suppressions()
    assert (one.email, one.scope, one.reason, one.created_by) == (ANN, "", "bounced", "mailbox")
    assert one.send_id == handed.sent.id
    assert "nobody of that name" in one.detail
    assert await desk.refused() == "bounced"
    (event,) = await desk.events(handed)
    assert event.type is EventType.SEND_BOUNCED
    assert (event.data["permanent"], event.data["code"], event.data["email"]) == (True, "5.1.1", ANN)
    assert "nobody of that name" in event.data["detail"]


async def test_the_letter_is_kept_and_starts_no_lead(desk: Desk) -> None:
    handed = await desk.send()
    message_id = await desk.post.store(desk.fill(HARD, handed))
    await desk.sort()
    detail = await desk.post.detail(message_id)
    assert (detail.row.status, detail.row.rule, detail.row.automatic) == ("taken", "", "auto-submitted")
    assert await desk.post.events(message_id) == []


async def test_the_same_report_twice_is_told_once(desk: Desk) -> None:
    handed = await desk.send()
    assert (await desk.receive(HARD, handed))[0] == "taken"
    assert (await desk.receive(HARD, handed))[0] == "duplicate"
    assert len(await desk.events(handed)) == 1
    assert len(await desk.bounces()) == 1


async def test_a_full_mailbox_fails_the_send_and_nothing_more(desk: Desk, clock: FixedClock) -> None:
    for day in range(5):
        handed = await desk.send()
        await desk.receive(FULL, handed, day)
        clock.advance(timedelta(days=1))
    assert (await desk.stage.look(handed)).status == "failed"
    assert await desk.refused() is None
    assert [event.data["permanent"] for event in await desk.events(handed)] == [False]


async def test_the_third_soft_failure_in_days_ends_mail(desk: Desk, clock: FixedClock) -> None:
    for day in range(3):
        assert await desk.refused() is None
        await desk.receive(SOFT, await desk.send(), day)
        clock.advance(timedelta(days=1))
    assert await desk.refused() == "bounced"
    (one,) = await desk.suppressions()
    assert one.detail.startswith("3 letters failed in a row")


async def test_many_letters_of_one_bad_day_end_nothing(desk: Desk, clock: FixedClock) -> None:
    for number in range(6):
        await desk.receive(SOFT, await desk.send(), number)
        clock.advance(timedelta(hours=4))
    assert await desk.refused() is None


async def test_several_reports_of_one_letter_count_once(desk: Desk, clock: FixedClock) -> None:
    handed = await desk.send()
    for day in range(4):
        await desk.receive(SOFT, handed, day)
        clock.advance(timedelta(days=1))
    assert await desk.refused() is None


async def test_a_later_letter_that_arrives_clears_the_soft_ones(desk: Desk, clock: FixedClock) -> None:
    for day in range(2):
        await desk.receive(SOFT, await desk.send(), day)
        clock.advance(timedelta(days=1))
    opened = await desk.send()
    await desk.stage.hit(opened.pixel)
    await desk.stage.settle()
    clock.advance(timedelta(days=1))
    for day in range(2):
        await desk.receive(SOFT, await desk.send(), 10 + day)
        assert await desk.refused() is None
        clock.advance(timedelta(days=1))
    await desk.receive(SOFT, await desk.send(), 20)
    assert await desk.refused() == "bounced"


async def test_a_letter_that_a_server_says_it_delivered_clears_them_too(desk: Desk, clock: FixedClock) -> None:
    for day in range(2):
        await desk.receive(SOFT, await desk.send(), day)
        clock.advance(timedelta(days=1))
    handed = await desk.send()
    await desk.receive(DELIVERED, handed, 5)
    assert (await desk.stage.look(handed)).status == "delivered"
    assert [event.type for event in await desk.events(handed)] == [EventType.SEND_DELIVERED]
    clock.advance(timedelta(days=1))
    await desk.receive(SOFT, await desk.send(), 6)
    assert await desk.refused() is None


async def test_what_is_undone_begins_to_count_anew(desk: Desk, clock: FixedClock) -> None:
    for day in range(3):
        await desk.receive(SOFT, await desk.send(), day)
        clock.advance(timedelta(days=1))
    (one,) = await desk.suppressions()
    await undo(desk, one)
    clock.advance(timedelta(hours=1))
    await desk.receive(SOFT, await desk.send(), 9)
    assert await desk.refused() is None
    await desk.receive(HARD, await desk.send(), 10)
    assert await desk.refused() == "bounced"


@pytest.mark.parametrize("which", ["this letter", "a later one"])
async def test_a_report_on_an_address_that_works_ends_nothing(desk: Desk, clock: FixedClock, which: str) -> None:
    handed = await desk.send()
    opened = handed if which == "this letter" else await desk.send()
    await desk.stage.hit(opened.pixel)
    await desk.stage.settle()
    await desk.receive(HARD, handed)
    assert [(one.weight, one.code, one.ended) for one in await desk.bounces(handed)] == [("passing", "5.1.1", False)]
    assert await desk.refused() is None
    clock.advance(timedelta(days=1))
    await desk.receive(HARD, await desk.send(), 1)  # a new one is another matter
    assert await desk.refused() == "bounced"


async def test_a_delay_changes_no_status_and_is_told_as_passing(desk: Desk) -> None:
    handed = await desk.send()
    await desk.receive(DELAYED, handed)
    assert (await desk.stage.look(handed)).status == "accepted"
    assert [(event.type, event.data["permanent"]) for event in await desk.events(handed)] == [("send.bounced", False)]
    assert await desk.refused() is None


async def test_a_complaint_ends_all_mail_and_is_told_with_its_kind(desk: Desk) -> None:
    handed = await desk.send(list="news")
    for number in range(2):
        assert (await desk.receive(arf(), handed, number))[0] == "taken"
    assert (await desk.stage.look(handed)).status == "complained"
    (one,) = await desk.suppressions()
    assert (one.reason, one.scope, one.created_by) == ("complained", "", "mailbox")
    (event,) = await desk.events(handed)
    assert (event.type, event.data["kind"]) == (EventType.SEND_COMPLAINED, "abuse")


async def test_an_opt_out_told_by_the_provider_ends_the_list_alone(desk: Desk) -> None:
    handed = await desk.send(list="news")
    await desk.receive(arf("opt-out"), handed)
    assert (await desk.stage.look(handed)).status == "unsubscribed"
    (one,) = await desk.suppressions()
    assert (one.reason, one.scope) == ("unsubscribed", "news")


async def test_a_letter_that_says_unsubscribe_to_the_return_path_ends_the_list(desk: Desk) -> None:
    handed = await desk.send(list="news")
    plain = {"Return_Path": "<{to}>"}
    wish = words("", "Ann <{to}>", "Unsubscribe", **plain)
    assert (await desk.receive(wish, handed))[0] == "taken"
    (one,) = await desk.suppressions()
    assert (one.reason, one.scope, one.created_by, one.detail) == (
        "unsubscribed",
        "news",
        "person",
        f"by mail from {ANN}",
    )
    assert (await desk.stage.look(handed)).status == "unsubscribed"
    assert [event.type for event in await desk.events(handed)] == [EventType.SEND_UNSUBSCRIBED]


async def test_whoever_else_writes_unsubscribe_is_a_lead(desk: Desk) -> None:
    handed = await desk.send(list="news")
    forms = (
        words("", "Ann <{to}>", "unsubscribe", to="{own}", Return_Path="<{to}>"),
        words("", "Ann <{to}>", "unsubscribe", to="{forged}", Return_Path="<{to}>"),
        words("", "Ann <{to}>", "Re: unsubscribe", Return_Path="<{to}>"),
        words("I am away.", "Ann <{to}>", "unsubscribe", Auto_Submitted="auto-replied", In_Reply_To="<1@x>"),
    )
    for number, form in enumerate(forms):
        assert (await desk.receive(form, handed, number))[0] == "sorted", form
    assert await desk.suppressions() == []


async def test_without_a_proof_it_is_kept_beside_the_letter_and_nothing_follows(desk: Desk, clock: FixedClock) -> None:
    handed = await desk.send()
    forged = dsn(recipient("5.1.1", "smtp; 550 5.1.1 unknown"), to="{own}", returned=None)
    status, reason = await desk.receive(forged, handed)
    assert status == "taken"
    assert "nothing was done" in reason
    assert [(one.proof, one.ended) for one in await desk.bounces(handed)] == [("address", False)]
    assert (await desk.stage.look(handed)).status == "accepted"
    assert await desk.events(handed) == []
    clock.advance(timedelta(days=6))
    assert (await desk.receive(forged, handed, 1))[0] == "sorted"  # so long ago that it is somebody else's letter


async def test_a_letter_of_another_site_is_left_alone(desk: Desk) -> None:
    handed = await desk.send()
    raw = desk.fill(HARD, handed)
    strangers = await Post.open(desk.stage.services, desk.site_id + 1)
    message_id = await strangers.store(raw)
    await desk.sort()
    assert (await strangers.status(message_id))[0] == "sorted"
    assert await desk.bounces() == []


@pytest.mark.parametrize(
    ("answer", "weight", "refused"),
    [
        ("550 5.1.1 <ann+news@mail.example>: unknown", "hard", "bounced"),
        ("550 no such user", "soft", None),
        ("552 5.2.2 full", "passing", None),
        ("554 5.7.1 blocked by a list", "passing", None),
    ],
)
async def test_what_a_server_says_at_once_counts_as_what_it_says_later(
    desk: Desk, answer: str, weight: str, refused: str | None
) -> None:
    handed = await desk.send()
    services = desk.stage.services
    async with services.db.write() as tx:
        sent = await lock_send(tx, desk.site_id, handed.sent.id)
        assert sent is not None
        changed = await record_refusal(tx, services, sent, handed.contact, answer)
    assert changed.status == "failed"
    (bounce,) = await desk.bounces(handed)
    assert (bounce.weight, bounce.proof, bounce.message_id) == (weight, "server", None)
    assert await desk.refused() == refused
    assert [one.created_by for one in await desk.suppressions()] == (["server"] if refused else [])


async def test_our_header_is_found_in_a_returned_letter_larger_than_what_is_looked_at(desk: Desk) -> None:
    handed = await desk.send()
    long = ORIGINAL + "A line of the letter that came back.\n" * 8_000
    assert len(long) > 262_144
    await desk.receive(dsn(recipient("5.1.1", "smtp; 550 5.1.1 unknown"), to="{own}", returned=long), handed)
    assert await desk.refused() == "bounced"
