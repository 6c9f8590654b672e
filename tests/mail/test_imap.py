"""An IMAP session against a real Dovecot: seen, fetched, lost and found again, without leaving a trace."""

import hashlib
import itertools
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.dovecot import Account, Dovecot
from wherefrom.mail import imap
from wherefrom.mail.blobs import Blobs
from wherefrom.mail.failures import (
    ConnectionLost,
    ConnectionRefused,
    DnsFailed,
    FolderMissing,
    LoginFailed,
    MailboxError,
    TlsFailed,
)
from wherefrom.mail.imap import HIGHEST_UID, ImapAccount, ImapSession, Security

SOON = 20.0
"""Seconds: far less than what is waited for otherwise, and enough for a machine with more to do."""


def letter(number: int, size: int = 20) -> bytes:
    return b"From: lead@customer.example\r\nSubject: letter %d\r\n\r\n" % number + b"x" * size + b"\r\n"


def account_on(server: Dovecot, user: Account, security: Security = "tls", *, trusted: bool = True) -> ImapAccount:
    port = server.imaps_port if security == "tls" else server.imap_port
    return ImapAccount(server.host, port, security, user.user, user.password, str(server.ca_file) if trusted else None)


def opened(server: Dovecot, user: Account, folder: str = "INBOX") -> ImapSession:
    session = ImapSession(account_on(server, user), timeout=60)
    session.connect()
    session.examine(folder)
    return session


@pytest.fixture
def anna(dovecot: Dovecot) -> Account:
    return dovecot.add_user()


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_letters_come_whole_in_the_order_of_their_uids(dovecot: Dovecot, anna: Account, security: Security) -> None:
    for number in range(5):
        dovecot.deliver(anna.address, letter(number))
    with ImapSession(account_on(dovecot, anna, security), timeout=60) as session:
        session.connect()
        state = session.examine("INBOX")
        letters = list(session.fetch_new(0, batch=2, max_bytes=1_000_000))
    assert (state.exists, state.uidnext) == (5, 6)
    assert [one.uid for one in letters] == [1, 2, 3, 4, 5]
    for number, one in enumerate(letters):
        assert one.raw.endswith(letter(number))
        assert len(one.raw) == one.size
        assert not one.truncated
        assert abs(datetime.now(UTC) - one.internaldate) < timedelta(minutes=1)


def test_reading_leaves_no_trace(dovecot: Dovecot, anna: Account) -> None:
    dovecot.deliver(anna.address, letter(1))
    dovecot.deliver(anna.address, letter(2, 5_000))
    with opened(dovecot, anna) as session:
        assert len(list(session.fetch_new(0, batch=10, max_bytes=1_000))) == 2
    with dovecot.imap(anna) as client:
        answer = client.select_folder("INBOX")
        flags = client.get_flags([1, 2])
    assert answer[b"RECENT"] == 2, "even \\Recent is left for the person's own mail program"
    assert {name for one in flags.values() for name in one} <= {b"\\Recent"}


def test_nothing_above_the_last_uid_gives_nothing_though_n_star_names_the_last_letter(
    dovecot: Dovecot, anna: Account
) -> None:
    dovecot.deliver(anna.address, letter(1))
    with opened(dovecot, anna) as session:
        assert list(session.fetch_new(1, batch=10, max_bytes=1_000_000)) == []
        assert list(session.fetch_new(700, batch=10, max_bytes=1_000_000)) == []


def test_an_empty_folder_gives_nothing(dovecot: Dovecot, anna: Account) -> None:
    with opened(dovecot, anna, "Junk") as session:
        assert list(session.fetch_new(0, batch=10, max_bytes=1_000_000)) == []


def test_of_a_huge_letter_comes_the_beginning_with_a_mark(dovecot: Dovecot, anna: Account) -> None:
    dovecot.deliver(anna.address, letter(1))
    dovecot.deliver(anna.address, letter(2, 300_000))
    dovecot.deliver(anna.address, letter(3))
    with opened(dovecot, anna) as session:
        first, huge, last = session.fetch_new(0, batch=10, max_bytes=100_000)
    assert (first.truncated, huge.truncated, last.truncated) == (False, True, False)
    assert len(huge.raw) == 100_000
    assert huge.size > 300_000
    assert b"Subject: letter 2" in huge.raw


def test_large_letters_go_to_the_disk_as_they_come_small_ones_stay_in_memory(
    dovecot: Dovecot, anna: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "_GROUP_BYTES", 1_000_000)  # of letters that share a FETCH, and so the memory
    for size in (20, 5_000_000, 30, 7_000_000, 40):
        dovecot.deliver(anna.address, letter(size, size))
    blobs = Blobs(tmp_path)
    with opened(dovecot, anna) as session:
        letters = list(session.fetch_new(0, batch=10, max_bytes=6_000_000, begin=blobs.begin))
        session.examine("INBOX")
        whole = list(session.fetch_new(0, batch=10, max_bytes=20_000_000))
    assert [one.file is not None for one in letters] == [False, True, False, True, False]
    assert [one.truncated for one in letters] == [False, False, False, True, False]
    assert [one.length for one in letters] == [min(len(one.raw), 6_000_000) for one in whole]
    assert [one.sha256 for one in letters] == [hashlib.sha256(one.raw[:6_000_000]).hexdigest() for one in whole]
    assert [one.size for one in letters] == [len(one.raw) for one in whole]
    assert all(other.raw.startswith(one.raw) for one, other in zip(letters, whole, strict=True))
    kept = blobs.keep([one.file or one.raw for one in letters])
    assert [blobs.path(name).read_bytes() for name in kept] == [one.raw[:6_000_000] for one in whole]


def test_many_big_letters_are_not_asked_for_in_one_go(dovecot: Dovecot, anna: Account) -> None:
    for number in range(5):
        dovecot.append_to(anna, "INBOX", letter(number, 6_000_000))
    with opened(dovecot, anna) as session:
        waiting = []
        for one in session.fetch_new(0, batch=50, max_bytes=50_000_000):
            waiting.append(one.uid)
            assert len(one.raw) > 6_000_000
    assert waiting == [1, 2, 3, 4, 5]


def test_the_uidvalidity_shows_that_the_server_has_renumbered(dovecot: Dovecot, anna: Account) -> None:
    dovecot.append_to(anna, "Leads", letter(1))
    with opened(dovecot, anna, "Leads") as session:
        before = session.examine("Leads").uidvalidity
        now = dovecot.recreate_folder(anna, "Leads")
        assert now != before
    with opened(dovecot, anna) as session:
        assert session.examine("Leads").uidvalidity == now


def test_a_letter_deleted_between_two_batches_does_not_come_and_stops_nothing(dovecot: Dovecot, anna: Account) -> None:
    for number in range(4):
        dovecot.deliver(anna.address, letter(number))
    with opened(dovecot, anna) as session:
        letters = session.fetch_new(0, batch=2, max_bytes=1_000_000)
        got = [next(letters).uid, next(letters).uid]
        with dovecot.imap(anna) as client:
            client.select_folder("INBOX")
            client.delete_messages([3])
            client.expunge()
        got += [one.uid for one in letters]
    assert got == [1, 2, 4]


def test_letters_of_before_a_day_are_neither_listed_nor_fetched(dovecot: Dovecot, anna: Account) -> None:
    with dovecot.imap(anna) as client:
        client.append("INBOX", letter(1), msg_time=datetime(2020, 5, 1, tzinfo=UTC))
        client.append("INBOX", letter(2), msg_time=datetime(2026, 5, 1, tzinfo=UTC))
        client.append("INBOX", letter(3), msg_time=datetime(2026, 5, 2, tzinfo=UTC))
    with opened(dovecot, anna) as session:
        assert session.list_uids(1, HIGHEST_UID, date(2026, 4, 30)) == [2, 3]
        assert session.list_uids(1, HIGHEST_UID, date(2030, 1, 1)) == []
        late = datetime(2026, 5, 1, 12, tzinfo=UTC)
        assert [one.uid for one in session.fetch_uids([1, 2, 3], 50, 10_000, lambda at: at > late)] == [3]


def test_folders_are_told_apart_by_mark_and_by_name_in_any_language(dovecot: Dovecot, anna: Account) -> None:
    with dovecot.imap(anna) as client:
        for name in ("Отправленные", "Papierkorb", "Leads/2026", "ごみ箱"):
            client.create_folder(name)
    with opened(dovecot, anna) as session:
        kinds = {one.name: one.kind for one in session.list_folders()}
    # "Leads" itself cannot be opened, so it is not in the list.
    assert kinds == {
        "INBOX": "inbox", "Junk": "junk", "Отправленные": "sent", "Papierkorb": "trash", "ごみ箱": "trash",
        "Leads/2026": "other",
    }  # fmt: skip


def test_a_folder_named_in_another_script_opens(dovecot: Dovecot, anna: Account) -> None:
    dovecot.append_to(anna, "Заявки & Angebote", letter(1))
    with opened(dovecot, anna, "Заявки & Angebote") as session:
        assert [one.uid for one in session.fetch_new(0, batch=5, max_bytes=10_000)] == [1]


# ---------------------------------------------------------------------- what fails, in words


def failure(account: ImapAccount) -> MailboxError:
    with ImapSession(account, timeout=5) as session, pytest.raises(MailboxError) as caught:
        session.connect()
        session.examine("Nowhere")
    return caught.value


def test_a_wrong_password_is_a_failed_login_with_a_hint(dovecot: Dovecot, anna: Account) -> None:
    right = account_on(dovecot, anna)
    error = failure(ImapAccount(right.host, right.port, "tls", right.username, "wrong", right.ca_file))
    assert type(error) is LoginFailed
    assert "Authentication failed" in error.detail
    assert "app password" in error.hint
    assert "wrong" not in f"{error.detail}{error.hint}{error.extra}"


def test_an_unknown_authority_is_a_tls_failure_that_names_ca_file(dovecot: Dovecot, anna: Account) -> None:
    for security in ("tls", "starttls"):
        error = failure(account_on(dovecot, anna, security, trusted=False))
        assert type(error) is TlsFailed
        assert "not trusted" in error.detail
        assert "ca_file" in error.hint


def test_a_certificate_for_another_name_is_a_tls_failure(dovecot: Dovecot, anna: Account) -> None:
    error = failure(ImapAccount("127.1", dovecot.imaps_port, "tls", anna.user, anna.password, str(dovecot.ca_file)))
    assert type(error) is TlsFailed
    assert "host name" in error.hint


def test_a_ca_file_that_is_not_there_is_said(dovecot: Dovecot, anna: Account) -> None:
    error = failure(ImapAccount("127.0.0.1", dovecot.imaps_port, "tls", anna.user, anna.password, "/nowhere/ca.pem"))
    assert type(error) is TlsFailed
    assert "/nowhere/ca.pem" in error.detail


def test_tls_on_the_unprotected_port_is_said(dovecot: Dovecot, anna: Account) -> None:
    error = failure(ImapAccount("127.0.0.1", dovecot.imap_port, "tls", anna.user, anna.password))
    assert type(error) is TlsFailed
    assert "143" in error.hint


def test_a_missing_folder_is_said_with_its_name(dovecot: Dovecot, anna: Account) -> None:
    error = failure(account_on(dovecot, anna))
    assert type(error) is FolderMissing
    assert "Nowhere" in error.detail


def test_an_unknown_host_is_a_dns_failure() -> None:
    error = failure(ImapAccount("imap.nowhere.invalid", 993, "tls", "anna", "secret"))
    assert type(error) is DnsFailed
    assert "imap.nowhere.invalid" in error.detail


def test_a_host_name_no_name_server_can_know_is_a_dns_failure() -> None:
    for host in ("a" * 70 + ".example", "", "ma il.example", "..", "\x00"):
        assert type(failure(ImapAccount(host, 993, "tls", "anna", "secret"))) in (DnsFailed, ConnectionRefused)


def test_a_port_where_nothing_listens_is_a_refused_connection() -> None:
    error = failure(ImapAccount("127.0.0.1", 1, "tls", "anna", "secret"))
    assert type(error) is ConnectionRefused
    assert "port 1" in error.detail


# ---------------------------------------------------------------------- waiting


def test_idle_wakes_soon_after_a_delivery(dovecot: Dovecot, anna: Account) -> None:
    with opened(dovecot, anna) as session:
        delivered: list[float] = []

        def deliver() -> None:
            dovecot.deliver(anna.address, letter(1))
            delivered.append(time.monotonic())

        timer = threading.Timer(0.3, deliver)
        timer.start()
        assert session.idle(60)
        woken = time.monotonic()
        timer.join()
        assert woken - delivered[0] < SOON
        assert [one.uid for one in session.fetch_new(0, batch=5, max_bytes=10_000)] == [1]
        assert not session.idle(0.2), "what was fetched is no news"


def test_a_letter_that_comes_between_the_search_and_idle_is_not_waited_for(dovecot: Dovecot, anna: Account) -> None:
    dovecot.deliver(anna.address, letter(1))
    with opened(dovecot, anna) as session:
        for _ in session.fetch_new(0, batch=5, max_bytes=10_000):
            dovecot.deliver(anna.address, letter(2))
        session.list_folders()  # any command's answer may bring the server's word of it, long before IDLE
        begun = time.monotonic()
        assert session.idle(60)
        assert session.idle(60), "hearing of it does not use it up"
        assert time.monotonic() - begun < SOON
        assert [one.uid for one in session.fetch_new(1, batch=5, max_bytes=10_000)] == [2]
        assert not session.idle(0.1)


def test_idle_ends_soon_after_stop(dovecot: Dovecot, anna: Account) -> None:
    stop = threading.Event()
    with opened(dovecot, anna) as session:
        threading.Timer(0.2, stop.set).start()
        begun = time.monotonic()
        assert not session.idle(60, stop)
        assert time.monotonic() - begun < SOON
        assert not session.idle(60, lambda: True)
        assert session.examine("INBOX").exists == 0, "the session goes on after that"


def test_a_flag_set_by_the_person_is_no_news(dovecot: Dovecot, anna: Account) -> None:
    dovecot.deliver(anna.address, letter(1))
    with opened(dovecot, anna) as session, dovecot.imap(anna) as client:
        client.select_folder("INBOX")
        timer = threading.Timer(0.2, lambda: client.add_flags([1], [b"\\Seen"]))
        timer.start()
        assert not session.idle(1.5)
        timer.join()


def test_noop_tells_of_a_new_letter(dovecot: Dovecot, anna: Account) -> None:
    with opened(dovecot, anna) as session:
        assert not session.noop()
        dovecot.deliver(anna.address, letter(1))
        until = time.monotonic() + 60
        while not session.noop():
            assert time.monotonic() < until
        assert session.noop(), "as long as nobody looked"
        assert len(list(session.fetch_new(0, batch=5, max_bytes=10_000))) == 1
        assert not session.noop()


def test_a_server_without_idle_says_so_and_is_polled(polling_dovecot: Dovecot, dovecot: Dovecot) -> None:
    otto = polling_dovecot.add_user()
    with opened(polling_dovecot, otto) as session:
        assert not session.has_idle
    with opened(dovecot, dovecot.add_user()) as session:
        assert session.has_idle


def test_a_server_that_restarts_is_a_lost_connection_and_a_new_session_goes_on(dovecot: Dovecot, anna: Account) -> None:
    dovecot.deliver(anna.address, letter(1))
    session = opened(dovecot, anna)
    stopping = threading.Timer(0.3, dovecot.stop)
    stopping.start()
    with pytest.raises(ConnectionLost):
        session.idle(20)
    stopping.join()
    with pytest.raises(ConnectionLost):
        session.noop()
    session.close()
    with ImapSession(account_on(dovecot, anna), timeout=5) as refused, pytest.raises(ConnectionRefused):
        refused.connect()
    dovecot.start()
    with opened(dovecot, anna) as again:
        assert [one.uid for one in again.fetch_new(0, batch=5, max_bytes=10_000)] == [1]


def test_a_connection_lost_in_the_middle_of_a_fetch_is_no_empty_answer(dovecot: Dovecot, anna: Account) -> None:
    for number in range(6):
        dovecot.deliver(anna.address, letter(number))
    with opened(dovecot, anna) as session:
        letters = session.fetch_new(0, batch=2, max_bytes=10_000)
        got = [one.uid for one in itertools.islice(letters, 2)]
        session.interrupt()
        with pytest.raises(ConnectionLost):
            got += [one.uid for one in letters]
    assert got == [1, 2]


def test_interrupt_from_another_thread_ends_a_wait(dovecot: Dovecot, anna: Account) -> None:
    with opened(dovecot, anna) as session:
        threading.Timer(0.2, session.interrupt).start()
        begun = time.monotonic()
        with pytest.raises(ConnectionLost):
            session.idle(60)
        assert time.monotonic() - begun < SOON


def test_a_closed_session_is_a_lost_connection_and_closing_twice_is_no_error(dovecot: Dovecot, anna: Account) -> None:
    session = opened(dovecot, anna)
    session.close()
    session.close()
    with pytest.raises(ConnectionLost):
        session.noop()


def test_uids_are_listed_within_bounds_and_read_as_named(dovecot: Dovecot, anna: Account) -> None:
    for number in range(1, 6):
        dovecot.deliver(anna.address, b"Subject: %d\r\n\r\nx\r\n" % number)
    with opened(dovecot, anna) as session:
        assert session.list_uids(2, 4) == [2, 3, 4]
        assert session.list_uids(4, 400, date(2020, 1, 1)) == [4, 5]
        assert session.list_uids(1, 5, date(2090, 1, 1)) == []
        assert session.list_uids(6, 400) == [], "n:* would name the last letter"
        assert session.list_uids(5, 4) == []
        assert [one.uid for one in session.fetch_uids([4, 2], 50, 10_000)] == [4, 2]
        assert [one.uid for one in session.fetch_uids([3, 700], 1, 10_000)] == [3]
