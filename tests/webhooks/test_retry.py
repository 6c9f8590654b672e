"""When a delivery is tried again (F05)."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.settings import Settings
from wherefrom.webhooks.retry import (
    LONGEST_RETRY_AFTER,
    is_gone,
    is_hopeless,
    is_success,
    next_attempt_at,
    parse_retry_after,
)

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DELAYS = Settings().webhooks.retry_seconds
moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


def test_the_default_schedule_is_the_promised_one():
    at_the_earliest = [next_attempt_at(n, NOW, DELAYS, 0.0) for n in range(1, 11)]
    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert at_the_earliest == [NOW + timedelta(hours=h) for h in hours] + [None]


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True), moments)
def test_jitter_adds_up_to_a_fifth_and_takes_nothing_off(failures, chance, now):
    wait = (next_attempt_at(failures, now, DELAYS, chance) - now).total_seconds()
    planned = DELAYS[failures - 1]
    assert planned <= wait <= planned * 1.2 + 0.001


def test_jitter_really_spreads():
    low, high = next_attempt_at(2, NOW, DELAYS, 0.0), next_attempt_at(2, NOW, DELAYS, 0.999)
    assert (low - NOW, round((high - NOW).total_seconds())) == (timedelta(minutes=5), 360)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=9, max_size=9))
def test_the_default_schedule_outlasts_72_hours_whatever_the_dice_say(chances):
    at = NOW
    for failures, chance in enumerate(chances, 1):
        at = next_attempt_at(failures, at, DELAYS, chance)
    assert at - NOW >= timedelta(hours=72)


@given(
    st.integers(1, 9),
    st.floats(0, 1, exclude_max=True),
    st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_retry_after_only_lengthens_the_wait_and_never_past_a_day_more_than_planned(failures, chance, asked):
    plain = next_attempt_at(failures, NOW, DELAYS, chance)
    patient = next_attempt_at(failures, NOW, DELAYS, chance, asked)
    assert patient >= plain
    assert patient >= NOW + min(asked, LONGEST_RETRY_AFTER)
    assert patient == max(plain, NOW + min(asked, LONGEST_RETRY_AFTER))


def test_retry_after_does_not_prolong_a_used_up_schedule():
    assert next_attempt_at(10, NOW, DELAYS, 0.5, timedelta(minutes=1)) is None


@given(st.integers(0, 200_000))
def test_retry_after_in_seconds_is_read(seconds):
    assert parse_retry_after(f" {seconds} ", NOW) == timedelta(seconds=seconds)


@given(st.integers(-100_000, 100_000))
def test_retry_after_as_a_date_is_read_and_a_past_one_is_no_wait(seconds):
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(header, NOW) == timedelta(seconds=max(seconds, 0))


def test_a_date_in_another_zone_means_the_same_moment():
    there = (NOW + timedelta(minutes=3)).astimezone(timezone(timedelta(hours=3)))
    assert parse_retry_after(format_datetime(there), NOW) == timedelta(minutes=3)


@given(st.text(max_size=60))
def test_no_header_a_receiver_sends_breaks_the_reading(text):
    wait = parse_retry_after(text, NOW)
    assert wait is None or wait >= timedelta(0)


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "1.5", "²", "Mon, 99 Foo 2026 99:99:99 GMT"])
def test_an_unreadable_header_is_as_none(text):
    assert parse_retry_after(text, NOW) is None


def test_an_absurd_number_of_seconds_is_bounded():
    assert parse_retry_after("9" * 400, NOW) == LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("status", "good"), [(200, True), (204, True), (299, True), (199, False), (301, False), (304, False), (410, False)]
)
def test_2xx_alone_is_success(status, good):
    assert is_success(status) is good


def test_410_alone_says_gone():
    assert [code for code in range(100, 600) if is_gone(code)] == [410]


def test_five_days_of_failure_are_hopeless_and_a_moment_less_is_not():
    five = timedelta(days=5)
    assert is_hopeless(NOW - five, NOW, five)
    assert not is_hopeless(NOW - five + timedelta(milliseconds=1), NOW, five)
