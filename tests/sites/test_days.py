"""Hours, days, weeks and months in a site's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import BadInput
from wherefrom.sites.days import STEPS, Step, boundaries, floor, parse_moment

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
                                     "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Asia/Kathmandu")]  # fmt: skip
moments = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


@given(moments, st.sampled_from(STEPS), st.sampled_from(ZONES), st.integers(1, 60))
def test_steps_follow_each_other_without_a_gap_and_hold_every_moment(
    begin: datetime, step: Step, zone: ZoneInfo, many: int
) -> None:
    end = begin + timedelta(hours=many * {"hour": 1, "day": 24, "week": 168, "month": 700}[step])
    found = list(boundaries(begin, end, step, zone))
    assert found[0] <= begin
    assert found[-1] < end
    assert all(one < other for one, other in pairwise(found))
    longest = {"hour": 1.5, "day": 49, "week": 7 * 24 + 25, "month": 31 * 24 + 25}[step]
    assert all(other - one <= timedelta(hours=longest) for one, other in pairwise([*found, end]) if other < end)
    if (step, zone.key) != ("hour", "Australia/Lord_Howe"):  # its clocks are changed by half an hour
        assert all(floor(one, step, zone) == one for one in found)


@pytest.mark.parametrize(
    ("step", "expected"),
    [("hour", "2026-10-25T00:00"), ("day", "2026-10-24T22:00"), ("week", "2026-10-18T22:00"),
     ("month", "2026-09-30T22:00")],
)  # fmt: skip
def test_a_moment_of_the_night_the_clocks_go_back(step: Step, expected: str) -> None:
    assert floor(datetime(2026, 10, 25, 0, 40, tzinfo=UTC), step, BERLIN).isoformat().startswith(expected)


def test_the_day_the_clocks_go_back_has_25_hours() -> None:
    day = parse_moment("2026-10-25", "x", BERLIN), parse_moment("2026-10-25", "x", BERLIN, end=True)
    assert day[0] is not None
    assert day[1] is not None
    assert len(list(boundaries(day[0], day[1], "hour", BERLIN))) == 25


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-11-21", "2026-11-20T23:00:00+00:00"), ("2026-11-21T09:30:00 02:00", "2026-11-21T07:30:00+00:00"),
     ("2026-11-21T09:30:00", "2026-11-21T08:30:00+00:00"), ("2026-11-21T09:30:00Z", "2026-11-21T09:30:00+00:00")],
)  # fmt: skip
def test_a_moment_is_read_in_the_zone_unless_it_names_its_own(text: str, expected: str) -> None:
    found = parse_moment(text, "x", BERLIN)
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    "text", ["soon", "2026-13-01", "9999-12-31", "0001-01-01", "2026-11-21T25:00:00Z", "٢٠٢٦-١١-٢١"]
)
def test_what_is_no_date_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_moment(text, "date_from", BERLIN, end=True)
    assert caught.value.extra == {"field": "date_from"}
