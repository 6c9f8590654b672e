"""Servers that do what no good one does: each must end as an error in words or as letters read, and never hang."""

import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mail.scripted import GREETING, SELECTED, ImapScript, ScriptedServer, Talk, tag_of
from tests.support.certificates import make_certificates
from wherefrom.errors import SettingsError
from wherefrom.mail import news
from wherefrom.mail.failures import (
    ConnectionLost,
    FolderMissing,
    LoginFailed,
    MailboxError,
    ProtocolError,
    Throttled,
    TlsFailed,
)
from wherefrom.mail.imap import ImapAccount, ImapSession
from wherefrom.settings import Settings, load_settings

SOON = 20.0
"""Seconds: far less than what is waited for otherwise, and enough for a machine with more to do."""

RAW = b"From: a@b.example\r\n\r\nhello\r\n"


def fetched(uid: int, raw: bytes | None = RAW, key: bytes = b"BODY[]") -> bytes:
    body = b"NIL" if raw is None else b"{%d}\r\n%s" % (len(raw), raw)
    return b"* %d FETCH (UID %d %s %s)\r\n" % (uid, uid, key, body)


def facts(*uids: int, size: int = len(RAW)) -> bytes:
    date = b'"02-Nov-2026 09:00:00 +0100"'
    return b"".join(b"* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE %s)\r\n" % (uid, uid, size, date) for uid in uids)


def fetching(*uids: int, bodies: Callable[[Talk, bytes], None], size: int = len(RAW)) -> ImapScript:
    """A folder of these letters; ``bodies`` answers what asks for more than sizes."""

    def answer(talk: Talk, line: bytes) -> None:
        if b"RFC822.SIZE" in line:
            talk.send(facts(*uids, size=size) + tag_of(line) + b" OK done\r\n")
        else:
            bodies(talk, line)

    def search(talk: Talk, line: bytes) -> None:
        talk.send(b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b"\r\n" + tag_of(line) + b" OK done\r\n")

    return ImapScript({"UID SEARCH": search, "UID FETCH": answer})


def failure(play: Callable[[Talk], object], timeout: float = 2.0) -> MailboxError:
    with ScriptedServer(play) as server, pytest.raises(MailboxError) as caught:
        server.session(timeout)
    return caught.value


# ---------------------------------------------------------------------- at the door


def test_a_server_that_closes_at_once_is_a_lost_connection() -> None:
    error = failure(Talk.close)
    assert type(error) is ConnectionLost
    assert "did not greet" in error.detail


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    begun = time.monotonic()
    error = failure(Talk.read_line, timeout=0.5)
    assert type(error) is ConnectionLost
    assert "stopped answering" in error.detail
    assert "993" in error.hint
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
        b"220 mx.example ESMTP Postfix\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x01\x00\xff\r\n",
        b"\n\n\n",
        b"* \r\n",
        b"* OK [\r\n* (((\r\n",
    ],
)
def test_what_is_no_imap_server_is_said(garbage: bytes) -> None:
    def play(talk: Talk) -> None:
        talk.send(garbage)
        talk.close()

    error = failure(play)
    assert type(error) in (ProtocolError, ConnectionLost)
    assert "993" in error.hint


def test_a_line_without_end_is_not_read_for_ever() -> None:
    def play(talk: Talk) -> None:
        while True:
            talk.send(b"x" * 1_000_000)

    error = failure(play, timeout=20)
    assert type(error) is ProtocolError
    assert "line of more than" in error.detail


def test_a_server_that_drips_is_given_up_after_the_timeout() -> None:
    def drip(talk: Talk, _: bytes) -> None:
        while True:
            talk.send(b"* OK still here\r\n")
            time.sleep(0.05)

    begun = time.monotonic()
    assert type(failure(ImapScript({"EXAMINE": drip}), timeout=0.5)) is ConnectionLost
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize(
    ("refusal", "kind", "hint"),
    [
        (b"NO [AUTHENTICATIONFAILED] Invalid credentials", LoginFailed, "app password"),
        (b"NO [ALERT] Application-specific password required: https://x.example", LoginFailed, "app password"),
        (b"NO LOGIN invalid credentials or IMAP is disabled", LoginFailed, "Switch IMAP on"),
        (b"NO [ALERT] Please log in via your web browser: https://x.example", LoginFailed, "in a browser"),
        (b"NO [PRIVACYREQUIRED] Plaintext authentication disallowed", LoginFailed, "tls"),
        (b"BAD LOGIN what", LoginFailed, "password"),
        (b"NO [UNAVAILABLE] Temporary authentication failure", Throttled, "tried again"),
        (b"NO [SERVERBUG] Internal error", Throttled, "tried again"),
        (b"NO Too many simultaneous connections. (Failure)", Throttled, "tried again"),
    ],
)
def test_a_refused_login_says_what_to_do(refusal: bytes, kind: type[MailboxError], hint: str) -> None:
    error = failure(ImapScript({"LOGIN": refusal}))
    assert type(error) is kind
    assert hint in error.hint
    assert "secret" not in f"{error}{error.extra}"


def test_a_throttling_answer_carries_its_wait() -> None:
    answer = b"NO Request is throttled. Suggested Backoff Time: 297655 milliseconds"
    error = failure(ImapScript({"EXAMINE": answer}))
    assert isinstance(error, Throttled)
    assert error.wait_seconds == pytest.approx(297.655)
    assert isinstance(failure(ImapScript(greeting=b"* BYE Too many connections, try again later\r\n")), Throttled)


def test_authenticated_but_not_connected_is_explained() -> None:
    error = failure(ImapScript({"EXAMINE": b"BAD User is authenticated but not connected."}))
    assert type(error) is LoginFailed
    assert "Microsoft" in error.hint


def test_a_folder_refused_for_another_reason_keeps_the_reason() -> None:
    error = failure(ImapScript({"EXAMINE": b"NO [NOPERM] Permission denied"}))
    assert type(error) is FolderMissing
    assert "Permission denied" in error.detail


def test_a_password_of_any_characters_goes_through_auth_plain() -> None:
    def plain(talk: Talk, line: bytes) -> None:
        talk.send(b"+ \r\n")
        sent.append(base64.b64decode(talk.read_line()))
        talk.send(tag_of(line) + b" OK in\r\n")

    sent: list[bytes] = []
    script = ImapScript({"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "AUTHENTICATE": plain})
    with ScriptedServer(script) as server, ImapSession(server.account(password='pä"ss \\ö'), 2) as session:
        session.connect()
    assert sent == ['\0anna\0pä"ss \\ö'.encode()]


def test_a_user_name_is_quoted_and_cannot_smuggle_a_command() -> None:
    script = ImapScript()
    with ScriptedServer(script) as server:
        with ImapSession(server.account(username='an na"@b'), 2) as session:
            session.connect()
        with ImapSession(server.account(username="anna\r\nx DELETE INBOX"), 2) as session, pytest.raises(LoginFailed):
            session.connect()
        with ImapSession(server.account(password="ä"), 2) as session, pytest.raises(LoginFailed, match="ASCII"):
            session.connect()
    assert any(line.endswith(b' LOGIN "an na\\"@b" "secret"') for line in script.asked)
    assert not any(b"DELETE" in line for line in script.asked)


def test_a_server_that_wants_to_know_who_we_are_is_told_before_a_folder_is_opened() -> None:
    script = ImapScript({"CAPABILITY": b"* CAPABILITY IMAP4rev1 ID\r\n", "ID": b'* ID ("name" "x")\r\n'})
    with ScriptedServer(script) as server, server.session():
        names = [line.split()[1] for line in script.asked]
    assert names.index(b"ID") < names.index(b"EXAMINE")
    assert b'"Wherefrom"' in next(line for line in script.asked if b" ID " in line)


def test_a_refused_id_is_no_reason_to_stop() -> None:
    script = ImapScript({"CAPABILITY": b"* CAPABILITY IMAP4rev1 ID\r\n", "ID": b"BAD no"})
    with ScriptedServer(script) as server, server.session() as session:
        assert not session.noop()


def test_starttls_that_is_not_offered_is_said() -> None:
    with ScriptedServer(ImapScript()) as server:
        account = ImapAccount("127.0.0.1", server.port, "starttls", "anna", "secret")
        with ImapSession(account, 2) as session, pytest.raises(TlsFailed, match="no STARTTLS"):
            session.connect()


def test_bytes_slipped_in_before_tls_are_refused_and_no_password_follows(tmp_path: Path) -> None:
    """Somebody on the way adds a line behind the answer to STARTTLS, hoping it is read as said under TLS."""
    certificates = make_certificates(tmp_path)

    def starttls(talk: Talk, line: bytes) -> None:
        talk.send(tag_of(line) + b" OK go\r\n* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n")
        safe = certificates.server_context().wrap_socket(talk.connection, server_side=True)
        safe_lines.append(safe.recv(1_000))

    safe_lines: list[bytes] = []
    script = ImapScript({"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", "STARTTLS": starttls})
    with ScriptedServer(script) as server:
        account = ImapAccount("127.0.0.1", server.port, "starttls", "anna", "secret", str(certificates.ca_file))
        with ImapSession(account, 2) as session, pytest.raises(ProtocolError, match="unprotected"):
            session.connect()
    assert not any(b"secret" in line for line in script.asked + safe_lines)


def test_the_password_is_never_sent_when_starttls_is_refused() -> None:
    script = ImapScript({"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", "STARTTLS": b"NO not now"})
    with ScriptedServer(script) as server:
        account = ImapAccount("127.0.0.1", server.port, "starttls", "anna", "secret")
        with ImapSession(account, 2) as session, pytest.raises(MailboxError):
            session.connect()
    assert not any(b"LOGIN" in line for line in script.asked)


@pytest.mark.parametrize(
    ("lines", "validity"),
    [
        (SELECTED, 7),
        (b"* 3 EXISTS\r\n", None),
        (b"* 3 EXISTS\r\n* OK [UIDVALIDITY 0] zero\r\n", None),
    ],
)
def test_a_uidvalidity_that_is_absent_or_zero_is_none(lines: bytes, validity: int | None) -> None:
    with ScriptedServer(ImapScript({"EXAMINE": lines})) as server, server.session() as session:
        state = session.examine("INBOX")
    assert (state.exists, state.uidvalidity) == (3, validity)


def test_an_examine_answer_without_a_count_is_not_understood() -> None:
    assert type(failure(ImapScript({"EXAMINE": b"* OK [UIDVALIDITY many] x\r\n"}))) is ProtocolError


# ---------------------------------------------------------------------- letters


def test_one_letter_the_server_chokes_on_does_not_stop_the_others() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        uids = [int(uid) for uid in line.split()[3].split(b",")]
        if 2 in uids:
            talk.send(tag_of(line) + b" NO [SERVERBUG] Internal error occurred\r\n")
        else:
            talk.send(b"".join(fetched(uid) for uid in uids) + tag_of(line) + b" OK done\r\n")

    with ScriptedServer(fetching(1, 2, 3, bodies=bodies)) as server, server.session() as session:
        first, bad, last = session.fetch_new(0, batch=10, max_bytes=1_000)
    assert (first.raw, last.raw) == (RAW, RAW)
    assert (bad.uid, bad.raw, bad.truncated) == (2, b"", True)
    assert "Internal error" in bad.problem


def test_of_a_letter_without_body_at_least_the_header_comes() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        header = fetched(1, b"Subject: x\r\n\r\n", b"BODY[HEADER]")
        talk.send((header if b"HEADER" in line else fetched(1, None)) + tag_of(line) + b" OK done\r\n")

    with ScriptedServer(fetching(1, bodies=bodies)) as server, server.session() as session:
        (only,) = session.fetch_new(0, batch=10, max_bytes=1_000)
    assert (only.raw, only.truncated, only.problem) == (b"Subject: x\r\n\r\n", True, "")


def test_an_answer_nobody_can_read_is_a_problem_of_that_letter() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        talk.send(b'* 1 FETCH (UID 1 BODY[] "oops)\r\n' + tag_of(line) + b" OK done\r\n")

    with ScriptedServer(fetching(1, bodies=bodies)) as server, server.session() as session:
        (only,) = session.fetch_new(0, batch=10, max_bytes=1_000)
        assert not session.noop()
    assert "not understood" in only.problem


def test_a_size_that_was_a_lie_does_not_fill_the_memory() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        talk.send(b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n")

    with ScriptedServer(fetching(1, bodies=bodies)) as server, server.session() as session:
        letters = session.fetch_new(0, batch=10, max_bytes=1_000)
        with pytest.raises(ConnectionLost, match="99999999999 bytes"):
            next(letters)
        assert session.in_flight == (1,)


def test_a_letter_longer_than_it_said_is_cut_at_the_limit() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        talk.send(fetched(1, b"x" * 3_000) + tag_of(line) + b" OK done\r\n")

    with ScriptedServer(fetching(1, bodies=bodies)) as server, server.session() as session:
        (only,) = session.fetch_new(0, batch=10, max_bytes=1_000)
    assert (len(only.raw), only.truncated) == (1_000, True)


def test_an_impossible_arrival_date_becomes_the_present() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        if b"RFC822.SIZE" in line:
            talk.send(b'* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE "99-Xxx-0000 99:00:00 +0000")\r\n')
        else:
            talk.send(fetched(1))
        talk.send(tag_of(line) + b" OK done\r\n")

    script = ImapScript({"UID SEARCH": b"* SEARCH 1\r\n", "UID FETCH": bodies})
    with ScriptedServer(script) as server, server.session() as session:
        (only,) = session.fetch_new(0, batch=10, max_bytes=1_000)
    assert abs(only.internaldate.timestamp() - time.time()) < 60


def test_a_connection_cut_inside_a_letter_is_lost_and_gives_no_half_letter() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        talk.send(b"* 1 FETCH (UID 1 BODY[] {500}\r\nhalf a lett")
        talk.close()

    with ScriptedServer(fetching(1, bodies=bodies)) as server, server.session() as session:
        with pytest.raises(ConnectionLost):
            list(session.fetch_new(0, batch=10, max_bytes=1_000))
        assert session.in_flight == (1,)


def test_an_answer_without_its_end_is_not_taken_for_no_letters() -> None:
    def search(talk: Talk, _: bytes) -> None:
        talk.send(b"* SEARCH\r\n")
        talk.close()

    with (
        ScriptedServer(ImapScript({"UID SEARCH": search})) as server,
        server.session() as session,
        pytest.raises(ConnectionLost),
    ):
        list(session.fetch_new(0, batch=10, max_bytes=1_000))


def test_letters_are_only_asked_for_in_ways_that_change_nothing() -> None:
    def bodies(talk: Talk, line: bytes) -> None:
        talk.send(fetched(1) + tag_of(line) + b" OK done\r\n")

    script = fetching(1, bodies=bodies)
    with ScriptedServer(script) as server, server.session() as session:
        list(session.fetch_new(0, batch=10, max_bytes=1_000))
    verbs = {
        b" ".join(line.upper().split()[1:3]) if b"UID" in line else line.upper().split()[1] for line in script.asked
    }
    assert verbs == {b"CAPABILITY", b"LOGIN", b"EXAMINE", b"UID SEARCH", b"UID FETCH", b"LOGOUT"}
    assert all(b"PEEK" in line for line in script.asked if b"BODY" in line)


# ---------------------------------------------------------------------- IDLE


def idling(*steps: bytes, then: Callable[[Talk], object] | None = None) -> ImapScript:
    """Goes into IDLE saying the first step (with its ``+``), then the others; ends on DONE."""

    def idle(talk: Talk, line: bytes) -> None:
        for step in steps:
            talk.send(step)
        if then:
            then(talk)
            return
        if talk.read_line() == b"DONE":
            talk.send(tag_of(line) + b" OK done\r\n")

    return ImapScript({"IDLE": idle})


@pytest.mark.parametrize(
    "steps",
    [
        (b"+ idling\r\n* 4 EXISTS\r\n",),  # in one packet: poll() sees nothing of the second line
        (b"* 4 EXISTS\r\n+ idling\r\n",),
        (b"+ idling\r\n", b"* OK Still here\r\n", b"* 4 EXI", b"STS\r\n* 1 RECENT\r\n"),
        (b"+ idling\r\n* 1 EXPUNGE\r\n* 3 EXISTS\r\n",),
        (b"+ idling\r\n* 4 EXISTS\r\n* 2 EXPUNGE\r\n",),
    ],
)
def test_news_is_heard_at_once_however_it_is_packed(steps: tuple[bytes, ...]) -> None:
    with ScriptedServer(idling(*steps)) as server, server.session() as session:
        begun = time.monotonic()
        assert session.idle(60)
        assert time.monotonic() - begun < SOON


@pytest.mark.parametrize("steps", [(b"+ idling\r\n* 3 EXISTS\r\n",), (b"+ idling\r\n* 2 EXPUNGE\r\n",), (b"+ i\r\n",)])
def test_what_is_no_new_letter_is_no_news(steps: tuple[bytes, ...]) -> None:
    with ScriptedServer(idling(*steps)) as server, server.session() as session:
        assert not session.idle(0.3)


def test_a_peer_that_closes_during_idle_is_lost_at_once() -> None:
    with ScriptedServer(idling(b"+ idling\r\n", then=Talk.close)) as server, server.session() as session:
        begun = time.monotonic()
        with pytest.raises(ConnectionLost):
            session.idle(60)
        assert time.monotonic() - begun < SOON
        with pytest.raises(ConnectionLost):
            session.idle(60)


def test_a_bye_during_idle_is_a_lost_connection_with_its_reason() -> None:
    script = idling(b"+ idling\r\n* BYE Autologout; idle for too long\r\n", then=Talk.read_line)
    with ScriptedServer(script) as server, server.session() as session:
        begun = time.monotonic()
        with pytest.raises(ConnectionLost, match="Autologout"):
            session.idle(60)
        assert time.monotonic() - begun < SOON


def test_a_server_that_ends_idle_by_itself_is_asked_again() -> None:
    def idle(talk: Talk, line: bytes) -> None:
        talk.send(b"+ idling\r\n")
        if len(rounds) < 2:
            rounds.append(1)
            talk.send(tag_of(line) + b" OK enough\r\n")
        else:
            talk.send(b"* 4 EXISTS\r\n")
            assert talk.read_line() == b"DONE"
            talk.send(tag_of(line) + b" OK done\r\n")

    rounds: list[int] = []
    with ScriptedServer(ImapScript({"IDLE": idle})) as server, server.session() as session:
        assert session.idle(20)
    assert len(rounds) == 2


@pytest.mark.parametrize(
    ("host", "seconds"),
    [
        ("imap.mail.yahoo.com", 170),
        ("export.imap.aol.com", 170),
        ("imap.rambler.ru", 50),
        ("imap.notyahoo.com", float("inf")),
        ("yahoo.com.example", float("inf")),
        ("imap.gmail.com", float("inf")),
    ],
)
def test_idle_is_renewed_before_the_provider_ends_it(host: str, seconds: float) -> None:
    assert news._idle_limit(host) == seconds


def test_idle_that_must_be_short_is_begun_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def idle(talk: Talk, line: bytes) -> None:
        rounds.append(1)
        talk.send(b"+ idling\r\n" + (b"* 4 EXISTS\r\n" if len(rounds) == 4 else b""))
        assert talk.read_line() == b"DONE"
        talk.send(tag_of(line) + b" OK done\r\n")

    rounds: list[int] = []
    monkeypatch.setattr(news, "_IDLE_LIMITS", {"127.0.0.1": 0.05})
    with ScriptedServer(ImapScript({"IDLE": idle})) as server, server.session() as session:
        assert session.idle(20)
    assert len(rounds) == 4


def test_idle_is_renewed_within_ten_minutes_unless_the_operator_says_otherwise() -> None:
    """Middleboxes cut silently. RFC 2177 allows half an hour, and no setting more."""
    assert Settings().mail.idle_renew_seconds <= 600
    with pytest.raises(SettingsError, match="1740"):
        load_settings(None, {"WHEREFROM_MAIL_IDLE_RENEW_SECONDS": "1800"})


def test_a_refused_idle_is_told_and_the_session_goes_on() -> None:
    with ScriptedServer(ImapScript({"IDLE": b"NO not today"})) as server, server.session() as session:
        with pytest.raises(ProtocolError):
            session.idle(5)
        assert not session.noop()


def test_a_peer_that_does_not_end_idle_is_lost_after_the_timeout() -> None:
    def deaf(talk: Talk) -> None:
        while talk.read_line():
            pass

    with ScriptedServer(idling(b"+ idling\r\n", then=deaf)) as server, server.session(timeout=0.5) as session:
        begun = time.monotonic()
        with pytest.raises(ConnectionLost):
            session.idle(0.2)
        assert time.monotonic() - begun < SOON


def test_waiting_costs_next_to_no_processor_time() -> None:
    with ScriptedServer(idling(b"+ idling\r\n")) as server, server.session() as session:
        before = time.thread_time()
        assert not session.idle(1)
        assert time.thread_time() - before < 0.1


# ---------------------------------------------------------------------- the end


def test_closing_never_hangs_on_a_peer_that_is_deaf() -> None:
    def deaf(talk: Talk, _: bytes) -> None:
        while talk.read_line():
            pass

    with ScriptedServer(ImapScript({"LOGOUT": deaf})) as server:
        session = server.session(timeout=60)
        begun = time.monotonic()
        session.close()
        assert time.monotonic() - begun < SOON


def test_closing_never_hangs_on_a_peer_that_talks_without_end() -> None:
    def chatter(talk: Talk, _: bytes) -> None:
        while True:
            talk.send(b"* OK and another thing\r\n")
            time.sleep(0.01)

    with ScriptedServer(ImapScript({"LOGOUT": chatter})) as server:
        session = server.session(timeout=60)
        begun = time.monotonic()
        session.close()
        assert time.monotonic() - begun < SOON


def test_a_session_that_never_connected_closes() -> None:
    ImapSession(ImapAccount("127.0.0.1", 1, "tls", "anna", "secret"), 1).close()


def test_a_failed_connect_leaves_no_connection_open() -> None:
    ended = threading.Event()

    def play(talk: Talk) -> None:
        talk.send(GREETING)
        while line := talk.read_line():
            talk.send(tag_of(line) + b" NO no\r\n")
        ended.set()

    with ScriptedServer(play) as server:
        with pytest.raises(MailboxError):
            ImapSession(server.account(), 2).connect()
        assert ended.wait(60)
