"""Where in a receiver's answer the deal number stands (F04)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.webhooks.deal import LONGEST_NUMBER, clean_number, find_number


@pytest.mark.parametrize(
    ("answer", "path", "number"),
    [
        (b'{"order_id": 123456789}', "", "123456789"),
        (b'{"deal_id": "A-77", "id": 5}', "", "A-77"),
        (b'{"deal": {"id": 9}}', "", "9"),
        (b'{"id": "42"}', "", "42"),
        (b'{"order_id": null, "id": 3}', "", "3"),
        (b'{"result": {"items": [{"id": 7}]}}', "result.items.0.id", "7"),
        (b'[{"id": 7}]', "0.id", "7"),
        (b'{"result": 7}', "result", "7"),
        (b'{"id": 3}', "deal.id", None),
        (b'{"result": "ok"}', "", None),
        (b'{"id": true}', "", None),
        (b'{"id": 1.5}', "", None),
        (b'{"id": {"x": 1}}', "", None),
        (b'{"id": "  "}', "", None),
        (b'{"id": "a\\u0000b"}', "", None),
        (b'{"items": []}', "items.0.id", None),
        (b"accepted", "", None),
        (b"", "", None),
        (b"7", "", None),
        (b"\xff\xfe", "", None),
        (b"[" * 60_000, "", None),
    ],
)
def test_the_number_is_found_or_nothing_is(answer, path, number):
    assert find_number(answer, path) == number


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_answer_breaks_the_reading(answer, path):
    number = find_number(answer, path)
    assert number is None or 0 < len(number) <= LONGEST_NUMBER


def test_a_number_too_long_to_be_one_is_refused():
    assert clean_number("9" * LONGEST_NUMBER) is not None
    assert clean_number("9" * (LONGEST_NUMBER + 1)) is None
