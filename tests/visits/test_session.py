"""The same visit or a new one: a table of cases, then what must hold for any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.visits.session import Standing, Start, campaign_of, find_start
from wherefrom.visits.source import find_source

HOSTS = ("shop.example",)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
IDLE = timedelta(minutes=30)


def standing(query: str = "", referrer: str = "") -> Standing:
    source = find_source(f"https://shop.example/{query}", referrer, HOSTS, None)
    return Standing(NOON, campaign_of(source), source.referrer)


def start_of(
    before: Standing | None, query: str = "", referrer: str = "", minutes: float = 5, *, pageview: bool = True
) -> Start | None:
    source = find_source(f"https://shop.example/next{query}", referrer, HOSTS, None)
    return find_start(before, source, NOON + timedelta(minutes=minutes), IDLE, pageview=pageview)


def test_without_a_visit_one_begins() -> None:
    assert start_of(None) is Start.FIRST


@pytest.mark.parametrize(("minutes", "expected"), [(0, None), (30, None), (30.01, Start.IDLE), (1e6, Start.IDLE)])
def test_a_visit_ends_after_the_idle_time(minutes: float, expected: Start | None) -> None:
    assert start_of(standing(), minutes=minutes) is expected


def test_a_clock_that_was_set_back_ends_no_visit() -> None:
    assert start_of(standing(), minutes=-600) is None


CASES = [
    ("the next page", "", "", "", "https://shop.example/", None),
    ("a reload of the landing page", "?utm_source=a", "", "?utm_source=a", "", None),
    ("another campaign", "?utm_source=a", "", "?utm_source=b", "", Start.CAMPAIGN),
    ("another term of the campaign", "?utm_source=a&utm_term=x", "", "?utm_source=a&utm_term=y", "", Start.CAMPAIGN),
    ("a campaign after a direct visit", "", "", "?utm_source=a", "", Start.CAMPAIGN),
    ("another click on an advertisement", "?gclid=1", "", "?gclid=2", "", Start.CAMPAIGN),
    ("the tags were dropped from the URL", "?utm_source=a", "", "", "", None),
    ("a page whose own parameter names another source", "?utm_source=a", "", "?wf=b", "", Start.CAMPAIGN),
    ("another campaign that asks to keep the visit", "?utm_source=a", "", "?utm_source=b&utm_nooverride=1", "", None),
    ("a foreign referrer", "", "", "", "https://blog.test/", Start.REFERRER),
    ("another foreign referrer", "", "https://www.google.com/", "", "https://vk.com/", Start.REFERRER),
    ("the same search again", "", "https://www.google.com/", "", "https://www.google.com/?q=x", None),
    ("the same network's other door", "", "https://l.facebook.com/", "", "https://m.facebook.com/", None),
    (
        "the first referrer again, without the tags it came with",
        "?utm_source=a", "https://www.google.com/", "", "https://www.google.com/", None,
    ),
    ("a sibling subdomain", "", "", "", "https://blog.shop.example/", None),
    ("the way back from paying", "", "", "", "https://www.paypal.com/", None),
    ("a developer's own machine", "", "", "", "http://localhost:8080/", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("landing", "came_from", "query", "referrer", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_within_the_idle_time(landing: str, came_from: str, query: str, referrer: str, expected: Start | None) -> None:
    assert start_of(standing(landing, came_from), query, referrer) is expected


def test_a_page_that_asks_for_late_addresses_begins_no_visit() -> None:
    assert start_of(standing(), "?utm_source=b", "https://vk.com/", minutes=500, pageview=False) is None


def test_nooverride_does_not_wake_a_visit_that_ended() -> None:
    assert start_of(standing("?utm_source=a"), "?utm_source=b&utm_nooverride=1", minutes=31) is Start.IDLE


queries = st.sampled_from(["", "?utm_source=a", "?utm_source=b&utm_medium=c", "?gclid=1", "?wf=x_y", "?from=z"])
referrers = st.sampled_from(
    ["", "https://www.google.com/", "https://vk.com/x", "https://blog.test/", "https://shop.example/"]
)


@given(queries, referrers, st.floats(0, 30))
def test_showing_the_landing_page_again_in_time_never_begins_a_visit(query: str, referrer: str, minutes: float) -> None:
    assert start_of(standing(query, referrer), query, referrer, minutes) is None


@given(queries, referrers, queries, st.floats(30.001, 10_000))
def test_after_the_idle_time_a_page_always_begins_one(landing: str, referrer: str, query: str, minutes: float) -> None:
    assert start_of(standing(landing, referrer), query, referrer, minutes) is Start.IDLE


@given(queries, referrers, queries, referrers)
def test_a_visit_that_began_with_a_page_goes_on_with_that_page(
    landing: str, came_from: str, query: str, referrer: str
) -> None:
    """No page may begin visit after visit by being shown again."""
    if start_of(standing(landing, came_from), query, referrer) is not None:
        assert start_of(standing(query, referrer), query, referrer) is None
