"""The mail server of the tests delivers, tells, forgets and restarts as a real one."""

import smtplib
import ssl
import time

import imapclient  # type: ignore[import-untyped]
import pytest

from tests.support.dovecot import Account, Dovecot
from tests.support.ports import HIGHEST, LOWEST

LETTER = b"From: Ann <ann@customer.example>\r\nSubject: A question\r\n\r\nHow much is it?\r\n"


def _subjects(dovecot: Dovecot, account: Account, folder: str = "INBOX") -> list[str]:
    with dovecot.imap(account) as client:
        client.select_folder(folder, readonly=True)
        found = client.fetch(client.search(), ["ENVELOPE"])
    return [found[uid][b"ENVELOPE"].subject.decode() for uid in sorted(found)]


def test_a_letter_delivered_by_lmtp_is_read_by_imap(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    dovecot.deliver(account.address, LETTER)
    assert _subjects(dovecot, account) == ["A question"]


@pytest.mark.parametrize(
    "address", ["{user}+k7f3q9x2@company.example", "{user}@other.example", "{USER}@company.example"]
)
def test_detail_domain_and_case_of_an_address_do_not_keep_a_letter_away(dovecot: Dovecot, address: str) -> None:
    account = dovecot.add_user()
    dovecot.deliver(address.format(user=account.user, USER=account.user.upper()), LETTER)
    assert _subjects(dovecot, account) == ["A question"]


def test_every_name_at_a_catchall_domain_arrives_in_one_mailbox(dovecot: Dovecot) -> None:
    account = dovecot.add_user(catchall_domain="any.example")
    other = dovecot.add_user()
    dovecot.deliver("anna.smith@any.example", LETTER)
    dovecot.deliver(f"{other.user}@ANY.example", LETTER)
    assert len(_subjects(dovecot, account)) == 2
    assert _subjects(dovecot, other) == []


def test_a_name_taken_again_starts_with_an_empty_mailbox(dovecot: Dovecot) -> None:
    for _ in range(2):
        account = dovecot.add_user("sales")
        dovecot.deliver("sales@company.example", LETTER)
        assert len(_subjects(dovecot, account)) == 1


def test_a_letter_to_nobody_is_refused(dovecot: Dovecot) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        dovecot.deliver("nobody-of-this-name@company.example", LETTER)


def test_a_waiting_client_is_told_of_a_new_letter(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    with dovecot.imap(account) as client:
        assert b"IDLE" in client.capabilities()
        client.select_folder("INBOX", readonly=True)
        client.idle()
        dovecot.deliver(account.address, LETTER)
        told = client.idle_check(timeout=60)
        client.idle_done()
    assert (1, b"EXISTS") in told


def test_the_polling_server_offers_no_idle_before_or_after_login(polling_dovecot: Dovecot) -> None:
    account = polling_dovecot.add_user()
    before = imapclient.IMAPClient(polling_dovecot.host, port=polling_dovecot.imap_port, ssl=False, timeout=60)
    assert b"IDLE" not in before.capabilities()
    before.shutdown()
    polling_dovecot.deliver(account.address, LETTER)
    with polling_dovecot.imap(account) as client:
        assert b"IDLE" not in client.capabilities()
    assert _subjects(polling_dovecot, account) == ["A question"]


def test_tls_is_trusted_by_its_own_authority_and_by_no_other(dovecot: Dovecot) -> None:
    trusting = ssl.create_default_context(cafile=str(dovecot.ca_file))
    for name in ("localhost", "127.0.0.1"):
        with imapclient.IMAPClient(name, port=dovecot.imaps_port, ssl=True, ssl_context=trusting, timeout=60) as client:
            assert b"IMAP4REV1" in client.capabilities()
    with pytest.raises(ssl.SSLCertVerificationError):
        imapclient.IMAPClient("localhost", port=dovecot.imaps_port, ssl=True, timeout=60)


def test_a_plain_connection_can_be_turned_into_tls(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    client = imapclient.IMAPClient("localhost", port=dovecot.imap_port, ssl=False, timeout=60)
    client.starttls(ssl.create_default_context(cafile=str(dovecot.ca_file)))
    client.login(account.user, account.password)
    client.logout()


def test_a_wrong_password_is_refused_and_slows_nobody_down(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    client = imapclient.IMAPClient(dovecot.host, port=dovecot.imap_port, ssl=False, timeout=60)
    begun = time.monotonic()
    for _ in range(6):
        with pytest.raises(imapclient.exceptions.LoginError):
            client.login(account.user, "a guess")
    client.login(account.user, account.password)
    assert time.monotonic() - begun < 12, "Dovecot's own delays, 2 s for each failure and growing, are to be off"
    client.logout()


def test_junk_is_there_from_the_start_and_says_what_it_is(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    with dovecot.imap(account) as client:
        folders = {name: flags for flags, _, name in client.list_folders()}
    assert set(folders) == {"INBOX", "Junk"}
    assert b"\\Junk" in folders["Junk"]


def test_a_letter_put_into_a_folder_gets_the_uid_that_was_said(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    assert [dovecot.append_to(account, folder, LETTER) for folder in ("Junk", "Junk", "Leads/2026")] == [1, 2, 1]
    assert _subjects(dovecot, account, "Leads/2026") == ["A question"]


@pytest.mark.parametrize("folder", ["INBOX", "Junk"])
def test_a_renumbered_folder_has_the_same_letters_and_another_uidvalidity(dovecot: Dovecot, folder: str) -> None:
    account = dovecot.add_user()
    for _ in range(3):
        dovecot.append_to(account, folder, LETTER)
    with dovecot.imap(account) as client:
        before = client.select_folder(folder)
        client.delete_messages([1])
        client.expunge()
    uidvalidity = dovecot.renumber(account, folder)
    with dovecot.imap(account) as client:
        after = client.select_folder(folder, readonly=True)
        assert client.search() == [1, 2]
    assert after[b"UIDVALIDITY"] == uidvalidity != before[b"UIDVALIDITY"]
    assert len(_subjects(dovecot, account, folder)) == 2


def test_a_recreated_folder_is_empty_and_has_another_uidvalidity(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    dovecot.append_to(account, "Leads", LETTER)
    first = dovecot.recreate_folder(account, "Leads")
    assert _subjects(dovecot, account, "Leads") == []
    assert dovecot.recreate_folder(account, "Leads") > first


def test_a_restart_keeps_ports_accounts_and_mail_and_cuts_connections(dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    dovecot.deliver(account.address, LETTER)
    client = dovecot.imap(account)
    client.select_folder("INBOX")
    dovecot.stop()
    with pytest.raises(ConnectionRefusedError):
        dovecot.imap(account)
    with pytest.raises((OSError, imapclient.exceptions.IMAPClientError)):
        client.noop()
    dovecot.start()
    dovecot.deliver(account.address, LETTER)
    assert len(_subjects(dovecot, account)) == 2


def test_its_ports_lie_where_no_outgoing_connection_takes_them(dovecot: Dovecot) -> None:
    assert all(LOWEST <= port <= HIGHEST for port in (dovecot.imap_port, dovecot.imaps_port, dovecot.lmtp_port))
