"""A server's refusal in its own words → what it means and what to do."""

import pytest

from wherefrom.errors import WherefromError
from wherefrom.mail.failures import (
    FolderMissing,
    LoginFailed,
    MailboxError,
    ProtocolError,
    Throttled,
    find_wait,
    quote,
    read_refusal,
)


@pytest.mark.parametrize(
    ("answer", "host", "hint"),
    [
        ("[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "imap.gmail.com", "app password"),
        ("LOGIN failed.", "outlook.office365.com", "Microsoft"),
        ("[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled", "imap.yandex.ru", "Switch IMAP on"),
        ("NEOBHODIM parol prilozheniya / Application password is REQUIRED", "imap.mail.ru", "app password"),
        ("[AUTHENTICATIONFAILED] Authentication failed", "imap.web.de", "Switch IMAP on"),
        ("[AUTHENTICATIONFAILED] Authentication failed", "mail.company.example", "whole address"),
        ("[AUTHENTICATIONFAILED] Authentication failed", "notgmail.com", "whole address"),
        ("[EXPIRED] Password expired", "mail.company.example", "new one"),
        ("EXAMINE Unsafe Login. Please contact kefu@188.com for help", "imap.163.com", "distrusts"),
    ],
)
def test_a_login_refused_gets_the_hint_of_its_words_or_its_provider(answer: str, host: str, hint: str) -> None:
    error = read_refusal(answer, "login", host)
    assert type(error) is LoginFailed
    assert hint in error.hint
    assert answer[:40] in error.detail


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("Request is throttled. Suggested Backoff Time: 297655 milliseconds", 297.655),
        ("[LIMIT] Rate limit hit, retry in 30 sec", 30),
        ("too many requests, wait 5 min", 300),
        ("[THROTTLED]", None),
        ("wait 99999999 seconds", 3_600),
        ("wait 0 seconds", 1),
        ("[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", None),
        ("[LIMIT] 15 connections are open, try again later", None),
        ("[UNAVAILABLE] Try again in 2 hours", 3_600),
        ("[INUSE] mailbox is locked, try again after 10 seconds", 10),
    ],
)
def test_the_wait_a_server_names_is_read_and_bounded(answer: str, seconds: float | None) -> None:
    assert find_wait(answer) == (pytest.approx(seconds) if seconds else None)
    if answer.startswith("wait"):
        return
    error = read_refusal(answer, "FETCH")
    assert isinstance(error, Throttled)
    assert error.extra == ({} if seconds is None else {"wait_seconds": error.wait_seconds})


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("imap.gmail.com", "myaccount.google.com/apppasswords"),
        ("imap.yandex.ru", "id.yandex.com"),
        ("imap.mail.ru", "account.mail.ru"),
        ("imap.mail.me.com", "account.apple.com"),
        ("imap.mail.yahoo.com", "login.yahoo.com/account/security"),
        ("imap.aol.com", "login.aol.com"),
        ("imap.fastmail.com", "Privacy & Security"),
    ],
)
def test_where_an_app_password_is_made_is_told_for_each_provider(host: str, where: str) -> None:
    """Whether the server asks for one in words, or only refuses."""
    for answer in ("[ALERT] Application-specific password required", "[AUTHENTICATIONFAILED] Invalid credentials"):
        hint = read_refusal(answer, "login", host).hint
        assert where in hint
        assert "app password" in hint
    assert where not in read_refusal("[AUTHENTICATIONFAILED]", "login", f"{host}.elsewhere.example").hint


def test_a_fault_inside_the_server_is_no_wrong_password_and_no_reason_to_wait_for_one_letter() -> None:
    assert isinstance(read_refusal("[SERVERBUG] Internal error occurred", "login"), Throttled)
    assert type(read_refusal("[SERVERBUG] Internal error occurred", "FETCH")) is ProtocolError


def test_a_folder_refused_names_it() -> None:
    error = read_refusal("[NONEXISTENT] Unknown Mailbox: Leads (Failure)", "folder Leads")
    assert type(error) is FolderMissing
    assert error.detail.startswith("There is no folder “Leads”")
    assert error.extra == {"folder": "Leads"}


def test_a_servers_words_are_quoted_on_one_short_line() -> None:
    assert quote("a\r\nb\x00\x1b[31m c") == "“a b [31m c”"
    assert len(quote("x" * 10_000)) < 400
    assert quote("") == "(it gave no reason)"


def test_every_failure_has_a_code_of_its_own_and_a_title() -> None:
    kinds = MailboxError.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) >= 9
    assert all(kind.title != WherefromError.title and kind.status == 502 for kind in kinds)
