"""Old mail: read behind what comes now, matched, shown, and told to webhooks only when a person asks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from tests.inbox.letters import letter
from tests.inbox.odd_mailbox import OddMailbox
from tests.inbox.watching import Watching, until, watching_odd
from tests.mail.scripted import Talk
from wherefrom.clock import SystemClock
from wherefrom.errors import BadInput, NotFound
from wherefrom.events.snapshots import MessageReceived
from wherefrom.events.store import list_events
from wherefrom.inbox import backlog, old_mail, pace
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.old_mail import tell_old_mail
from wherefrom.inbox.store import old_mail as store
from wherefrom.inbox.store.mailboxes import Folder, set_folder
from wherefrom.inbox.sync import sync_once
from wherefrom.services import Services
from wherefrom.webhooks.change import AddEndpoint, add_endpoint
from wherefrom.webhooks.fanout import fan_out
from wherefrom.webhooks.tables import delivery

SHORT = {"poll_seconds": 0.2, "idle_renew_seconds": 0.2}


def numbered(number: int) -> bytes:
    return letter(subject=f"Letter {number}", message_id=f"<{number}@customer.example>")


def aged(count: int, **habits: Any) -> OddMailbox:
    """A mailbox with ``count`` letters, one a day; the last came an hour less than two days ago."""
    last = datetime.now(UTC) - timedelta(days=2) + timedelta(hours=1)
    arrived = {uid: last - timedelta(days=count - uid) for uid in range(1, count + 1)}
    return OddMailbox({uid: numbered(uid) for uid in arrived}, arrived=arrived, **habits)


async def inbox(box: Watching) -> Folder:
    return (await box.mailbox()).folders[0]


async def read(box: Watching) -> Folder:
    """The folder, once all old mail is read."""

    async def done() -> bool:
        folder = await inbox(box)
        return folder.baselined and not folder.is_behind

    await until(done, "end of the old mail")
    return await inbox(box)


async def historic(box: Watching) -> dict[int, bool]:
    return {row.uid: row.historic for row in await box.rows()}


async def told(services: Services) -> list[MessageReceived]:
    async with services.db.read() as tx:
        return [one.read_as(MessageReceived) for one in await list_events(tx, 1, limit=200)]


async def posted(services: Services) -> list[str]:
    """The subjects of what waits to be posted to the endpoint, or was."""
    while await fan_out(services):
        pass
    async with services.db.read() as tx:
        bodies = (await tx.scalars(select(delivery.c.body).order_by(delivery.c.id))).all()
    return [json.loads(body)["data"]["message"]["subject"] for body in bodies]


@pytest.mark.parametrize(("since", "count"), [("now", 0), ("new", 0), ("3d", 2), ("3", 2), ("all", 8)])
async def test_old_mail_is_read_as_far_back_as_was_asked_for(services: Services, since: str, count: int) -> None:
    odd = aged(8)
    async with watching_odd(services, odd, since=since, **SHORT) as box:
        box.start()
        folder = await read(box)
        odd.add(9, numbered(9))
        await box.stored(count + 1)
        await box.looked()
        old = dict.fromkeys(range(9 - count, 9), True)
        assert await historic(box) == {**old, 9: False}
        assert folder.backlog_read == folder.backlog_letters >= count


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it is the database's
async def test_letters_nobody_asked_for_are_not_even_fetched(services: Services) -> None:
    """UIDs need not be in the order of arrival: after a move the newest letter may have the lowest."""
    odd = aged(30)
    odd.arrived[1] = datetime.now(UTC) + timedelta(minutes=5)  # when the mailbox has certainly been added
    async with watching_odd(services, odd, **SHORT) as box:
        box.start()
        await box.stored(1)
        await read(box)
        assert [one.split()[2] for one in odd.bodies_asked()] == ["1"]


async def test_a_letter_of_today_does_not_wait_for_the_old_mail(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "_FIRST_SLICE", 2)
    monkeypatch.setattr(backlog, "_LARGEST_SLICE", 2)
    odd = aged(40)
    async with watching_odd(services, odd, since="all", **SHORT) as box:
        box.start()
        await box.stored(3)
        odd.add(50, numbered(50))
        await box.stored(41)
        order = [row.uid for row in await box.rows()]
        assert order.index(50) < 39
        assert [uid for uid in order if uid < 50] == list(range(1, 41)), "oldest first, so that replies find threads"
        await box.sort()
        assert (await told(services))[-1].message.subject == "Letter 50", "and it is sorted before them"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it is the database's
async def test_how_far_it_is_read_is_told_while_it_is_read(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LONGEST", 0.02)
    odd = aged(6, spoilt={4: "close"}, strikes=3)
    async with watching_odd(services, odd, since="all", batch=1, **SHORT) as box:
        seen: list[tuple[int, int]] = []
        box.start()

        async def all_read() -> bool:
            folder = await inbox(box)
            seen.append((folder.backlog_read, folder.backlog_letters))
            return folder.baselined and not folder.is_behind

        await until(all_read, "end of the old mail")
        assert seen == sorted(seen)
        assert seen[-1] == (6, 6)
        assert sorted(await historic(box)) == [1, 2, 3, 4, 5, 6]
        assert len(await box.rows()) == 6


async def test_a_process_that_ends_amid_the_old_mail_goes_on_where_it_was(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONGEST", 30.0)
    odd = aged(6, spoilt={5: "close"}, strikes=1)
    async with watching_odd(services, odd, since="all", batch=1, **SHORT) as box:
        box.start()
        await box.stored(4)
        await box.status("connecting", "unreachable")
        await box.stop()
        box.start()
        assert (await read(box)).backlog_letters == 6
        bodies = [one.split()[2] for one in odd.bodies_asked()]
        assert bodies == ["1", "2", "3", "4", "5", "5", "6"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it is the database's
async def test_an_old_letter_that_breaks_the_connection_is_passed_over(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONGEST", 0.02)
    odd = aged(5, poison={3})
    async with watching_odd(services, odd, since="all", **SHORT) as box:
        box.start()
        await read(box)
        rows = await box.rows()
        assert {row.uid: row.status for row in rows} == {
            1: "stored", 2: "stored", 3: "unreadable", 4: "stored", 5: "stored",
        }  # fmt: skip


async def test_new_numbers_amid_the_old_mail_begin_it_anew_and_store_nothing_twice(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONGEST", 30.0)
    odd = aged(6, spoilt={4: "close"}, strikes=1)
    async with watching_odd(services, odd, since="all", batch=1, **SHORT) as box:
        box.start()
        await box.stored(3)
        await box.status("connecting", "unreachable")
        await box.stop()
        odd.uidvalidity = 8
        odd.arrived = {uid + 20: at for uid, at in odd.arrived.items()}
        odd.letters = {uid + 20: raw for uid, raw in odd.letters.items()}
        box.start()
        await box.stored(6)
        await read(box)
        assert sorted(await box.sort()) == [f"Letter {one}" for one in range(1, 7)]
        assert len(await box.rows()) == 6
        assert set((await historic(box)).values()) == {True}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("uidnext", [0, 1, 5, 900])
async def test_old_mail_comes_to_its_end_on_a_server_whose_uidnext_is_wrong(
    services: Services, monkeypatch: pytest.MonkeyPatch, uidnext: int
) -> None:
    monkeypatch.setattr(backlog, "_FIRST_SLICE", 2)
    monkeypatch.setattr(backlog, "_LARGEST_SLICE", 2)
    odd = aged(8, uidnext=uidnext)
    async with watching_odd(services, odd, since="all", **SHORT) as box:
        box.start()
        await box.stored(8)
        await read(box)
        assert await historic(box) == dict.fromkeys(range(1, 9), True)
        assert len(await box.rows()) == 8


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_old_mail_of_a_folder_that_has_gone_makes_no_busy_loop(services: Services) -> None:
    odd = OddMailbox({1: numbered(1)})
    async with watching_odd(services, odd, since="all", folders=("INBOX", "Gone"), poll_seconds=600) as box:
        gone = (await box.mailbox()).folders[1]
        async with services.db.write() as tx:
            await set_folder(tx, 1, gone.id, {"baselined": True, "backlog_end": 9, "backlog_letters": 9})
        box.start()

        async def waiting() -> bool:
            return "IDLE" in odd.asked

        await until(waiting, "IDLE")
        assert "Gone" in (await box.status("ok")).status_detail
        assert sum("Gone" in one for one in odd.asked) <= 3


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_server_that_numbers_anew_each_time_is_asked_no_more_often_for_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "_FIRST_SLICE", 2)
    monkeypatch.setattr(backlog, "_LARGEST_SLICE", 2)

    class Restless(OddMailbox):
        def say_examine(self, talk: Talk, tag: str, command: str) -> str:
            self.uidvalidity = (self.uidvalidity or 0) + 1
            return super().say_examine(talk, tag, command)

    made = aged(6)
    odd = Restless(made.letters, arrived=made.arrived)
    async with watching_odd(services, odd, since="all", batch=1, poll_seconds=600) as box:
        box.start()

        async def waiting() -> bool:
            return "IDLE" in odd.asked

        await until(waiting, "IDLE")
        assert len([one for one in odd.asked if one.startswith("EXAMINE")]) <= 5


async def test_letters_stamped_anew_by_a_move_are_old_mail_whatever_their_stamp(services: Services) -> None:
    odd = aged(2)
    odd.letters[3] = letter(subject="Letter 3", message_id="<3@x.example>", at=datetime.now(UTC) - timedelta(days=400))
    async with watching_odd(services, odd, since="all", **SHORT) as box:
        box.start()
        await box.stored(3)
        await read(box)
        assert await historic(box) == {1: True, 2: True, 3: True}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it is the database's
async def test_one_look_by_hand_reads_all_old_mail(services: Services) -> None:
    odd = aged(5)
    async with watching_odd(services, odd, since="all") as box:
        await sync_once(box.services, 1, box.mailbox_id)
        assert sorted(await historic(box)) == [1, 2, 3, 4, 5]
        assert not (await inbox(box)).is_behind


async def test_no_webhook_hears_of_old_mail_until_a_person_asks_and_then_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_mail, "_AT_ONCE", 2)
    odd = aged(5)
    async with watching_odd(services, odd, since="all", **SHORT) as box:
        await add_endpoint(box.services, 1, AddEndpoint(url="https://crm.example/hook", which="all"))
        box.start()
        await box.stored(5)
        odd.add(6, numbered(6))
        await box.stored(6)
        await read(box)
        waiting = await tell_old_mail(box.services, 1, box.mailbox_id)
        assert (waiting.told, waiting.waiting) == (0, 5)
        await box.sort()
        assert await posted(box.services) == ["Letter 6"]
        done = await tell_old_mail(box.services, 1, box.mailbox_id)
        assert (done.told, done.waiting) == (5, 0)
        assert sorted(await posted(box.services)) == [f"Letter {number}" for number in range(1, 7)]
        sent = [one.message for one in await told(services) if one.message.released]
        assert [one.historic for one in sent] == [True] * 5, "the CRM can tell them from new ones"
        again = await tell_old_mail(box.services, 1, box.mailbox_id)
        assert (again.told, again.waiting) == (0, 0)
        assert len(await posted(box.services)) == 6


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_counting_old_mail_walks_over_old_mail_alone(services: Services) -> None:
    statements: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "historic" in statement:
            statements.append((statement, parameters))

    event.listen(services.db.sync_engine, "before_cursor_execute", keep)
    try:
        async with services.db.write() as tx:
            await store.count_old(tx, 1, 1)
            await store.take_old(tx, 1, 1, (SystemClock().now(), 1), 200)
    finally:
        event.remove(services.db.sync_engine, "before_cursor_execute", keep)
    assert len(statements) == 2
    async with services.db.write() as tx:
        for statement, values in statements:
            plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            assert "SEARCH message USING INDEX ix_message_historic" in str([row[3] for row in plan])


async def test_a_mailbox_that_is_not_there_has_no_old_mail_to_tell(services: Services) -> None:
    with pytest.raises(NotFound):
        await tell_old_mail(services, 1, 5)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it is the database's
@pytest.mark.parametrize("since", ["", "yesterday", "0", "-3", "0d", "40000", "d", "3 days", "٣", "9" * 30])
async def test_a_beginning_that_is_not_understood_is_refused_with_what_is(services: Services, since: str) -> None:
    wanted = AddMailbox(host="imap.example", username="a", password="b", since=since)
    with pytest.raises(BadInput) as refused:
        await add_mailbox(services, 1, wanted)
    assert "from now on" in refused.value.hint
