"""What holds for every letter: limits, bounded time, and no exception but UnreadableLetter."""

import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mail.test_specimens import FOLDER
from wherefrom.mail.body import MAX_HTML, MAX_TEXT
from wherefrom.mail.headers import MAX_RECIPIENTS
from wherefrom.mail.letter import Letter
from wherefrom.mail.parse import parse_letter
from wherefrom.mail.structure import MAX_PARTS, UnreadableLetter

SPECIMENS = [path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))]
WORDS = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"--", b"b", b"--b\r\n", b"--b--\r\n", b"=", b"?=", b"=?utf-8?B?"),
    *(b"Content-Type: ", b"multipart/mixed; ", b"boundary=b", b'boundary="', b"text/html", b"message/rfc822", b"; "),
    *(b"charset=", b"utf-16", b"utf-7", b"idna", b"name*0*=", b"name*=utf-8''%", b"filename=", b"=?x?Q?"),
    *(b"Content-Disposition: ", b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Received: ", b"for ", b"<", b">"),
    *(b"Message-ID: ", b"References: ", b"@", b"a@b.example", b'"', b"\\", b"(", b")", b"[", b"]", b",", b";", b":"),
    *(b"\x00", b"\xff", b"\xc3", b"\x1b$B", b"\xed\xa0\x80", b"+2AA-", b"cid:", b"From ", b"<div>", b"&"),
    *(b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"x-uuencode", b"begin 644 a\r\n"),
    *(b"Mon, 2 Nov 2026 09:00:00 +9999", b"99999999999999999999"),
]


def check(raw: bytes) -> Letter | None:
    """The letter, whose every text can be stored; or None."""
    try:
        letter = parse_letter(raw)
    except UnreadableLetter:
        return None
    texts = [letter.subject, letter.text, letter.html or "", letter.message_id or "", *letter.references]
    texts += [part for party in (letter.from_, letter.reply_to) if party for part in (party.name,)]
    for attachment in letter.attachments:
        texts += [attachment.name, attachment.content_type, attachment.content_id or ""]
        assert len(attachment.content) == attachment.size
        assert attachment.name
        assert "/" not in attachment.name
    for recipient in letter.recipients:
        texts += [recipient.address.text, recipient.name]
    for text in texts:
        assert "\x00" not in text
        text.encode("utf-8")
    return letter


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_letter_or_unreadable(raw: bytes) -> None:
    check(raw)


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=3)), max_size=60).map(b"".join))
@settings(max_examples=400)
def test_any_heap_of_mail_words_is_a_letter_or_unreadable(raw: bytes) -> None:
    check(b"From: a@b.example\r\n" + raw)


@given(st.sampled_from(SPECIMENS), st.data())
@settings(max_examples=300)
def test_a_damaged_specimen_is_a_letter_or_unreadable(raw: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 40)))
        raw = raw[:start] + data.draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=8))) + raw[end:]
    check(raw)


@pytest.mark.parametrize("specimen", SPECIMENS[::6])
def test_a_letter_cut_off_anywhere_still_reads(specimen: bytes) -> None:
    for end in range(0, len(specimen), 7):
        check(specimen[:end])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        (b"hello world, no header here\r\n\r\nbody", "no header field"),
        (b"\x00\x01\x02" * 100, "no header field"),
    ],
)
def test_what_is_no_letter_says_so(raw: bytes, reason: str) -> None:
    with pytest.raises(UnreadableLetter, match=reason):
        parse_letter(raw)


def nested(depth: int) -> bytes:
    raw = b"From: a@b.example\r\n"
    for level in range(depth):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    return raw + b"Content-Type: text/plain\r\n\r\ndeep down"


def test_fifty_levels_are_read_and_what_is_below_is_shown_as_it_stands() -> None:
    letter = parse_letter(nested(50))
    assert (letter.text, letter.defects.count("nested-too-deep")) == ("deep down", 0)
    for depth in (51, 60, 2_000):
        letter = parse_letter(nested(depth))
        assert letter.text.endswith("deep down")
        assert "nested-too-deep" in letter.defects


def test_more_parts_than_the_limit_are_left_out_and_said() -> None:
    raw = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    letter = parse_letter(raw + b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 5_000)
    assert len(letter.attachments) == MAX_PARTS - 1
    assert "too-many-parts" in letter.defects


def test_more_recipients_than_the_limit_are_left_out_and_said() -> None:
    addresses = b", ".join(b"a%d@b.example" % number for number in range(900))
    letter = parse_letter(b"To: " + addresses + b"\r\n\r\nx")
    assert len(letter.recipients) == MAX_RECIPIENTS
    assert "too-many-recipients" in letter.defects


def test_text_and_html_are_cut_at_their_limits_with_a_mark() -> None:
    text = parse_letter(b"From: a@b.example\r\n\r\n" + "ä".encode() * MAX_TEXT)
    assert len(text.text.encode()) <= MAX_TEXT
    assert text.text_truncated
    assert "text-truncated" in text.defects
    html = parse_letter(b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"x " * MAX_HTML)
    assert html.html is not None
    assert len(html.html) == MAX_HTML
    assert "html-truncated" in html.defects


HOSTILE = {
    "empty lines": b"From: a\r\n\r\n" + b"\n" * 20_000_000,
    "header fields": b"A: b\n" * 2_000_000,
    "one long folded field": b"A: b\n" + b" x\n" * 3_000_000,
    "Received fields": b"Received: from x for <a@b.c>; Mon\n" * 30_000,
    "recipients in quotes": b"To: " + b'"a@b.c" <' * 10_000 + b"\n\nx",
    "quotes in parameters": b"Content-Type: text/plain; " + b'a="b;' * 100_000 + b"\n\nx",
    "delimiters": b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"\n---" * 3_000_000,
    "encoded words": b"Subject: " + b"=?utf-8?Q?a?= " * 60_000 + b"\n\nx",
    "begun encoded words": b"To: " + b"=?a?Q?" * 10_000 + b"\n\nx",
    "open brackets": b"References: " + b"<" * 500_000 + b"\n\nx",
    "comments in the date": b"Date: " + b"(" * 900 + b"\n\nx",
    "open divisions": b"Content-Type: text/html\n\n" + b"<div>x" * 500_000,
    "open tables": b"Content-Type: text/html\n\n" + b"<table><tr><td>x" * 100_000,
    "padding": b"Content-Type: text/html\n\n" + b'<div style="padding-left:99999999em">x<br>' * 20_000,
    "a wide cell over many rows": b"Content-Type: text/html\n\n<table><tr><td>"
    + b"x" * 400_000
    + b"<tr><td>y" * 50_000,
    "50 levels over many lines": nested(49) + b"\nx" * 5_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_cost_no_more_than_seconds(name: str) -> None:
    begun = time.process_time()
    parse_letter(HOSTILE[name])
    assert time.process_time() - begun < 5


_text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf", "Co")), max_size=200)


@given(subject=_text, name=_text, body=_text, html=_text, file_name=_text, content=st.binary(max_size=300))
@settings(max_examples=60)
def test_what_the_standard_library_writes_is_read_back(
    subject: str, name: str, body: str, html: str, file_name: str, content: bytes
) -> None:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message["To"] = "Sales <sales+k7f3q9x2@company.example>"
    message.set_content(body)
    message.add_alternative(f"<p>{html}</p>", subtype="html")
    message.add_attachment(content, maintype="application", subtype="x-thing", filename=file_name.strip(". ") or "f")
    letter = parse_letter(message.as_bytes())
    assert letter.subject == " ".join(subject.split())
    assert [recipient.address.text for recipient in letter.recipients] == ["sales+k7f3q9x2@company.example"]
    if body.strip():
        assert letter.text == body.strip()
    assert letter.html is not None
    assert f"<p>{html}</p>" in letter.html
    assert [attachment.content for attachment in letter.attachments] == [content]
