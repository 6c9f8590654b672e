"""Filters as addresses, chips and days of the reader's time zone (G02)."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.console.filters import CHOICES, Asked, list_chips, make_filter, parse_asked
from wherefrom.console.words import UTC_ZONE, parse_zone
from wherefrom.inbox.store.filters import HistoryFilter

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 2, 3, 30, tzinfo=UTC)  # the 2nd in Berlin, still the 1st in New York

texts = st.text(min_size=1, max_size=30).map(str.strip).filter(lambda text: text and "\x00" not in text)
days = st.dates(min_value=datetime(1980, 1, 1).date(), max_value=datetime(2100, 1, 1).date()).map(str)
asked = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("q", "source", "marker", "utm_source", "utm_medium", "country", "city"), texts),
        **{name: st.sampled_from([value for value, _ in CHOICES[name][1:]]) for name in ("match", "show", "channel")},
        "period": st.sampled_from(["today", "yesterday", "7", "30", "90"]),
        "visit": st.integers(0, (1 << 63) - 1).map(str),
    },
).map(lambda values: Asked(**values))


@given(asked)
def test_an_address_says_all_that_is_set_and_gives_it_back(one):
    assert parse_asked(dict(parse_qsl(one.query().removeprefix("?")))) == one


@given(asked)
def test_there_is_a_chip_for_each_filter_and_without_all_of_them_nothing_is_set(one):
    chips = list_chips(one)
    assert len(chips) == sum(getattr(one, name) != "" for name in Asked.__slots__)
    for chip in chips:
        assert len(list_chips(chip.rest)) == len(chips) - 1


@given(st.dictionaries(st.sampled_from([*Asked.__slots__, "from", "to"]), st.text(max_size=40)))
def test_no_address_is_an_error(query):
    make_filter(parse_asked(query), BERLIN, NOW)


def test_nothing_set_asks_for_all_letters_but_automatic_mail():
    assert make_filter(Asked(), UTC_ZONE, NOW) == HistoryFilter(automatic=False)
    assert make_filter(Asked(show="all"), UTC_ZONE, NOW) == HistoryFilter()
    assert make_filter(Asked(show="automatic"), UTC_ZONE, NOW).automatic is True
    assert make_filter(Asked(show="junk"), UTC_ZONE, NOW).folder_kind == "junk"


@pytest.mark.parametrize(
    ("zone", "begin"),
    [(BERLIN, datetime(2026, 11, 1, 23, tzinfo=UTC)), (NEW_YORK, datetime(2026, 11, 1, 4, tzinfo=UTC))],
)
def test_today_is_the_readers_day(zone, begin):
    wanted = make_filter(Asked(period="today"), zone, NOW)
    assert (wanted.date_from, wanted.date_to) == (begin, None)


def test_a_day_on_which_the_clocks_change_has_its_25_hours():
    wanted = make_filter(parse_asked({"from": "2026-10-25", "to": "2026-10-25"}), BERLIN, NOW)
    assert wanted.date_from == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert wanted.date_to == datetime(2026, 10, 25, 23, tzinfo=UTC)


def test_chosen_days_win_over_a_period_and_stand_in_the_address_alone():
    one = parse_asked({"period": "7", "from": "2026-10-01", "to": "2026-10-03"})
    assert one.period == "days"
    assert one.query() == "?from=2026-10-01&to=2026-10-03"
    assert [chip.words for chip in list_chips(one)] == ["2026-10-01 to 2026-10-03"]


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"period": "century"}, {"match": "maybe"}, {"visit": "٣"}])
def test_what_is_not_understood_is_left_out(query):
    assert parse_asked(query) == Asked()


@pytest.mark.parametrize(
    ("value", "matched", "rule"), [("yes", True, ""), ("no", False, ""), ("pool", None, "pool"), ("", None, "")]
)
def test_match_asks_for_a_visit_or_for_a_rule(value, matched, rule):
    wanted = make_filter(Asked(match=value), UTC_ZONE, NOW)
    assert (wanted.matched, wanted.rule) == (matched, rule)


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../../etc/passwd", "Europe", "a" * 500, "posixrules\x00"])
def test_a_zone_that_is_none_is_utc(name):
    assert parse_zone(name) is UTC_ZONE


def test_a_zone_is_known_by_its_name():
    assert parse_zone("America/Argentina/Buenos_Aires").key == "America/Argentina/Buenos_Aires"
    assert parse_zone("Etc/GMT+3").key == "Etc/GMT+3"
