"""The engagement filter in a page's address, in words and as the audience understands it."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.audience.filter import Condition, Filter, resolve
from wherefrom.console.asking import CHOICES, Asked, Row, from_filter, list_chips, make_filter, parse_asked, row_words

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = ["q", "match", "flag", "consent", "saved", "cursor", *(f"{a}{n}" for a in "epftlun" for n in range(8))]
anything = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(
        st.text(max_size=20),
        st.sampled_from([value for choices in CHOICES.values() for value, _ in choices]),
        st.sampled_from(["2026-11-01", "2026-11-21", "2026-13-01", "3", "0", "99999", "٣"]),
    ),
)


@given(anything)
def test_whatever_stands_in_an_address_is_a_filter_that_can_be_asked(query: dict[str, str]) -> None:
    asked = parse_asked(query)
    wanted = make_filter(asked)
    resolve(wanted, ZoneInfo("Europe/Berlin"), NOW)
    assert parse_asked(dict(parse_qsl(asked.query().removeprefix("?")))) == asked
    assert from_filter(wanted) == asked
    for words, rest in list_chips(asked):
        assert words
        assert rest != asked
    assert asked.any == bool(list_chips(asked))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row("opened", "30"), "Opened, last 30 days"),
        (Row("not-opened"), "Not opened, ever"),
        (Row("clicked", "days", "2026-11-01", "2026-11-21", "news", "/p", "2"),
         "Clicked, 2 letters, link with “/p”, 2026-11-01 to 2026-11-21, list news"),
        (Row("failed", "45"), "Letter bounced, last 45 days"),
        (Row("sent", "days", "2026-11-01"), "Sent a letter, from 2026-11-01"),
        (Row("not-sent", "days", until="2026-11-01"), "Not sent a letter, up to 2026-11-01"),
    ],
)  # fmt: skip
def test_a_condition_reads_as_a_person_would_say_it(row: Row, words: str) -> None:
    assert row_words(row) == words.removesuffix(", ever")


def test_a_saved_filter_with_moments_and_odd_days_is_shown_by_its_days() -> None:
    wanted = Filter(
        match="any",
        conditions=[
            Condition(event="opened", days=45),
            Condition(event="sent", happened=False, date_from="2026-11-01T10:00:00Z", times=3),
        ],
    )
    assert from_filter(wanted) == Asked(
        match="any", rows=(Row("opened", "45"), Row("not-sent", "days", "2026-11-01", times="3"))
    )
