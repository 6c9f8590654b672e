"""Where in a receiver's answer the deal number stands (F04)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.webhooks.deal import LONGEST_NUMBER, clean_number, find_deal


def number_of(answer: bytes, path: str) -> str | None:
    found = find_deal(answer, path)
    return found and found.number


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
    assert number_of(answer, path) == number


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_answer_breaks_the_reading(answer, path):
    number = number_of(answer, path)
    assert number is None or 0 < len(number) <= LONGEST_NUMBER


def test_a_number_too_long_to_be_one_is_refused():
    assert clean_number("9" * LONGEST_NUMBER) is not None
    assert clean_number("9" * (LONGEST_NUMBER + 1)) is None


@pytest.mark.parametrize(
    ("answer", "path", "about"),
    [
        (b'{"deal": {"id": 1, "status": "new", "value": 10.5, "currency": "eur"}}', "", ("new", 105_000, "EUR")),
        (b'{"order": {"id": 1, "price": "1500.00"}}', "", (None, 15_000_000, None)),
        (b'{"result": {"id": 1, "amount": 7, "status": " won "}}', "result.id", ("won", 70_000, None)),
        (b'{"deal_id": 1, "deal_status": "new", "deal_value": 3}', "", ("new", 30_000, None)),
        (b'{"id": 1, "status": "ok", "value": 3}', "", (None, None, None)),  # whose status that is, nobody knows
        (b'{"data": {"id": 1, "status": "success"}}', "", (None, None, None)),
        (b'{"deal": {"id": 1, "status": {"id": 3}, "value": true, "currency": 5}}', "", (None, None, None)),
        (b'{"deal": {"id": 1, "value": 1e300, "currency": "euro"}}', "", (None, None, None)),
        (b'{"deal": {"id": 1, "value": "NaN", "status": "a\\nb"}}', "", (None, None, None)),
        (b'{"deal": {"id": 1, "value": 0.1}}', "", (None, 1_000, None)),
        (b'[{"id": 1, "status": "x"}]', "0.id", ("x", None, None)),
        (b"[5]", "0", (None, None, None)),
    ],
)
def test_status_value_and_currency_are_read_where_they_are_surely_the_deals(answer, path, about):
    found = find_deal(answer, path)
    assert (found.status, found.value, found.currency) == about


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["status", "value", "currency"]), inner),
        max_leaves=5,
    )
)
def test_no_deal_breaks_the_reading_of_what_is_beside_it(value):
    try:
        answer = json.dumps({"deal": {"id": 1, "status": value, "value": value, "currency": value}}).encode()
    except ValueError:
        return
    found = find_deal(answer)
    assert found is None or found.number == "1"  # NaN is no JSON
