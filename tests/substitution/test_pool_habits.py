"""The model of what visitors do, and how a site's own letters replace the usual one."""

import itertools
import math
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.substitution.habits import SIGNS, USUAL, WAYS, Habits, Part, Sign
from wherefrom.substitution.tally import HALF_LIFE, IMAGINED, Lesson, Tally, learn

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
seconds = st.floats(0, 10**7)
signs = st.sampled_from(SIGNS)


def taught(delays: list[float], sign: Sign = "copy", *, leases: int = 0, counts: bool = True) -> Habits:
    """The habits of a site with these letters, one after the other."""
    tally = Tally()
    tally.add_leases({sign: leases})
    for delay in delays:
        tally.add_letter([Lesson(sign, delay, 1.0, counts)], learn(tally))
    return learn(tally)


@given(signs, seconds)
def test_letters_that_come_and_letters_still_to_come_make_up_the_readiness(sign: Sign, after: float) -> None:
    ready = USUAL.readiness[sign]
    come = ready * USUAL.arrived(sign, after)
    assert 0 <= come <= ready
    assert USUAL.to_come(sign, after) * (1 - come) + come == pytest.approx(ready)


@given(signs, seconds, seconds)
def test_what_is_still_to_come_only_falls_with_time(sign: Sign, one: float, other: float) -> None:
    assert USUAL.to_come(sign, max(one, other)) <= USUAL.to_come(sign, min(one, other)) + 1e-12


@pytest.mark.parametrize("sign", SIGNS)
def test_the_rates_over_all_time_add_up_to_the_letters(sign: Sign) -> None:
    """∫ λ dt = −ln(1 − readiness), for λ is a hazard."""
    edges = [60.0 * 1.05**n for n in range(320)]
    total = sum(USUAL.rate(sign, right, left) * (right - left) for left, right in itertools.pairwise(edges))
    assert total == pytest.approx(-math.log(1 - USUAL.readiness[sign]), rel=0.06)


@given(signs, seconds, seconds)
def test_a_rate_is_never_negative_and_nothing_comes_before_the_sign(sign: Sign, one: float, other: float) -> None:
    assert USUAL.rate(sign, one, other) >= 0
    assert USUAL.rate(sign, one, other) == USUAL.rate(sign, other, one)
    assert USUAL.arrived(sign, 0) == USUAL.arrived(sign, -1) == 0


def test_the_stronger_the_sign_the_likelier_a_letter() -> None:
    assert [USUAL.readiness[sign] for sign in SIGNS] == sorted(USUAL.readiness.values())
    assert all(sum(shares) == pytest.approx(1) for shares in USUAL.shares.values())


def test_without_letters_the_habits_are_the_usual_ones() -> None:
    habits = learn(Tally())
    for sign in SIGNS:
        assert habits.readiness[sign] == pytest.approx(USUAL.readiness[sign])
        assert habits.shares[WAYS[sign]] == pytest.approx(USUAL.shares[WAYS[sign]])
    for part, usual in zip(habits.parts, USUAL.parts, strict=True):
        assert (part.median, part.spread) == pytest.approx((usual.median, usual.spread))


def test_a_few_letters_do_not_bend_the_delays_and_many_do() -> None:
    def waited(habits: Habits) -> float:
        return 1 - habits.arrived("copy", 40_000)

    one, many = taught([90_000.0]), taught([90_000.0] * 300)
    assert waited(USUAL) < waited(one) < waited(USUAL) + 0.16
    assert waited(many) > 0.9


def test_a_sites_own_delays_are_learned_to_a_tenth() -> None:
    chance = random.Random(1)
    site = taught([chance.lognormvariate(math.log(5_400), 1.1) for _ in range(400)])
    for after, share in ((5_400 / 3, 0.159), (5_400, 0.5), (5_400 * 3, 0.841)):
        assert site.arrived("copy", after) == pytest.approx(share, abs=0.07)


def test_how_many_write_is_learned_from_the_leases_without_a_letter_too() -> None:
    keen, idle = taught([600.0] * 90, leases=100), taught([600.0] * 2, leases=1000)
    assert keen.readiness["copy"] > 0.7
    assert idle.readiness["copy"] < 0.02
    assert idle.readiness["mailto"] == pytest.approx(USUAL.readiness["mailto"])


def test_letters_to_codes_say_nothing_of_how_many_write() -> None:
    habits = taught([600.0] * 90, counts=False)
    assert habits.readiness["copy"] == pytest.approx(USUAL.readiness["copy"])
    assert habits.shares["hand"] != pytest.approx(USUAL.shares["hand"], abs=0.05)


def test_a_click_teaches_nothing_about_letters_by_hand() -> None:
    habits = taught([90_000.0] * 100, "mailto")
    assert habits.shares["hand"] == pytest.approx(USUAL.shares["hand"])
    assert habits.shares["click"][2] > 0.8


@given(st.lists(st.builds(Lesson, signs, st.floats(-10, 10**9), st.floats(0, 1), st.booleans()), max_size=40))
def test_whatever_is_taught_the_habits_stay_within_reason(lessons: list[Lesson]) -> None:
    tally = Tally()
    for one in lessons:
        tally.add_letter([one], learn(tally))
    habits = learn(tally)
    assert all(0 < ready <= 0.95 for ready in habits.readiness.values())
    assert all(sum(shares) == pytest.approx(1) for shares in habits.shares.values())
    assert all(10 <= part.median <= 10**7 and part.spread >= 0.5 for part in habits.parts)


def test_what_was_learned_fades_by_half_in_a_season() -> None:
    tally = Tally()
    tally.fade(NOW)
    tally.add_leases({"copy": 100})
    tally.add_letter([Lesson("copy", 600.0, 1.0)], USUAL)
    tally.fade(NOW + HALF_LIFE)
    assert tally.leases["copy"] == pytest.approx(50)
    assert tally.letters["copy"] == pytest.approx(0.5)
    assert sum(tally.ways["hand"]) == pytest.approx(0.5)
    tally.fade(NOW)  # a clock that goes back changes nothing
    assert tally.leases["copy"] == pytest.approx(50)


def test_a_tally_survives_being_stored() -> None:
    tally = Tally()
    tally.fade(NOW)
    tally.add_letter([Lesson("copy", 600.0, 0.7), Lesson("mailto", 60.0, 0.3)], USUAL)
    assert msgspec.convert(msgspec.to_builtins(tally), Tally) == tally


def test_one_letter_weighs_against_so_many_imagined_ones() -> None:
    habits = taught([600.0], leases=1)
    usual = USUAL.readiness["copy"]
    assert habits.readiness["copy"] == pytest.approx((IMAGINED + 1) / (IMAGINED / usual + 1))


def test_a_part_is_a_lognormal_delay() -> None:
    part = Part(600.0, 1.0)
    assert part.arrived(600.0) == pytest.approx(0.5)
    assert part.arrived(600.0 * math.e) == pytest.approx(0.8413, abs=1e-4)
    assert part.density(0) == part.arrived(0) == 0
    step = 1.0
    assert (part.arrived(900 + step) - part.arrived(900)) / step == pytest.approx(part.density(900.5), rel=1e-4)
    assert timedelta(seconds=part.median) == timedelta(minutes=10)
