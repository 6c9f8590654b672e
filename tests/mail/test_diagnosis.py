"""Test connection: how far it came, step by step, in words."""

import re
import time
from pathlib import Path

from tests.mail.scripted import ImapScript, ScriptedServer, Talk
from tests.support.certificates import make_certificates
from tests.support.dovecot import Dovecot
from wherefrom.mail.diagnosis import Diagnosis, diagnose
from wherefrom.mail.imap import ImapAccount


def names(diagnosis: Diagnosis) -> list[tuple[str, bool]]:
    return [(step.name, step.ok) for step in diagnosis.steps]


def test_a_good_account_passes_every_step(dovecot: Dovecot) -> None:
    anna = dovecot.add_user()
    dovecot.deliver(anna.address, b"Subject: x\r\n\r\nx\r\n")
    account = ImapAccount("127.0.0.1", dovecot.imaps_port, "tls", anna.user, anna.password, str(dovecot.ca_file))
    found = diagnose(account, ("INBOX", "Junk"))
    assert found.ok
    assert [step.name for step in found.steps] == ["dns", "tcp", "tls", "login", "folder", "folder", "idle"]
    assert [step.detail for step in found.steps[4:]] == [
        "INBOX is open: 1 letter",
        "Junk is open: 0 letters",
        "The server tells of new letters at once (IDLE)",
    ]
    assert "TLS 1." in found.steps[2].detail
    assert re.search(r"the certificate is right, until \d{4}-\d\d-\d\d$", found.steps[2].detail)
    assert found.steps[2].hint == ""
    assert all(0 <= step.milliseconds < 5_000 for step in found.steps)
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
        found = diagnose(server.account(), timeout=2)
    folder = next(step for step in found.steps if step.name == "folder")
    assert folder.ok
    assert "UIDVALIDITY" in folder.hint


def test_a_silent_server_is_told_within_the_timeout() -> None:
    begun = time.monotonic()
    with ScriptedServer(Talk.read_line) as server:
        found = diagnose(server.account(), timeout=0.5)
    assert names(found)[-1] == ("login", False)
    assert time.monotonic() - begun < 3


def test_d01_a_certificate_that_ends_soon_is_said_before_it_does(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, days=5)

    def play(talk: Talk) -> None:
        talk.connection = certificates.server_context().wrap_socket(talk.connection, server_side=True)

    with ScriptedServer(play) as server:
        account = ImapAccount("127.0.0.1", server.port, "tls", "anna", "secret", str(certificates.ca_file))
        step = diagnose(account, timeout=2).steps[2]
    assert step.ok
    assert step.hint.startswith("It ends in 4 days: ")
