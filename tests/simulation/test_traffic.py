"""Made-up traffic is what its numbers say."""

import math
from statistics import median

import pytest

from wherefrom.simulation.traffic import Traffic, make_visits

VISITS = make_visits(Traffic(visits=20_000, days=3), seed=1)
EXPOSED = [one for one in VISITS if one.exposed_at is not None]
WRITERS = [one for one in EXPOSED if one.wrote_at is not None]


def test_the_same_seed_makes_the_same_traffic_and_another_does_not() -> None:
    few = Traffic(visits=50)
    assert make_visits(few, 1) == make_visits(few, 1) != make_visits(few, 2)


def test_the_day_has_its_curve() -> None:
    hours = [int(one.started_at % 86_400 // 3600) for one in VISITS]
    assert max(set(hours), key=hours.count) in (13, 14)
    within = sum(10 <= hour < 18 for hour in hours) / len(hours)
    assert within == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.02)


def test_shares_are_those_asked_for() -> None:
    assert len(EXPOSED) / len(VISITS) == pytest.approx(0.15, abs=0.01)
    assert len(WRITERS) / len(EXPOSED) == pytest.approx(0.03, abs=0.006)
    idle = [one for one in EXPOSED if one.wrote_at is None]
    assert sum(one.intent == "copy" for one in idle) / len(idle) == pytest.approx(0.02, abs=0.005)
    clicked = [one for one in WRITERS if one.intent == "mailto"]
    assert len(clicked) / len(WRITERS) == pytest.approx(0.5, abs=0.1)
    assert sum(not one.intent for one in WRITERS) / len(WRITERS) == pytest.approx(0.1, abs=0.06)


def test_letters_follow_after_their_delay() -> None:
    waits = [
        one.wrote_at - one.intent_at for one in WRITERS if one.intent == "mailto" and one.wrote_at and one.intent_at
    ]
    assert median(waits) == pytest.approx(240, rel=0.3)


def test_everything_happens_in_its_order() -> None:
    for one in EXPOSED:
        assert one.exposed_at is not None
        assert one.started_at <= one.exposed_at <= one.left_at
        if one.intent_at is not None:
            assert one.exposed_at <= one.intent_at <= one.left_at
        if one.wrote_at is not None:
            assert one.wrote_at > one.exposed_at
