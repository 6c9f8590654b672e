"""What a letter says of what was switched off, and that nothing in it breaks out of its line."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.alarms.letter import News, Place, compose_news, put_in_words
from wherefrom.events.snapshots import MailboxDisconnected, SenderStopped, TestPing, WebhookDisabled

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PLACE = Place("shop", "https://mail.company.com/sites/7/setup")
WEBHOOK = WebhookDisabled(
    endpoint_id="1", url="https://crm.company.com/hook?key=secret", status="failed",
    reason="nothing was accepted for 5 days; the last answer: 500",
)  # fmt: skip
SENDER = SenderStopped(
    host="smtp.company.com", username="news", from_address="news@company.com", trouble="login",
    reason="The server refuses the password", hint="make an app password", failing_since=AT,
)  # fmt: skip
MAILBOX = MailboxDisconnected(
    mailbox_id="3", name="sales", username="sales@company.com", provider="google", reason="the grant was withdrawn",
    hint="",
)  # fmt: skip


def read(news: News, address: str = "anna@company.com") -> tuple[dict[str, str], str]:
    raw = compose_news(news, "wherefrom@company.com", address, "token", AT)
    letter = message_from_bytes(raw, policy=default)
    return dict(letter.items()), letter.get_content()


def test_of_a_webhook_it_says_which_since_when_why_and_where_to_switch_it_on() -> None:
    headers, text = read(put_in_words(WEBHOOK, PLACE, AT))
    assert headers["Subject"] == "The webhook of shop is switched off"
    assert headers["To"] == "anna@company.com"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "Since 2 Nov 2026, 09:00 UTC" in text
    assert "https://crm.company.com/hook of the site shop" in text
    assert "secret" not in text
    assert "nothing was accepted for 5 days; the last answer: 500." in text
    assert "https://mail.company.com/sites/7/setup#webhooks" in text
    assert "press “Switch on”" in text


def test_of_a_receiver_that_is_gone_it_does_not_ask_to_mend_it() -> None:
    gone = WebhookDisabled(endpoint_id="1", url="https://crm.company.com/", status="gone", reason="410 Gone")
    assert "If it is, remove the webhook" in read(put_in_words(gone, PLACE, AT))[1]


@pytest.mark.parametrize(
    ("data", "subject", "words"),
    [
        (
            SENDER,
            "Letters of shop are not sent",
            ["news at smtp.company.com", "Make an app password.", "setup#sending"],
        ),
        (
            MAILBOX,
            "A mailbox of shop is not read any more",
            ["the mailbox sales of the site shop", "setup#mailboxes", "withdrawn."],
        ),
    ],
)
def test_of_a_sending_account_and_a_mailbox_it_says_what_to_do(data: object, subject: str, words: list[str]) -> None:
    headers, text = read(put_in_words(data, PLACE, AT))
    assert headers["Subject"] == subject
    for one in words:
        assert one in text


def test_of_anything_else_nobody_is_told() -> None:
    with pytest.raises(TypeError, match="TestPing"):
        put_in_words(TestPing(endpoint_id="1", note="hello"), PLACE, AT)


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_whatever_names_and_reasons_are_no_header_is_added(site: str, url: str, reason: str) -> None:
    data = WebhookDisabled(endpoint_id="1", url=f"https://crm.company.com/{url}", status="failed", reason=reason)
    headers, text = read(put_in_words(data, Place(site, PLACE.setup_url), AT))
    assert set(headers) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "X-Mailer",
        "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    }  # fmt: skip
    assert text.count("What to do:") >= 1
