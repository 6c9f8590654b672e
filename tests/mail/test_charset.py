"""Charset repair: what comes out of bytes with wrong, missing and nonsensical labels."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail.charset import decode_text, decode_words, find_codec, one_line

RUSSIAN = "Здравствуйте! Сколько стоит доставка этого стула в Казань?"
LABELS = ["", "utf-8", "us-ascii", "windows-1251", "gb2312", "iso-2022-jp", "utf-16", "utf-7", "x-none", "idna"]


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("UTF8", "utf-8"),
        ("us-ascii", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        ("gb2312", "gb18030"),
        ("x-gbk", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("windows-31j", "cp932"),
        ("Win-1251", "cp1251"),
        ("cp-1251", "cp1251"),
        ("iso-8859-8-i", "iso8859-8"),
        ("'koi8-r'", "koi8-r"),
        ("utf-8*en", "utf-8"),
        ("", None),
        (None, None),
        ("x-unknown", None),
        ("base64", None),
        ("rot13", None),
        ("idna", None),
        ("unicode_escape", None),
        ("undefined", None),
        ("a\x00b", None),
        ("../etc/passwd", None),
    ],
)
def test_a_label_means_the_superset_people_use_it_for(label: str | None, codec: str | None) -> None:
    assert find_codec(label) == codec


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r"])
def test_unlabelled_cyrillic_is_told_by_its_letters(codec: str) -> None:
    assert decode_text(RUSSIAN.encode(codec), None) == (RUSSIAN, True)
    assert decode_text(RUSSIAN.upper().encode("cp1251"), None, ["windows-1251"])[0] == RUSSIAN.upper()


def test_unlabelled_western_text_is_windows_1252() -> None:
    assert decode_text("Größe, façade, 5 €".encode("cp1252"), None)[0] == "Größe, façade, 5 €"


def test_a_hint_from_elsewhere_in_the_letter_wins_over_guessing() -> None:
    assert decode_text("의자".encode("cp949"), None, ["euc-kr"])[0] == "의자"


def test_what_a_multibyte_label_can_read_is_believed() -> None:
    # These four bytes are valid UTF-8 too; famous for being "recognised" wrongly.
    assert decode_text("联通".encode("gbk"), "gbk") == ("联通", False)


def test_utf8_with_a_one_byte_label_is_utf8() -> None:
    assert decode_text("Цена".encode(), "windows-1251") == ("Цена", True)


def test_utf8_with_a_few_bad_bytes_stays_utf8() -> None:
    assert decode_text("Привет".encode() + b"\xff" + " мир".encode(), "utf-8") == ("Привет\ufffd мир", True)


def test_a_wrong_utf8_label_on_windows_1251_is_overruled() -> None:
    assert decode_text(RUSSIAN.encode("cp1251"), "utf-8") == (RUSSIAN, True)


def test_a_utf16_label_on_plain_text_is_overruled() -> None:
    assert decode_text(b"plain words", "utf-16") == ("plain words", True)
    assert decode_text("Größe".encode("utf-16"), "utf-16") == ("Größe", False)


def test_a_byte_order_mark_is_no_text() -> None:
    assert decode_text(b"\xef\xbb\xbfhi \xc3\xa4", "us-ascii") == ("hi ä", False)


@given(st.binary(max_size=200), st.sampled_from(LABELS), st.sampled_from(LABELS))
def test_any_bytes_with_any_label_become_text_every_database_takes(data: bytes, label: str, hint: str) -> None:
    text, _ = decode_text(data, label, [hint])
    assert "\x00" not in text
    text.encode("utf-8")


@given(st.binary(max_size=300))
def test_any_header_bytes_become_text(data: bytes) -> None:
    decode_words(data.replace(b"a", b"=?utf-8?B?").replace(b"b", b"?= ")).encode("utf-8")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1), st.integers(1, 20))
def test_a_word_cut_at_any_byte_heals(text: str, size: int) -> None:
    data = text.encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    words = b" ".join(b"=?utf-8?B?" + base64.b64encode(piece) + b"?=" for piece in pieces)
    assert decode_words(words) == text.removeprefix("\ufeff")
    quoted = b"\r\n ".join(b"=?UTF-8?q?" + b"".join(b"=%02X" % byte for byte in piece) + b"?=" for piece in pieces)
    assert decode_words(quoted) == text.removeprefix("\ufeff")


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\n\tb\u2028c\x00d  e", 100) == "a b c d e"
    assert one_line("abcdef", 3) == "abc"
