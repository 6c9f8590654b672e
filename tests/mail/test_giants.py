"""Letters too large for a specimen: what comes out of them, and that more bytes are no more than so much more work.

No limit of seconds is set: each hostile kind is read in two sizes, one eight times the other, and the least processor
time of three is compared. Linear work is eight times as much, quadratic work sixty-four times.
"""

import time
from collections.abc import Callable

import pytest

from tests.mail.outlook import file, winmail
from wherefrom.mail.html_text import html_text
from wherefrom.mail.parse import parse_letter
from wherefrom.mail.reply import split_reply
from wherefrom.mail.rtf import rtf_text
from wherefrom.mail.structure import MAX_PARTS
from wherefrom.mail.tnef import find_tnef

HEAD = b"From: Anna <lead@customer.example>\r\nTo: sales@company.example\r\nSubject: Question\r\n"


def mixed(depth: int) -> bytes:
    raw = HEAD
    for level in range(depth):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    raw += b"Content-Type: text/plain\r\n\r\ndeep down\r\n"
    return raw + b"".join(b"--b%d--\r\n" % level for level in reversed(range(depth)))


@pytest.mark.parametrize("size", [1_000_000, 3_000_000])
@pytest.mark.parametrize("junk", [b"X-Junk: %s\r\n", b"X-Junk: %s\r\n continued\r\n", b"To: %s\r\n"])
def test_a_header_of_megabytes_is_passed_over_and_the_body_found(size: int, junk: bytes) -> None:
    letter = parse_letter(HEAD + junk % (b"x" * size) + b"Message-ID: <1@x>\r\n\r\nhello\r\n")
    assert (letter.subject, letter.text) == ("Question", "hello")
    assert letter.recipients[0].address.text == "sales@company.example"


def test_a_header_of_a_hundred_thousand_fields_is_passed_over_and_the_body_found() -> None:
    letter = parse_letter(HEAD + b"X-Junk: x\r\n" * 100_000 + b"\r\nhello\r\n")
    assert (letter.subject, letter.text, letter.defects) == (
        "Question", "hello", ("date-missing", "header-damaged", "message-id-missing"),
    )  # fmt: skip


def test_of_ten_thousand_parts_the_first_thousand_are_told() -> None:
    part = b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nx\r\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n" + part * 10_000 + b"--b--\r\n"
    letter = parse_letter(raw)
    assert letter.text == "hello"
    assert [one.name for one in letter.attachments] == ["a.pdf"] * (MAX_PARTS - 2)
    assert "too-many-parts" in letter.defects


@pytest.mark.parametrize("depth", [1, 10, 49, 50])
def test_parts_fifty_deep_are_read(depth: int) -> None:
    letter = parse_letter(mixed(depth))
    assert (letter.text, "nested-too-deep" in letter.defects) == ("deep down", False)


@pytest.mark.parametrize("depth", [51, 60, 500, 5_000])
def test_what_lies_deeper_is_shown_as_it_stands(depth: int) -> None:
    letter = parse_letter(mixed(depth))
    assert "deep down" in letter.text
    assert "nested-too-deep" in letter.defects


def test_a_letter_of_fifty_megabytes_is_read_without_decoding_its_file() -> None:
    line = b"QUJD" * 19 + b"\r\n"
    body = b"--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/zip; name=a.zip\r\n"
    body += b"Content-Transfer-Encoding: base64\r\n\r\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body + line * 640_000 + b"--b--\r\n"
    begun = time.process_time()
    letter = parse_letter(raw)
    reading = time.process_time() - begun
    begun = time.process_time()
    size = letter.attachments[0].size
    assert (letter.text, size) == ("hello", 640_000 * 57)
    assert reading < (time.process_time() - begun) + 0.5  # counting alone costs more than reading did


def _letter(body: Callable[[int], bytes]) -> Callable[[int], object]:
    return lambda size: parse_letter(body(size))


GROWING: dict[str, tuple[Callable[[int], object], int]] = {
    "empty lines": (_letter(lambda n: b"From: a\r\n\r\n" + b"\n" * n), 500_000),
    "header fields": (_letter(lambda n: b"A: b\n" * n + b"\n"), 20_000),
    "folded lines": (_letter(lambda n: b"A: b\n" + b" x\n" * n + b"\n"), 40_000),
    "blanks in a name": (_letter(lambda n: b"To: " + b" " * n + b"<a@b.c\n\nx"), 7_000),
    "blanks after a comma": (_letter(lambda n: b"To: a@b.c," + b" " * n + b"x\n\nx"), 7_000),
    "quotes in a name": (_letter(lambda n: b"To: " + b'"a@b.c" <' * n + b"\n\nx"), 800),
    "commas in a name": (_letter(lambda n: b"From: " + b"a, " * n + b"<a@b.c>\n\nx"), 500),
    "semicolons": (_letter(lambda n: b"To: " + b"a@b.c; " * n + b"\n\nx"), 250),
    "single quotes": (_letter(lambda n: b"To: " + b"'a@b" * n + b"\n\nx"), 1_500),
    "recipients": (_letter(lambda n: b"To: " + b"a@b.c, " * n + b"\n\nx"), 250),
    "encoded words": (_letter(lambda n: b"Subject: " + b"=?utf-8?Q?a?= " * n + b"\n\nx"), 8_000),
    "begun words": (_letter(lambda n: b"Subject: " + b"=?a?Q?" * n + b"\n\nx"), 15_000),
    "begun words without end": (_letter(lambda n: b"Subject: " + b"=?utf-8?B?AAAA" * n + b"\n\nx"), 8_000),
    "parameters": (_letter(lambda n: b"Content-Type: a/b" + b"; a=b" * n + b"\n\nx"), 150),
    "hops": (_letter(lambda n: (b"Received: for <%s>; x\n" % (b"@" * n)) * 20 + b"\nx"), 500),
    "delimiters": (_letter(lambda n: b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"\n---" * n), 100_000),
    "parts": (_letter(lambda n: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * n), 120),
    "base64 in pieces": (_letter(lambda n: b"Content-Transfer-Encoding: base64\n\n" + b"QQ==\n" * n), 10_000),
    "padding in base64": (_letter(lambda n: b"Content-Transfer-Encoding: base64\n\n" + b"Q=" * n), 20_000),
    "soft line ends": (
        _letter(lambda n: b"Content-Transfer-Encoding: quoted-printable\n\n" + b"= " * n), 100_000
    ),
    "tags": (lambda n: html_text("<p><b>x" * n), 1_500),
    "quotes in HTML": (lambda n: html_text("<blockquote>x</blockquote>" * n), 1_000),
    "half a tag": (lambda n: html_text("<a " * n), 4_000),
    "lines of a reply": (lambda n: split_reply("x\n" * n), 600),
    "attributions": (lambda n: split_reply("On Monday 2026:\n" * n), 200),
    "angles": (lambda n: split_reply("> x\ny wrote:\n" * n), 300),
    "blanks in a reply": (lambda n: split_reply((" " * n + ":\n> x\n") * 5), 3_000),
    "files in a container": (lambda n: find_tnef(winmail(*[file("a.txt", b"x")] * n)), 20),
    "groups in RTF": (lambda n: rtf_text(b"{\\b x}" * n), 1_500),
    "escape sequences": (_letter(lambda n: b"Content-Type: text/html; charset=iso-2022-jp\n\n" + b"\x1b$B" * n), 6_000),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWING)
def test_eight_times_the_bytes_are_about_eight_times_the_work(name: str) -> None:
    read, size = GROWING[name]
    small = large = float("inf")
    for _ in range(4):  # a busy machine takes the processor's caches away from what is large
        small, large = min(small, least(read, size)), min(large, least(read, size * 8))
        # Quadratic work would be 64 times as much. A millisecond is let pass: it is the measure's own grain.
        if large < small * 24 + 0.004:
            return
    raise AssertionError(f"{small * 1000:.2f} ms, then {large * 1000:.2f} ms")


def least(read: Callable[[int], object], size: int) -> float:
    """The least processor time of three."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        read(size)
        times.append(time.process_time() - begun)
    return min(times)
