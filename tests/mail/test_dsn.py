"""Delivery status notifications and feedback reports as values, from what servers write and from what nobody should."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bounces.forms import ORIGINAL, arf, dsn, head, multipart, part, recipient, status
from tests.bounces.specimens import all_specimens
from wherefrom.mail.bounce_text import find_bounced
from wherefrom.mail.dsn import Dsn, find_dsn, find_status, unquote_xtext
from wherefrom.mail.feedback import Feedback, find_feedback
from wherefrom.mail.parse import UnreadableLetter, parse_letter
from wherefrom.mail.returned import parse_returned

SPECIMENS = [one.raw.encode() for one in all_specimens()]


def read(form: str) -> Dsn:
    found = find_dsn(parse_letter(form.replace("{to}", "ann@mail.example").encode()))
    assert found is not None
    return found


def test_all_that_is_told_of_each_recipient_is_read() -> None:
    blocks = (
        recipient(
            "5.1.1", "smtp; 550 5.1.1 <ann@mail.example>: nobody\n of that name", original="rfc822;Ann@Mail.example",
            more="Remote-MTA: dns; mx.mail.example",
        ),
        recipient("4.4.1 (later)", final="RFC822 ; <bob@mail.example> (Bob)", action="Delayed"),
    )  # fmt: skip
    found = read(dsn(*blocks, more="Original-Envelope-Id: QQ314159\n"))
    assert (found.envelope_id, found.reported_by) == ("QQ314159", "mx.mail.example")
    ann, bob = found.recipients
    assert (ann.action, ann.status, ann.answered_by, ann.remote) == ("failed", "5.1.1", "smtp", "mx.mail.example")
    assert ann.diagnostic == "550 5.1.1 <ann@mail.example>: nobody of that name"
    assert [one.key for one in ann.addresses] == ["ann@mail.example", "ann@mail.example"]
    assert (bob.action, bob.status, bob.final) == ("delayed", "4.4.1", "bob@mail.example")


def test_the_returned_letter_is_read_as_far_as_it_goes() -> None:
    found = read(dsn(recipient(), returned=ORIGINAL)).returned
    assert found is not None
    assert (found.message_id, found.subject) == ("offer-1@firm.example", "Your offer")
    assert found.every("list-unsubscribe-post") == ["List-Unsubscribe=One-Click"]
    assert read(dsn(recipient(), returned=None)).returned is None
    assert parse_returned(b"").message_id == ""


def test_addresses_in_quoted_printable_are_whole_again() -> None:
    body = b"Subject: x\nContent-Transfer-Encoding: quoted-printable\n\nhttps://t.example/u/AB=\nCD=3D\n"
    assert "https://t.example/u/ABCD=" in parse_returned(body).text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("550 5.1.1 unknown", "5.1.1"),
        ("550-5.1.1 unknown 550 5.1.1 really", "5.1.1"),
        ("5.2.2 full", "5.2.2"),
        ("host mx.mail.example[192.0.2.9] said: 550 5.7.1 no", "5.7.1"),
        ("550 #5.1.0 address rejected", "5.1.0"),
        ("550 user unknown, see 5.1.1 in the book", ""),
        ("connect to 5.1.1.9: refused", ""),
        ("550 5.1.1.9 is blocked", ""),
        ("550 5.01.001 unknown", "5.1.1"),
        ("", ""),
    ],
)
def test_the_code_is_taken_from_where_servers_put_it(text: str, code: str) -> None:
    assert find_status(text) == code


def test_xtext_is_unquoted() -> None:
    assert unquote_xtext("ann+2Bnews@mail.example") == "ann+news@mail.example"
    assert unquote_xtext("ann+2g@mail.example") == "ann+2g@mail.example"


def test_a_letter_without_the_part_for_machines_is_no_report() -> None:
    plain = (
        head("ann@mail.example", "news@firm.example", "Undelivered") + "Content-Type: text/plain\n\nIt did not arrive."
    )
    assert find_dsn(parse_letter(plain.encode())) is None
    receipt = multipart(
        "report",
        part("text/plain", "x"),
        "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; a@b.c",
    )
    assert find_dsn(parse_letter((head("a@b.example", "c@d.example", "Read") + receipt).encode())) is None


@pytest.mark.parametrize(
    "filling", [recipient() + "\n\n", "no field\n", "\n", " \n\n", "A: b\n\n", "-" * 70, "<", "a@"]
)
def test_whatever_fills_a_report_it_is_read_in_no_time(filling: str) -> None:
    blocks = recipient() + "\n\n" + filling * (250_000 // len(filling))
    letter = head("mailer-daemon@x.example", "a@b.example", "x") + multipart(
        "report", part("text/plain", filling * 8_000), status(blocks)
    )
    parsed = parse_letter(letter.encode())
    begun = time.process_time()
    found = find_dsn(parsed)
    find_bounced(parsed)
    assert time.process_time() - begun < 1
    assert found is not None
    assert 0 < len(found.recipients) <= 100


def test_a_feedback_report_is_read() -> None:
    form = arf(
        "Abuse",
        more="Original-Mail-From: <bounce@firm.example>\nOriginal-Rcpt-To: rfc822; <ann@mail.example>\n"
        "Original-Rcpt-To: redacted\n",
    )
    found = find_feedback(parse_letter(form.encode()))
    assert isinstance(found, Feedback)
    assert (found.kind, found.reported_by, found.mail_from) == ("abuse", "Provider-FBL/1.2", "<bounce@firm.example>")
    assert [one.key for one in found.recipients] == ["ann@mail.example"]
    assert found.returned is not None
    assert find_feedback(parse_letter(dsn(recipient()).encode())) is None


@given(st.sampled_from(SPECIMENS), st.integers(0, 4_000), st.integers(0, 200), st.binary(max_size=60))
def test_no_damage_breaks_the_readers(raw: bytes, at: int, length: int, put: bytes) -> None:
    damaged = raw[:at] + put + raw[at + length :]
    try:
        letter = parse_letter(damaged)
    except UnreadableLetter:
        return
    find_feedback(letter)
    found = find_dsn(letter)
    assert all(one.status == "" or one.status.count(".") == 2 for one in (found.recipients if found else ()))
    assert len(find_bounced(letter)) <= 20
