"""Test connection: how far it came, step by step, in words."""

import contextlib
import re
import ssl
import time
from pathlib import Path

from tests.mail.scripted import ImapScript, ScriptedServer, Talk
from tests.support.certificates import make_certificates
from tests.support.dovecot import Dovecot
from wherefrom.mail.diagnosis import Diagnosis, diagnose
from wherefrom.mail.folders import THE_JUNK
from wherefrom.mail.imap import ImapAccount


def names(diagnosis: Diagnosis) -> list[tuple[str, bool]]:
    return [(step.name, step.ok) for step in diagnosis.steps]


def test_a_good_account_passes_every_step(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    dovecot.deliver(anna.address, b"Subject: x\r\n\r\nx\r\n")
    account = ImapAccount("127.0.0.1", dovecot.imaps_port, "tls", anna.user, anna.password, str(dovecot.ca_file))
    begun = time.monotonic()
    found = diagnose(account, ("INBOX", "Junk", THE_JUNK))
    took = 1000 * (time.monotonic() - begun)
    assert found.ok
    assert [step.name for step in found.steps] == [
        "dns", "tcp", "tls", "login", "folder", "folder", "folder", "capabilities", "idle",
    ]  # fmt: skip
    assert [step.detail for step in found.steps[4:7]] == [
        "INBOX is open: 1 letter",
        "Junk is open: 0 letters",
        "Junk is Junk is open: 0 letters",
    ]
    assert "IDLE" in found.steps[7].detail
    assert "CONDSTORE" in found.steps[7].detail
    assert found.steps[8].detail == "The server tells of new letters at once (IDLE)"
    assert "TLS 1." in found.steps[2].detail
    words = r"the certificate is right: for localhost, .*, by \S.*, until \d{4}-\d\d-\d\d \(\d+ days\)$"
    assert re.search(words, found.steps[2].detail)
    assert found.steps[2].hint == ""
    assert all(step.milliseconds >= 0 for step in found.steps)
    assert sum(step.milliseconds for step in found.steps) <= took + len(found.steps)
    assert all(anna.password not in step.detail + step.hint for step in found.steps)


def test_inbox_is_tried_when_no_folder_is_named_and_starttls_works(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    account = ImapAccount("localhost", dovecot.imap_port, "starttls", anna.user, anna.password, str(dovecot.ca_file))
    found = diagnose(account)
    assert found.ok
    assert found.steps[4].detail.startswith("INBOX is open")


def test_a_server_without_idle_is_good_too_and_it_is_said(polling_dovecot: Dovecot) -> None:
    otto = polling_dovecot.add_user()
    found = diagnose(ImapAccount("127.0.0.1", polling_dovecot.imap_port, "none", otto.user, otto.password))
    assert found.ok
    assert "no IDLE" in found.steps[-1].detail


def test_an_unprotected_connection_is_said_beside_its_success(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    found = diagnose(ImapAccount("127.0.0.1", dovecot.imap_port, "none", anna.user, anna.password))
    assert found.ok
    assert "not protected" in found.steps[2].detail
    assert found.steps[2].hint


def test_it_ends_at_the_first_step_that_fails(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    ca_file = str(dovecot.ca_file)
    assert names(diagnose(ImapAccount("imap.nowhere.invalid", 993, "tls", "a", "b"))) == [("dns", False)]
    assert names(diagnose(ImapAccount("127.0.0.1", 1, "tls", "a", "b"))) == [("dns", True), ("tcp", False)]
    untrusted = ImapAccount("127.0.0.1", dovecot.imaps_port, "tls", anna.user, anna.password)
    assert names(diagnose(untrusted))[-1] == ("tls", False)
    wrong = ImapAccount("127.0.0.1", dovecot.imaps_port, "tls", anna.user, "wrong", ca_file)
    assert names(diagnose(wrong))[-1] == ("login", False)


def test_each_folder_is_tried_though_another_is_missing(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    account = ImapAccount("127.0.0.1", dovecot.imap_port, "none", anna.user, anna.password)
    found = diagnose(account, ("Nowhere", "INBOX"))
    assert not found.ok
    assert names(found)[4:] == [("folder", False), ("folder", True)]
    assert "Nowhere" in found.steps[4].detail
    assert found.steps[4].hint


def test_a_server_without_uidvalidity_is_warned_of() -> None:
    with ScriptedServer(ImapScript({"EXAMINE": b"* 2 EXISTS\r\n", "IDLE": b"NO"})) as server:
        found = diagnose(server.account(), timeout=30)
    folder = next(step for step in found.steps if step.name == "folder")
    assert folder.ok
    assert "UIDVALIDITY" in folder.hint


def test_a_silent_server_is_told_within_the_timeout() -> None:
    begun = time.monotonic()
    with ScriptedServer(Talk.read_line) as server:
        found = diagnose(server.account(), timeout=0.5)
    assert names(found)[-1] == ("login", False)
    assert time.monotonic() - begun < 20


def test_d01_a_certificate_that_ends_soon_is_said_before_it_does(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, days=5)

    def play(talk: Talk) -> None:
        talk.connection = certificates.server_context().wrap_socket(talk.connection, server_side=True)
        talk.close()

    with ScriptedServer(play) as server:
        account = ImapAccount("127.0.0.1", server.port, "tls", "anna", "secret", str(certificates.ca_file))
        step = diagnose(account, timeout=30).steps[2]
    assert step.ok
    assert step.hint.startswith("It ends in 4 days: ")
    assert step.detail.endswith("(4 days)")


def test_d01_a_certificate_for_another_name_says_for_which(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, names=("mail.provider.example", "imap.provider.example"))

    def play(talk: Talk) -> None:
        with contextlib.suppress(ssl.SSLError):
            talk.connection = certificates.server_context().wrap_socket(talk.connection, server_side=True)
            talk.connection.recv(100)

    with ScriptedServer(play) as server:
        account = ImapAccount("localhost", server.port, "tls", "anna", "secret", str(certificates.ca_file))
        step = diagnose(account, timeout=30).steps[-1]
    assert (step.name, step.ok) == ("tls", False)
    assert (
        "It is for mail.provider.example, imap.provider.example, 127.0.0.1, by Wherefrom test authority" in step.detail
    )
    assert "Enter the host name the certificate was made for" in step.hint


def test_d01_a_server_that_speaks_no_tls_there_is_told_without_a_certificate() -> None:
    with ScriptedServer(lambda talk: talk.send(b"* OK ready\r\n")) as server:
        account = ImapAccount("127.0.0.1", server.port, "tls", "anna", "secret")
        step = diagnose(account, timeout=30).steps[-1]
    assert (step.name, step.ok) == ("tls", False)
    assert "does not speak TLS" in step.detail
    assert "It is for" not in step.detail
    assert "starttls" in step.hint


def test_d01_a_folder_that_is_missing_is_told_with_those_there_are(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    account = ImapAccount("127.0.0.1", dovecot.imap_port, "none", anna.user, anna.password)
    step = diagnose(account, ("Leads",)).steps[-1]
    assert not step.ok
    assert "There are: " in step.hint
    assert "INBOX" in step.hint


def test_d01_a_server_without_a_junk_folder_is_no_failure() -> None:
    script = ImapScript({"LIST": b'* LIST () "/" INBOX\r\n', "IDLE": b"NO"})
    with ScriptedServer(script) as server:
        found = diagnose(server.account(), (THE_JUNK,), timeout=30)
    folder = next(step for step in found.steps if step.name == "folder")
    assert (folder.ok, folder.detail) == (True, "The server has no junk folder")


def test_d01_authenticated_but_not_connected_says_the_three_causes_and_what_to_do() -> None:
    """Microsoft: the login succeeds, and then every command is refused."""
    refusal = b"BAD User is authenticated but not connected."
    with ScriptedServer(ImapScript({"EXAMINE": refusal, "LIST": refusal})) as server:
        found = diagnose(server.account(), timeout=30)
    assert names(found)[-2:] == [("login", True), ("folder", False)]
    step = found.steps[-1]
    assert "The login worked, but the mailbox stays closed: “User is authenticated but not connected.”" in step.detail
    for words in ("own address", "Full access", "IMAP is off"):
        assert words in step.hint
