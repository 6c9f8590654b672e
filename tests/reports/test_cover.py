"""Which sums there should be, and which answer for a period: rules that hold for all sites, zones and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.reports.cover import Span, cover, cut_at_days, find_work
from wherefrom.sites.days import floor

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"]).map(ZoneInfo)
NOW = st.integers(0, 60 * 24 * 40).map(lambda minutes: datetime(2026, 10, 10, tzinfo=UTC) + timedelta(minutes=minutes))
AGES = st.integers(0, 60 * 24 * 6).map(lambda minutes: timedelta(minutes=minutes))


def work_through(known: list[Span], first: datetime, closed: datetime, zone: ZoneInfo) -> list[Span]:
    """All the work there is, as the worker does it: one piece after the other, each in place of what lies in it."""
    for _ in range(500):
        out_of_date = (one for one in known if one.stale)
        span = next(out_of_date, None) or next(find_work(known, first, closed, zone), None)
        if span is None:
            return sorted(known)
        assert all(span.holds(one) for one in known if one.overlaps(span)), "it would cut another one in two"
        known = [one for one in known if not one.overlaps(span)] + [Span(span.begin, span.end)]
    raise AssertionError("it finds work for ever")


@given(now=NOW, age=AGES, later=AGES, zone=ZONES, other=ZONES, stale=st.integers(0, 30))
def test_all_that_is_over_has_sums_whatever_the_zone_was_before(
    now: datetime, age: timedelta, later: timedelta, zone: ZoneInfo, other: ZoneInfo, stale: int
) -> None:
    first, closed = now - age, floor(now, "hour", zone)
    known = work_through([], first, closed, zone)
    known = [Span(one.begin, one.end, stale=at == stale) for at, one in enumerate(known)]
    then = floor(now + later, "hour", other)
    known = work_through(known, first, then, other)
    assert not any(one.stale for one in known)
    assert all(one.end <= following.begin for one, following in pairwise(known))
    at = first
    for one in known:
        assert one.begin <= at, "a gap"
        at = max(at, one.end)
    assert at >= then


@given(now=NOW, age=AGES, zone=ZONES, cut=st.integers(0, 600))
def test_sums_and_gaps_are_the_period_and_never_overlap(
    now: datetime, age: timedelta, zone: ZoneInfo, cut: int
) -> None:
    known = work_through([], now - age, floor(now, "hour", zone), zone)
    period = Span(now - timedelta(hours=30), now + timedelta(minutes=cut + 1))
    used, gaps = cover(period, known)
    pieces = sorted([*used, *cut_at_days(gaps, zone)])
    assert pieces[0].begin == period.begin
    assert pieces[-1].end == period.end
    assert all(one.end == following.begin for one, following in pairwise(pieces))
