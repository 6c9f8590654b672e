"""The calibration error: nothing for a judge who is right as often as said, and the gap for one who is not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.simulation.calibration import calibration_error, plain_error

judgements = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=300)


def judged(letters: int, bias: float, seed: int = 1) -> list[tuple[float, bool]]:
    """Confidences from 0.5 to 1, each right with that probability less ``bias``."""
    chance = random.Random(seed)
    said = [chance.uniform(0.5, 1) for _ in range(letters)]
    return [(confidence, chance.random() < confidence - bias) for confidence in said]


def test_a_judge_who_is_right_as_often_as_said_shows_next_to_no_error() -> None:
    assert calibration_error(judged(20_000, 0.0)) < 0.01


def test_a_judge_who_says_too_much_shows_by_how_much() -> None:
    assert calibration_error(judged(20_000, 0.2)) == pytest.approx(0.2, abs=0.02)
    assert calibration_error(judged(20_000, -0.2)) > 0.1


def test_few_letters_of_a_good_judge_show_chance_and_most_of_it_is_taken_off() -> None:
    weeks = [judged(120, 0.0, seed) for seed in range(100)]
    plain = sum(map(plain_error, weeks)) / len(weeks)
    honest = sum(map(calibration_error, weeks)) / len(weeks)
    assert plain > 0.08
    assert honest < 0.55 * plain


def test_few_letters_of_a_bad_judge_still_show() -> None:
    weeks = [judged(120, 0.3, seed) for seed in range(100)]
    assert sum(map(calibration_error, weeks)) / len(weeks) > 0.24


@given(judgements)
def test_the_error_is_a_share_and_never_above_the_plain_one(letters: list[tuple[float, bool]]) -> None:
    assert 0 <= calibration_error(letters) <= plain_error(letters) + 1e-9 <= 1 + 2e-9


def test_without_letters_there_is_no_error() -> None:
    assert calibration_error([]) == plain_error([]) == 0
