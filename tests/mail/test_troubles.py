"""Whose fault a mail server's answer is: the account's, and all letters wait, or the letter's, and the others go on."""

from __future__ import annotations

import aiosmtplib
import pytest

from wherefrom.mail.smtp import SmtpAccount
from wherefrom.mail.troubles import Answer, account_trouble, is_of_account

ACCOUNT = SmtpAccount("smtp.shop.example", 587, "starttls", username="anna")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (421, "4.3.2 Service shutting down"),
        (550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to https://…"),
        (550, "5.1.90 Your message can't be sent because you've reached your daily limit for message recipients"),
        (554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
        (451, "4.7.1 Hourly sending quota of 100 exceeded"),
        (450, "4.7.1 Error: too many mails from this account"),
        (450, "rate limit exceeded, try again later"),
        (530, "5.7.0 Authentication Required"),
    ],
)
def test_an_answer_about_the_account_is_not_the_letters(code: int, words: str) -> None:
    error = aiosmtplib.SMTPRecipientRefused(code, words, "ann@mail.example")
    assert is_of_account(error, Answer(code, words))
    trouble = account_trouble(ACCOUNT, error)
    assert trouble.trouble == ("login" if code == 530 else "busy")
    assert words in trouble.detail
    assert trouble.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (550, "5.1.1 no such user"),
        (552, "5.2.2 Mailbox full, quota exceeded"),
        (552, "5.2.2 The daily quota of this mailbox is used up"),
        (452, "4.2.2 over quota"),
        (550, "mailbox quota exceeded"),
        (451, "4.7.1 Greylisting in action, please come back later"),
        (554, "5.7.1 Message rejected as spam"),
        (550, "5.7.26 Unauthenticated mail from shop.example is not accepted due to the domain's DMARC policy"),
    ],
)
def test_an_answer_about_the_letter_or_its_receiver_stops_no_other(code: int, words: str) -> None:
    assert not is_of_account(aiosmtplib.SMTPRecipientRefused(code, words, "ann@mail.example"), Answer(code, words))
    assert not is_of_account(aiosmtplib.SMTPDataError(code, words), Answer(code, words))


def test_a_sender_that_is_refused_is_the_accounts_trouble_but_for_a_letter_that_is_too_big() -> None:
    for code, words, of_account in ((553, "5.7.1 not owned by user anna", True), (552, "5.3.4 too big", False)):
        error = aiosmtplib.SMTPSenderRefused(code, words, "news@shop.example")
        assert is_of_account(error, Answer(code, words)) is of_account


def test_an_answer_is_shown_in_one_line_and_no_longer_than_that() -> None:
    answer = Answer(550, "5.1.1 no\n\tsuch\x00 user \x1b[31m" + "x" * 1000)
    assert answer.line.startswith("550 5.1.1 no such user [31mxxx")
    assert (answer.status, len(answer.line), answer.line.isprintable()) == ("5.1.1", 400, True)
    assert Answer(250, "queued as 5.1.1").status == ""
