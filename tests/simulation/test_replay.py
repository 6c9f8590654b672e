"""The real lending and attribution, played: small cases to the letter, and the figures that are promised."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.inbox.pool import SURE
from wherefrom.simulation.plain import count_plain_right
from wherefrom.simulation.replay import Outcome, judge, simulate
from wherefrom.simulation.traffic import Traffic, make_visits
from wherefrom.simulation.visit import SimulatedVisit
from wherefrom.substitution.lease import Terms

HOUR = 3600.0
TERMS = Terms(timedelta(minutes=15), timedelta())


def visit(start: float, *, intent: str = "", wrote: float | None = None) -> SimulatedVisit:
    """Sees the address 10 s after its start, uses it after 20 s if at all, and leaves after 60 s."""
    used = start + 20 if intent else None
    return SimulatedVisit(start, start + 60, start + 10, intent, used, None if wrote is None else start + wrote)  # type: ignore[arg-type]


def test_a_letter_of_the_only_visit_is_its() -> None:
    assert simulate([visit(0, intent="mailto", wrote=300)], 1, TERMS) == Outcome(1, 1, 1, 0, 0, 1, 1, 0, 0.0, 1)


def test_an_address_is_held_until_the_lease_seconds_after_the_last_sign_of_life_are_over() -> None:
    def refused(gap: float) -> int:
        return simulate([visit(0), visit(gap, intent="mailto", wrote=300)], 1, TERMS).refused

    assert refused(60 + 900 - 10 - 1) == 1
    assert refused(60 + 900 - 10) == 0


def test_a_letter_of_a_visit_that_was_refused_is_unmatched() -> None:
    outcome = simulate([visit(0), visit(100, intent="mailto", wrote=300)], 1, TERMS)
    assert (outcome.letters, outcome.unmatched, outcome.refused, outcome.right, outcome.wrong) == (1, 1, 1, 0, 0)


def test_a_visit_that_never_sees_the_address_takes_none_and_its_letter_does_not_count() -> None:
    unseen = SimulatedVisit(0, 60, wrote_at=100)
    outcome = simulate([unseen, visit(1, intent="mailto", wrote=300)], 1, TERMS)
    assert (outcome.letters, outcome.right) == (1, 1)


def test_nothing_is_known_before_it_happens() -> None:
    """A click after the letter, a visit after it, and how long one stays afterwards change nothing."""
    writer = visit(0, wrote=200)
    alone = judge([writer], 2, TERMS)
    long, later_end = SimulatedVisit(0, 5000, 10, wrote_at=200), SimulatedVisit(0, 90_000, 10, wrote_at=200)
    later_click = SimulatedVisit(0, 5000, 10, "mailto", 5000, 200)
    assert judge([long], 2, TERMS) == judge([later_click], 2, TERMS) == judge([later_end], 2, TERMS)
    assert judge([later_end, visit(4000)], 2, TERMS) == judge([later_end], 2, TERMS)
    assert alone[0].right


def test_the_address_of_a_copy_is_held_back_while_others_go_round() -> None:
    copier = visit(0, intent="copy", wrote=10 * HOUR)
    others = [visit(HOUR + n * 1200) for n in range(25)]
    (letter,) = judge([copier, *others], 3, TERMS)
    assert letter.right
    assert letter.confidence > SURE


def test_when_the_letter_has_come_its_address_goes_out_again() -> None:
    writer = visit(0, intent="mailto", wrote=240)
    second, third = visit(1200), visit(1300, wrote=400)
    waiting = visit(0.5, intent="mailto")
    letters = judge([writer, waiting, second, third], 3, TERMS)
    assert [one.right for one in letters] == [True, True]


def test_the_plain_rule_gives_a_letter_to_whoever_landed_last_on_the_address() -> None:
    visits = [visit(n * 100, wrote=250 if n == 0 else None) for n in range(10)]
    assert [count_plain_right(visits, size) for size in (1, 2, 3, 4)] == [0, 0, 1, 1]


def test_a_visit_that_lands_in_the_second_of_the_letter_has_the_address_by_then() -> None:
    assert count_plain_right([visit(0, wrote=100), visit(100)], 1) == 0
    assert count_plain_right([visit(0, wrote=100), visit(101)], 1) == 1


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 5]))
@settings(max_examples=20)
def test_the_counts_always_add_up(seed: int, size: int) -> None:
    traffic = Traffic(visits=150, days=2, exposed=0.5, writers=0.3)
    one = simulate(make_visits(traffic, seed), size, TERMS)
    assert one.right + one.wrong + one.unmatched == one.letters
    assert one.refused <= one.unmatched
    assert one.sure_right <= one.sure <= one.right + one.wrong
    assert one.plain_right <= one.letters
    assert 0 <= one.calibration_error <= 1


def test_the_outcome_is_the_same_each_time() -> None:
    visits = make_visits(Traffic(days=1), seed=2)
    assert simulate(visits, 40, TERMS) == simulate(visits, 40, TERMS)


def share(traffic: Traffic, size: int, seeds: range) -> tuple[float, float, float, float]:
    """Right, right among the sure, calibration error, the plain rule: over all letters of these weeks."""
    weeks = [simulate(make_visits(traffic, seed), size, TERMS) for seed in seeds]
    letters, sure = sum(one.letters for one in weeks), sum(one.sure for one in weeks)
    error = sum(one.calibration_error for one in weeks) / len(weeks)
    right, sure_right = sum(one.right for one in weeks), sum(one.sure_right for one in weeks)
    return right / letters, sure_right / sure, error, sum(one.plain_right for one in weeks) / letters


@pytest.mark.parametrize(("size", "least", "most_plain"), [(40, 0.90, 0.50), (160, 0.96, 0.80)])
def test_on_4000_visits_a_day_the_promise_is_kept(size: int, least: float, most_plain: float) -> None:
    """The promise is 0.92 and 0.97 as the mean of eight weeks; two weeks may miss that by chance."""
    right, sure_right, error, plain = share(Traffic(), size, range(2))
    assert right >= least
    assert sure_right >= 0.99
    assert error <= 0.03
    assert plain <= most_plain


def test_what_is_called_sure_is_right_on_other_traffic_too() -> None:
    """Three times as slow, half of the signs lost, five times as many copies that lead to nothing."""
    ways = tuple(replace(one, median=one.median * 3, noticed=one.noticed / 2) for one in Traffic().ways)
    right, sure_right, error, plain = share(Traffic(idle_copies=0.1, ways=ways), 160, range(2))
    assert right > plain + 0.1
    assert sure_right >= 0.97
    assert error <= 0.06
