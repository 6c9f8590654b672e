"""Letters as bytes: whatever is in them comes out again by the standard parser, and nothing in them becomes a field."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wherefrom.errors import BadInput
from wherefrom.outbound.compose import Draft, compose
from wherefrom.outbound.fields import MOST_EXTRA, address_field, check_extra, text_field

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
"""Any text, control characters and all."""
SEEN = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=200)


def draft(**more: Any) -> Draft:
    plain: dict[str, Any] = {
        "from_address": "news@shop.example", "from_name": "The shop", "to_address": "ann@mail.example",
        "to_name": "Ann", "reply_to": "", "subject": "News", "date": NOW, "message_id": "<1@shop.example>",
        "html": "<p>Hello</p>", "text": "Hello",
    }  # fmt: skip
    return Draft(**plain | more)


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def content(raw: bytes, kind: str) -> str:
    part = read(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def as_lines(text: str) -> str:
    """With one kind of line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_safe(raw: bytes) -> bool:
    """ASCII, ended by CRLF and nothing else, and no line too long for any server."""
    lines = raw.split(b"\r\n")
    return raw.isascii() and not any(b"\r" in line or b"\n" in line or len(line) > 998 for line in lines)


@given(ANY, ANY, ANY)
@example("a\r\nBcc: x@y.example", "a\nX: y", "\r\n\r\nbody")
@example("x" * 2000, "=?utf-8?q?no?=", "a  b\tc")
@example("\u2028Bcc: x@y.example", 'the "shop" \\ (x)', "Привет " * 60)
def test_nothing_that_is_given_becomes_a_field_of_its_own(subject: str, name: str, other: str) -> None:
    raw = compose(draft(subject=subject, from_name=name, to_name=other))
    head = raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    assert names == [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type"]
    assert is_safe(raw)
    assert raw == compose(draft(subject=subject, from_name=name, to_name=other))


@given(SEEN)
@example("=?utf-8?q?plain?=")
@example("a  b")
@example("👩‍💻 says hello")
@example("Ü" * 300)
@example("x" * 1200)
def test_a_subject_comes_out_as_it_went_in(text: str) -> None:
    shown = read(text_field("Subject", text) + b"\r\n")["Subject"]
    assert str(shown) == text.strip(" ")


@given(SEEN)
@example('the "shop" \\ (x), <y@z.example>')
@example("Bücher, Ltd.")
def test_a_name_comes_out_as_it_went_in_and_the_address_is_the_one(name: str) -> None:
    raw = address_field("From", "news@shop.example", name)
    # By the older of the two parsers: the newer leaves a blank between encoded words (RFC 2047 6.2 takes it out).
    shown, address = parseaddr(email.message_from_bytes(raw + b"\r\n")["From"].replace("\r\n", ""))
    assert address == "news@shop.example"
    assert str(make_header(decode_header(shown))) == " ".join(name.split())


@given(ANY, ANY)
@example("From me\n.\n..\nFrom you", "<p>\x00</p>")
@example("trailing blanks  \nand\ttabs\t\n", "\u2028")
@example("x" * 500, "<p>a=b</p> ")
@example("Привет, мир. " * 50, "<p>" + "ü" * 5000 + "</p>")
def test_both_parts_come_out_as_they_went_in(text: str, html: str) -> None:
    text, html = "x" + text, "<p>x</p>" + html
    raw = compose(draft(text=text, html=html))
    assert is_safe(raw)
    assert b"\nFrom " not in raw
    assert content(raw, "plain") == as_lines(text)
    assert content(raw, "html") == as_lines(html)


def test_a_letter_without_text_gets_one_made_of_its_html() -> None:
    raw = compose(draft(text="", html="<h1>News</h1><p>For you &amp; me</p>"))
    assert content(raw, "plain").split() == ["News", "For", "you", "&", "me"]


def test_a_letter_of_text_alone_has_one_part() -> None:
    raw = compose(draft(html="", text="Hello"))
    assert (read(raw).get_content_type(), read(raw).get_content()) == ("text/plain", "Hello\r\n")


def test_a_picture_alone_has_no_empty_text_beside_it() -> None:
    raw = compose(draft(html='<img src="https://shop.example/a.png">', text=""))
    assert read(raw).get_content_type() == "text/html"


def test_every_line_of_a_long_letter_is_short() -> None:
    raw = compose(draft(html="<p>" + "x" * 100_000 + "</p>", text="Ж" * 50_000, subject="Ж" * 900))
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_extra_fields_are_written_after_the_letters_own() -> None:
    extra = check_extra({"X-Campaign": "autumn – 1", "references": "<a@b.example>  <c@d.example>", "list-id": "news"})
    raw = compose(draft(headers=tuple(extra)))
    assert read(raw)["X-Campaign"] == "autumn – 1"
    assert read(raw)["References"] == "<a@b.example> <c@d.example>"
    assert read(raw)["List-ID"] == "news"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Bcc", "x@y.example"), ("from", "x@y.example"), ("Content-Type", "text/html"), ("DKIM-Signature", "v=1"),
        ("Received", "x"), ("Return-Path", "<>"), ("Auto-Submitted", "no"), ("List-Unsubscribe", "<https://x.example>"),
        ("Sender", "x@y.example"), ("X Y", "x"), ("X-Y:", "x"), ("X-Ü", "x"), ("", "x"), ("X-" + "y" * 60, "x"),
        ("X-Y", "a\r\nBcc: x@y.example"), ("X-Y", "a\nb"), ("X-Y", "a\x00b"), ("X-Y", "a\x85b"), ("X-Y", "a\u2028b"),
        ("X-Y", ""), ("X-Y", "x" * 901), ("References", "no ids"), ("In-Reply-To", "<a@b.example> and more"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_the_callers_or_could_begin_another_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_extra({name: value})
    assert caught.value.extra["field"].startswith("headers.")


def test_a_field_stands_there_once_and_there_are_not_too_many() -> None:
    with pytest.raises(BadInput, match="twice"):
        check_extra({"X-Y": "1", "x-y": "2"})
    with pytest.raises(BadInput, match="at most"):
        check_extra({f"X-{number}": "1" for number in range(MOST_EXTRA + 1)})
