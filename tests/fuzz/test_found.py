"""What fuzzing has found, once each."""

from __future__ import annotations

import time

import pytest

from wherefrom.mail.entities import unescape
from wherefrom.mail.fields import parse_fields
from wherefrom.tracking.instrument import Links, wrap_html


def test_a_long_line_without_a_colon_in_a_header_is_no_work() -> None:
    raw = b"From: ann@customer.example\r\n" + b"x" * 1_000_000 + b"\r\nTo: sales@company.example\r\n\r\nhello"
    began = time.process_time()
    fields = parse_fields(raw, 0, len(raw))
    assert time.process_time() - began < 1.5  # it took three
    assert fields.first("to") == b"sales@company.example"


@pytest.mark.parametrize("reference", ["&#" + "9" * 5000 + ";", "&#" + "9" * 5000, "&#99999999;"])
def test_a_character_whose_number_has_thousands_of_digits_is_the_one_browsers_show(reference: str) -> None:
    assert unescape(f"a{reference}b") == "a\ufffdb"
    links = Links(lambda number, target: f"https://mail.example/c/{number}", ())
    wrap_html(f'<a href="https://shop.example/?{reference}">{reference}</a>', links)


def test_a_character_whose_number_begins_with_thousands_of_noughts_is_that_character() -> None:
    assert unescape("&#" + "0" * 5000 + "65;") == "A"
    assert unescape("&#65;&amp;&#0;&#x41;") == "A&\ufffdA"
