"""winmail.dat: the files in it are the letter's files, and what it says is the letter's text when there is no other."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mail.outlook import HELLO_RTF, attribute, binary, file, named_file, properties, text, winmail
from wherefrom.mail.parse import parse_letter
from wherefrom.mail.rtf import find_rtf, rtf_text
from wherefrom.mail.tnef import MAX_FILES, find_tnef

BODY = attribute(0x0002800C, b"See the files.\x00")
PLAIN_RTF = (
    b"{\\rtf1\\ansi\\ansicpg1251 {\\fonttbl{\\f0 Arial;}}\\pard \\'d6\\'e5\\'ed\\'e0\\par "
    b"\\u1094?\\u55357?\\u56832? \\{x\\}}"
)
WRAPPED_HTML = (
    b"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 Hello "
    b"{\\*\\htmltag84 <b>}\\htmlrtf {\\b\\htmlrtf0 you{\\*\\htmltag92 </b>}\\htmlrtf }\\htmlrtf0 }"
)


def letter(container: bytes, says: str = "", kind: str = "application/ms-tnef", html: str = "") -> bytes:
    raw = b'From: a@b.example\r\nTo: sales@company.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    if says:
        raw += b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + says.encode() + b"\r\n"
    if html:
        raw += b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode() + b"\r\n"
    raw += f'--b\r\nContent-Type: {kind}; name="winmail.dat"\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode()
    return raw + base64.encodebytes(container) + b"--b--\r\n"


def test_files_are_shown_in_place_of_their_container() -> None:
    container = winmail(
        BODY, file("old.txt", b"old"), named_file("Прайс на стулья.pdf", b"%PDF-1.4", "application/pdf")
    )
    found = parse_letter(letter(container, "Hello"))
    assert [(one.name, one.content_type, one.size, one.content) for one in found.attachments] == [
        ("old.txt", "text/plain", 3, b"old"),
        ("Прайс на стулья.pdf", "application/pdf", 8, b"%PDF-1.4"),
    ]
    assert (found.text, found.defects) == ("Hello", ("date-missing", "message-id-missing"))


def test_a_container_is_known_by_its_name_too() -> None:
    found = parse_letter(letter(winmail(file("a.txt", b"a")), kind="application/octet-stream"))
    assert [one.name for one in found.attachments] == ["a.txt"]


def test_a_picture_in_the_container_that_the_html_shows_is_no_file() -> None:
    container = winmail(named_file("logo.png", b"\x89PNG", "image/png", "logo@x"))
    found = parse_letter(letter(container, html='<img src="cid:logo@x">'))
    assert [(one.name, one.inline) for one in found.attachments] == [("logo.png", True)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (BODY, "See the files."),
        (attribute(0x00069003, properties(text(0x1000, "Цена?"))), "Цена?"),
        (attribute(0x00069003, properties(binary(0x1013, "<p>Größe</p>".encode()))), "Größe"),
        (attribute(0x00069003, properties(binary(0x1009, HELLO_RTF))), "hello world"),
        (attribute(0x00069007, b"\xe3\x04\x00\x00") + attribute(0x0002800C, "Цена?".encode("cp1251")), "Цена?"),
        (attribute(0x00069003, properties()), ""),
    ],
    ids=["attribute", "property", "HTML", "RTF", "code page", "nothing"],
)
def test_what_the_container_says_is_the_text_of_a_letter_without_one(said: bytes, expected: str) -> None:
    assert parse_letter(letter(winmail(said, file("a.txt", b"a")))).text == expected
    assert parse_letter(letter(winmail(said), "Mine")).text == "Mine"


def test_a_container_with_nothing_but_text_is_no_file() -> None:
    assert parse_letter(letter(winmail(BODY), "Hello")).attachments == ()


def test_what_is_no_container_stays_a_file() -> None:
    for content in (b"", b"just bytes", b"\x78\x9f\x3e\x22", winmail()[:5]):
        found = parse_letter(letter(content, "Hello"))
        assert [(one.name, one.content) for one in found.attachments] == [("winmail.dat", content)]


def test_a_container_that_breaks_off_is_read_as_far_as_it_goes_and_says_so() -> None:
    whole = winmail(file("a.txt", b"first"), file("b.txt", b"second"))
    found = parse_letter(letter(whole[:-4], "Hello"))
    assert [(one.name, one.content) for one in found.attachments] == [("a.txt", b"first"), ("b.txt", b"seco")]
    assert "winmail-damaged" in found.defects


def test_more_files_than_anybody_sends_are_left_out() -> None:
    found = find_tnef(winmail(*(file(f"{number}.txt", b"x") for number in range(MAX_FILES + 50))))
    assert found is not None
    assert (len(found.files), found.whole) == (MAX_FILES, False)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40), st.binary(max_size=60)
        ),
        max_size=5,
    )
)
@settings(max_examples=100)
def test_every_name_and_content_written_is_read(files: list[tuple[str, bytes]]) -> None:
    found = find_tnef(winmail(BODY, *(named_file(name or "x", content, "a/b") for name, content in files)))
    assert found is not None
    data = winmail(BODY, *(named_file(name or "x", content, "a/b") for name, content in files))
    assert [(one.name, data[one.start : one.end]) for one in found.files] == [
        (name or "x", body) for name, body in files
    ]


@given(st.data())
@settings(max_examples=300)
def test_no_damage_makes_it_stumble(data: st.DataObject) -> None:
    raw = winmail(
        BODY, attribute(0x00069003, properties(binary(0x1009, HELLO_RTF))), named_file("a.pdf", b"%PDF", "a/b")
    )
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(6, len(raw)))
        raw = raw[:start] + data.draw(st.binary(max_size=6)) + raw[start + data.draw(st.integers(0, 12)) :]
    found = find_tnef(raw)
    assert found is not None
    assert all(0 <= one.start <= one.end <= len(raw) for one in found.files)
    found.text.encode()


def test_rtf_is_unpacked_as_its_specification_shows() -> None:
    assert find_rtf(HELLO_RTF) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    crossing = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert find_rtf(crossing) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert find_rtf(b"\x00" * 20) is None


@pytest.mark.parametrize(
    ("rtf", "said"),
    [
        (PLAIN_RTF, "Цена\nц😀 {x}"),
        (WRAPPED_HTML, "Hello you"),
        (b"{\\rtf1{\\*\\generator x;}a\\tab b\\line c\\~d}", "a\tb\nc d"),
        (b"{\\rtf1\\uc0 \\u252\\uc2\\u252 xxb}", "üüb"),
        (b"{\\rtf1 {\\pict 00ff}after", "after"),
        (b"}}}}{\\", ""),
        (b"", ""),
    ],
)
def test_the_words_of_rtf(rtf: bytes, said: str) -> None:
    assert rtf_text(rtf) == said


@given(
    st.lists(st.sampled_from([b"{", b"}", b"\\", b"\\par", b"\\'e4", b"\\u-9", b"\\bin5 ", b"x ", b"\\*", b"\n"])).map(
        b"".join
    )
)
def test_any_rtf_becomes_text(rtf: bytes) -> None:
    rtf_text(rtf).encode()
