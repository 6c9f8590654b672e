"""The fast readers of what is written by the book say what the careful ones say, or nothing at all."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailparser.dates import parse_mail_date  # type: ignore[import-untyped]
from mailparser.exceptions import MailParserError  # type: ignore[import-untyped]
from mailparser.utils import get_addresses, parse_received  # type: ignore[import-untyped]

from wherefrom.mail.charset import one_line
from wherefrom.mail.fields import _read_lines, _read_sound_block
from wherefrom.mail.headers import parse_people
from wherefrom.mail.parameters import _read_any_parameters, _read_sound_parameters
from wherefrom.mail.sound import find_for, find_mailboxes, find_moment


def heap(*words: str, most: int = 12) -> st.SearchStrategy[str]:
    """Any heap of ``words``, with an odd character here and there."""
    odd = st.sampled_from(
        ['"', "\\", "(", ")", "<", ">", "@", ",", ";", ":", "'", "=", ".", "ü", "\t", "[", "\x00", "*"]
    )
    return st.lists(st.one_of(*[st.sampled_from(words)] * 9, odd), max_size=most).map("".join)


@given(
    heap("Anna", " ", ", ", "<", ">", "a@b.example", "<a@b.example>", '"Lead, A"', "Lead", "sales+k7@c.example", "-")
)
@settings(max_examples=300)
def test_mailboxes_are_those_mail_parser_finds(text: str) -> None:
    found = find_mailboxes(text)
    if found is not None:
        defects: list[dict[str, str]] = []
        expected = get_addresses(text, defects=defects)
        assert [(one_line(name, 500), address) for name, address in found] == [
            (one_line(name, 500), address) for name, address in expected
        ]
        assert not [one for one in defects if not one["recovered"]]


@given(
    heap(
        "Mon, ",
        "02 ",
        "2 ",
        "31 ",
        "Nov ",
        "Feb ",
        "2026 ",
        "0001 ",
        "09:00:00 ",
        "24:00:60 ",
        "+0100",
        "-9959",
        "(CET)",
    )
)
@settings(max_examples=300)
def test_a_moment_is_the_one_mail_parser_finds(text: str) -> None:
    found = find_moment(text)
    if found is not None:
        assert found == parse_mail_date(text.strip()).value


@given(st.datetimes(datetime(1901, 1, 1), datetime(2099, 12, 31)), st.integers(-14 * 60, 14 * 60))
def test_every_moment_written_by_the_book_is_read(moment: datetime, offset: int) -> None:
    shown = f"{moment:%a, %d %b %Y %H:%M:%S} {'-' if offset < 0 else '+'}{abs(offset) // 60:02}{abs(offset) % 60:02}"
    assert find_moment(shown) == parse_mail_date(shown).value


@given(
    heap("from a.example ", "by b.example ", "(c d) ", "with ESMTP ", "id 1F ", "for ", "<x@y.example>", "x@y.example",
         " ", ";", "; Mon, 2 Nov 2026 09:00:00 +0000", "FOR ", "via ")
)  # fmt: skip
@settings(max_examples=300)
def test_whom_a_hop_was_for_is_what_mail_parser_finds(text: str) -> None:
    found = find_for(text)
    if found is not None:
        try:
            clause = parse_received(text).get("for", "")
        except MailParserError:
            clause = ""
        assert found in clause


SECTIONS = ("; name*=utf-8''%D0%A6", "; name*0*=koi8-r''%C1", "; name*1*=%C2", "; name*1=c", "; name=d", "; name*2*=''")


@given(
    heap(
        "text/plain", "; ", ";", "charset=", "utf-8", '"a b"', "name=", "boundary=", '"=_x"', "=?utf-8?Q?a?=", " ", "a"
    )
)
@settings(max_examples=300)
def test_parameters_are_those_the_standard_library_finds(text: str) -> None:
    found = _read_sound_parameters(text)
    if found is not None:
        word, pairs = _read_any_parameters(text, ())
        pairs.pop("", None)  # what stands behind a last semicolon
        assert found == (word, pairs)


@given(st.lists(st.sampled_from(SECTIONS), max_size=4).map(lambda chosen: "a/b" + "".join(chosen)))
@settings(max_examples=300)
def test_sections_are_joined_as_the_standard_library_joins_them(text: str) -> None:
    found = _read_sound_parameters(text)
    if found is not None:
        assert found == _read_any_parameters(text, ())


@given(
    st.lists(
        st.sampled_from(
            [
                b"A: b",
                b"Subject:",
                b"x",
                b"\r\n",
                b"\r\n",
                b"\n",
                b" ",
                b"\tc",
                b"\r",
                b"From ",
                b":",
                b"\x00",
                b"B : c",
            ]
        ),
        max_size=16,
    ).map(b"".join)
)
@settings(max_examples=300)
def test_a_header_block_is_the_one_read_line_by_line(raw: bytes) -> None:
    found = _read_sound_block(raw, 0, len(raw))
    if found is not None:
        assert found == _read_lines(raw, 0, len(raw))


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (find_mailboxes, "Anna Lead <lead@customer.example>"),
        (find_mailboxes, '"Lead, Anna" <lead@customer.example>, b@c.example'),
        (find_moment, "Mon, 02 Nov 2026 10:00:00 +0100 (CET)"),
        (find_moment, "2 Nov 2026 10:00:00 -0000"),
        (find_for, "from a (b [192.0.2.1]) by c (Postfix) with ESMTPS id 4F1\tfor <x@y.example>; Mon, 2 Nov 2026"),
        (_read_sound_parameters, 'multipart/mixed; boundary="=_b"'),
        (_read_sound_parameters, "text/plain; charset=utf-8; format=flowed;"),
        (_read_sound_parameters, "attachment; filename*=utf-8''%D0%9F%D1%80.pdf"),
        (_read_sound_parameters, "attachment; filename*1*=%80.pdf; filename*0*=utf-8''%D0%9F%D1"),
    ],
)  # fmt: skip
def test_what_most_letters_carry_is_read_the_fast_way(reader: object, text: str) -> None:
    assert callable(reader)
    assert reader(text) is not None


@given(
    st.lists(st.sampled_from(["=?utf-8?B?0KY=?=", "=?koi8-r?q?=C1_b?=", "=?utf-8?Q?a,b?=", "=?x?B??=", " ", "?",
                              "=?utf-8?Q?<c@d.e>?="])),
    st.sampled_from(["<a@b.example>", "<a@b..example>", "a@b.example", "<a@b.example>, <c@d.example>"]),
)  # fmt: skip
@settings(max_examples=300)
def test_a_coded_name_is_read_as_one_among_others_is(words: list[str], address: str) -> None:
    field = "".join(words) + address
    alone = parse_people(field.encode())
    among = parse_people(f"Zed <z@z.example>, {field}".encode())
    assert alone == among[1:]
