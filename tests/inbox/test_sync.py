"""Watching real mailboxes: every new letter once, whatever the server, the network and the process do."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.inbox.letters import letter
from tests.inbox.watching import DEADLINE, Watching, until, watching
from tests.support.dovecot import Dovecot
from wherefrom.inbox.holder import is_dead, own_name
from wherefrom.inbox.mailbox import ChangeMailbox, FolderChoice, change_mailbox, remove_mailbox
from wherefrom.inbox.store import mailboxes
from wherefrom.inbox.sync import CLAIM, sync_once
from wherefrom.mail.failures import LoginFailed
from wherefrom.services import Services

# The rest shows the server's and the network's side of it, which is the same on every database.


@pytest_asyncio.fixture
async def box(services: Services, dovecot: Dovecot) -> AsyncIterator[Watching]:
    """A mailbox on a server with IDLE."""
    async with watching(services, dovecot) as made:
        yield made


def numbered(number: int, **more: Any) -> bytes:
    return letter(subject=f"Letter {number}", message_id=f"<{number}@customer.example>", **more)


async def test_idle_brings_a_letter_long_before_the_next_poll(services: Services, dovecot: Dovecot) -> None:
    async with watching(services, dovecot, poll_seconds=600) as box:
        await box.connect()
        box.start()
        assert "IDLE" in (await box.settled()).status_detail
        await box.deliver(numbered(1))
        (row,) = await box.stored(1)
        assert (row.status, row.folder_kind, row.uid, row.truncated) == ("stored", "inbox", 1, False)
        assert await box.sort() == ["Letter 1"]


async def test_the_bell_rings_when_a_letter_is_stored(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    before = box.services.bell.count("messages")
    await box.deliver(numbered(1))
    assert await box.services.bell.wait("messages", DEADLINE, since=before)
    assert len(await box.rows()) == 1


async def test_a_server_without_idle_is_polled(services: Services, polling_dovecot: Dovecot) -> None:
    async with watching(services, polling_dovecot) as box:
        await box.connect()
        box.start()
        assert "every 1 s" in (await box.settled()).status_detail
        await box.deliver(numbered(1))
        await box.stored(1)


async def test_letters_that_were_there_before_are_not_announced(box: Watching) -> None:
    await box.deliver(numbered(1))
    await asyncio.to_thread(_wait_for_the_next_second)
    await box.connect()
    box.start()
    await box.settled()
    await box.deliver(numbered(2))
    await box.stored(1)
    assert await box.sort() == ["Letter 2"]


async def test_letters_between_adding_and_the_first_look_are_announced(box: Watching) -> None:
    await box.connect()
    await box.deliver(numbered(1))
    box.start()
    await box.stored(1)
    assert await box.sort() == ["Letter 1"]


@pytest.mark.parametrize("since", ["all", "2"])
async def test_letters_of_before_are_read_when_asked_for(box: Watching, since: str) -> None:
    for number in range(1, 4):
        await box.deliver(numbered(number))
    await box.connect(since=since)
    box.start()
    await box.stored(3)
    # The last one may have come in the second in which the mailbox was added: then it is read first, as a new one.
    assert sorted(await box.sort()) == ["Letter 1", "Letter 2", "Letter 3"]


async def test_junk_is_read_from_whichever_folder_the_server_calls_so(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await box.append("Junk", numbered(1))
    (row,) = await box.stored(1)
    assert row.folder_kind == "junk"


async def test_a_letter_moved_to_junk_and_back_is_one_letter(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await box.deliver(numbered(1))
    await box.stored(1)
    for source, goal, count in (("INBOX", "Junk", 2), ("Junk", "INBOX", 3)):
        await asyncio.to_thread(_move_all, box, source, goal)
        await box.stored(count)
    assert await box.sort() == ["Letter 1"]
    assert sorted(row.status for row in await box.rows()) == ["duplicate", "duplicate", "sorted"]


async def test_reading_leaves_no_trace(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await box.deliver(numbered(1))
    await box.stored(1)
    await box.stop()
    with box.server.imap(box.account) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search("UNSEEN") == [1]
        assert b"\\Seen" not in client.fetch([1], ["FLAGS"])[1][b"FLAGS"]
        assert client.folder_status("Junk", ["MESSAGES"])[b"MESSAGES"] == 0


async def test_a_letter_somebody_read_already_is_found_as_well(services: Services, polling_dovecot: Dovecot) -> None:
    async with watching(services, polling_dovecot) as box:
        await box.connect()
        await box.deliver(numbered(1))
        with box.server.imap(box.account) as client:
            client.select_folder("INBOX")
            client.add_flags([1], [b"\\Seen"])
        box.start()
        await box.stored(1)


async def test_a_server_that_restarts_in_the_middle_loses_nothing(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await box.deliver(numbered(1))
    await box.stored(1)
    box.server.stop()
    await box.status("connecting", "unreachable")
    box.server.start()
    await box.deliver(numbered(2))
    await box.stored(2)
    assert (await box.status("ok")).status == "ok"
    assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_a_process_that_begins_again_reads_on_where_it_was(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await box.deliver(numbered(1))
    await box.stored(1)
    await box.stop()
    await box.deliver(numbered(2))
    box.start()
    await box.stored(2)
    await box.looked()
    assert [row.uid for row in await box.rows()] == [1, 2]


async def test_new_numbers_for_old_letters_announce_nothing_twice(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    for number in (1, 2):
        await box.deliver(numbered(number))
    await box.stored(2)
    await box.stop()
    await asyncio.to_thread(box.server.renumber, box.account, "INBOX")
    await box.deliver(numbered(3))
    box.start()
    await box.stored(3)
    await box.looked()
    assert await box.sort() == ["Letter 1", "Letter 2", "Letter 3"]
    assert len({row.uidvalidity for row in await box.rows()}) == 2


async def test_new_numbers_in_the_middle_of_watching_are_noticed(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await box.deliver(numbered(1))
    await box.stored(1)
    await asyncio.to_thread(box.server.renumber, box.account, "INBOX")
    await box.deliver(numbered(2))
    await box.stored(2)
    await box.looked()
    assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_letters_of_years_stamped_anew_by_a_move_are_not_announced(box: Watching) -> None:
    """A restored mailbox: other UIDVALIDITY, every letter with today's INTERNALDATE."""
    await box.connect(folders=(FolderChoice(name="INBOX"), FolderChoice(name="Leads", kind="other")))
    now = box.services.clock.now()
    await box.append("Leads", numbered(1, at=now))
    box.start()
    await box.settled()
    await box.stored(1)
    await box.stop()
    await asyncio.to_thread(box.server.recreate_folder, box.account, "Leads")
    await box.append("Leads", numbered(90, at=now - timedelta(days=400)))
    await box.append("Leads", numbered(1, at=now))
    await box.append("Leads", numbered(2, at=now))
    box.start()
    await box.looked()
    assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_a_wrong_password_is_told_and_tried_at_once_when_mended(box: Watching) -> None:
    await box.connect(password="wrong")
    box.start()
    found = await box.status("login_failed")
    assert "refuses user name or password" in found.status_detail
    first = found.checked_at
    assert first is not None
    await change_mailbox(box.services, 1, box.mailbox_id, ChangeMailbox(password=box.account.password))
    await box.status("ok")


async def test_a_certificate_nobody_vouches_for_is_told(box: Watching) -> None:
    await box.connect(port=box.server.imaps_port, security="tls")
    box.start()
    found = await box.status("tls_failed")
    assert "not trusted" in found.status_detail
    await change_mailbox(box.services, 1, box.mailbox_id, ChangeMailbox(ca_file=str(box.server.ca_file)))
    await box.status("ok")


async def test_a_dead_server_holds_up_neither_other_mailboxes_nor_the_end(services: Services, dovecot: Dovecot) -> None:
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(3600), "127.0.0.1", 0)
    async with silent, watching(services, dovecot, socket_timeout_seconds=60) as box:
        port = silent.sockets[0].getsockname()[1]
        dead = Watching(box.services, box.server, box.account)
        await dead.connect(port=port)
        await box.connect()
        box.start()
        await box.settled()
        await box.deliver(numbered(1))
        await box.stored(1)
        begun = time.monotonic()
        await box.stop()
        assert time.monotonic() - begun < 30


async def test_a_letter_above_the_limit_is_cut_and_marked(services: Services, dovecot: Dovecot) -> None:
    async with watching(services, dovecot, max_letter_bytes=65_536) as box:
        await box.connect()
        box.start()
        await box.settled()
        big = numbered(1, text="word " * 40_000)
        await box.deliver(big)
        await box.deliver(numbered(2))
        first, second = await box.stored(2)
        assert (first.truncated, second.truncated) == (True, False)
        assert first.size > 200_000
        assert len(await box.services.blobs.get(first.sha256)) == 65_536
        assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_two_processes_never_watch_one_mailbox(box: Watching) -> None:
    await box.connect()
    box.start("one")
    await box.settled()
    box.start("two")
    await box.looked()
    assert (await box.mailbox()).watcher == "one"
    await box.deliver(numbered(1))
    await box.stored(1)
    first, _ = box.watches[0]
    first.set()

    async def taken_over() -> bool:
        return (await box.mailbox()).watcher == "two"

    await until(taken_over, "take-over")
    await box.deliver(numbered(2))
    await box.stored(2)
    assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_the_mailbox_of_a_process_that_died_is_taken_over_when_its_claim_runs_out(box: Watching) -> None:
    await box.connect()
    now = box.services.clock.now()
    async with box.services.db.write() as tx:  # a process that died half a second before its claim's end
        began = now - CLAIM + timedelta(seconds=0.5)
        assert await mailboxes.claim_mailbox(tx, 1, box.mailbox_id, "dead", began, began + CLAIM)
    box.start("alive")
    found = await box.settled()
    assert found.watcher == "alive"


async def test_the_mailbox_of_a_killed_process_of_this_machine_is_taken_over_at_once(box: Watching) -> None:
    await box.connect()
    words = "from wherefrom.inbox.holder import own_name; print(own_name())"
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", words, stdout=asyncio.subprocess.PIPE)
    name = (await ended.communicate())[0].decode().strip()
    now = box.services.clock.now()
    async with box.services.db.write() as tx:
        assert await mailboxes.claim_mailbox(tx, 1, box.mailbox_id, name, now, now + timedelta(hours=1))
    box.start(own_name())
    await box.settled()


def test_a_process_that_lives_or_is_of_another_machine_is_not_called_dead() -> None:
    assert not is_dead(own_name())
    machine, number, run = own_name().split("/")
    assert not is_dead(f"{machine}/1/{run}")
    assert not is_dead(f"{'0' * 12}/{number}/{run}")
    assert not is_dead("")
    assert not is_dead("dead")


async def test_a_mailbox_that_is_switched_off_or_removed_is_left_alone(box: Watching) -> None:
    await box.connect()
    box.start()
    await box.settled()
    await change_mailbox(box.services, 1, box.mailbox_id, ChangeMailbox(enabled=False))

    async def released() -> bool:
        return (await box.mailbox()).watcher == ""

    await until(released, "release")
    await box.deliver(numbered(1))
    await change_mailbox(box.services, 1, box.mailbox_id, ChangeMailbox(enabled=True))
    await box.stored(1)
    await remove_mailbox(box.services, 1, box.mailbox_id)
    assert await box.sort() == ["Letter 1"]


async def test_a_folder_that_does_not_exist_is_told_and_holds_up_only_itself(box: Watching) -> None:
    await box.connect(folders=(FolderChoice(name="INBOX"), FolderChoice(name="Nowhere", kind="other")))
    box.start()
    found = await box.status("ok")
    await box.deliver(numbered(1))
    await box.stored(1)
    assert "Nowhere" in found.status_detail


async def test_one_look_by_hand_reads_what_is_new(box: Watching) -> None:
    await box.connect()
    await box.deliver(numbered(1))
    await box.append("Junk", numbered(2))
    await sync_once(box.services, 1, box.mailbox_id)
    assert sorted(row.folder_kind for row in await box.rows()) == ["inbox", "junk"]
    await sync_once(box.services, 1, box.mailbox_id)
    assert len(await box.rows()) == 2


async def test_one_look_by_hand_says_what_is_wrong(box: Watching) -> None:
    await box.connect(password="wrong")
    with pytest.raises(LoginFailed):
        await sync_once(box.services, 1, box.mailbox_id)
    assert (await box.mailbox()).status == "login_failed"


async def test_a_password_sealed_with_another_key_is_told_in_words(box: Watching) -> None:
    await box.connect()
    async with box.services.db.write() as tx:
        await mailboxes.set_mailbox(tx, 1, box.mailbox_id, {"password": "not sealed by us"})
    box.start()
    assert "another key" in (await box.status("failed")).status_detail


async def test_a_database_fault_while_storing_loses_no_letter(box: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    await box.connect()
    box.start()
    await box.settled()
    real, faults = box.services.ids.next, [1]

    def failing() -> int:
        if faults:
            faults.pop()
            raise ConnectionError("the database is away")
        return real()

    monkeypatch.setattr(box.services.ids, "next", failing)
    await box.deliver(numbered(1))
    await box.stored(1)
    assert faults == []
    assert await box.sort() == ["Letter 1"]


def _wait_for_the_next_second() -> None:
    """INTERNALDATE has whole seconds: a letter of the second in which the mailbox is added counts as new."""
    time.sleep(1.0 - time.time() % 1.0 + 0.02)


def _move_all(box: Watching, source: str, goal: str) -> None:
    with box.server.imap(box.account) as client:
        client.select_folder(source)
        client.move(client.search("ALL"), goal)


async def test_a_server_that_resets_connections_while_it_restarts_delays_nothing_for_minutes(box: Watching) -> None:
    """Between the old server and the new one the port may take connections and cut them in the middle of TLS."""
    await box.connect(host="localhost", port=box.server.imaps_port, security="tls", ca_file=str(box.server.ca_file))
    box.start()
    await box.settled()
    box.server.stop()
    cut = asyncio.Event()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()
        cut.set()

    async with await asyncio.start_server(reset, "127.0.0.1", box.server.imaps_port):
        await asyncio.wait_for(cut.wait(), DEADLINE)
    await box.status("tls_failed")
    box.server.start()
    await box.deliver(numbered(1))
    await box.stored(1)
