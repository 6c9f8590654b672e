"""The times and statuses of a pool's substitute."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.substitution.samples import COOLDOWN, HOLD
from wherefrom.clock import FixedClock
from wherefrom.errors import Conflict
from wherefrom.settings import Settings, SubstitutionGroup
from wherefrom.substitution.lease import MOVES, SubstituteStatus, Terms, move, sources, status_at

S = SubstituteStatus
NOW = FixedClock().now()
MILLISECOND = timedelta(milliseconds=1)
STATUSES = st.sampled_from(list(S))


def test_the_times_come_from_the_settings() -> None:
    assert Terms.of(Settings()) == Terms(HOLD, 0 * HOLD)
    own = Settings(substitution=SubstitutionGroup(hold_minutes=1, cooldown_minutes=0))
    assert Terms.of(own) == Terms(timedelta(minutes=1), timedelta())


@pytest.mark.parametrize(
    ("after_end", "status"),
    [
        (-HOLD, S.LEASED),
        (-MILLISECOND, S.LEASED),
        (timedelta(), S.COOLING),
        (COOLDOWN - MILLISECOND, S.COOLING),
        (COOLDOWN, S.FREE),
    ],
)
@pytest.mark.parametrize("stored", [S.FREE, S.LEASED, S.COOLING])
def test_time_alone_tells_leased_cooling_and_free_apart(stored: S, after_end: timedelta, status: S) -> None:
    assert status_at(stored, NOW - after_end, COOLDOWN, NOW) is status


@pytest.mark.parametrize("stored", [S.UNVERIFIED, S.RETIRED])
def test_time_does_not_change_what_may_not_be_lent(stored: S) -> None:
    assert status_at(stored, NOW - COOLDOWN * 9, COOLDOWN, NOW) is stored
    assert status_at(stored, NOW + HOLD, COOLDOWN, NOW) is stored


def test_what_was_never_lent_is_free() -> None:
    assert status_at(S.FREE, None, COOLDOWN, NOW) is S.FREE


@given(STATUSES, st.integers(-100, 100), st.integers(0, 100), st.integers(0, 300))
def test_a_status_only_moves_on_with_time_and_along_the_table(stored: S, end: int, cooldown: int, later: int) -> None:
    minute = timedelta(minutes=1)
    before = status_at(stored, NOW + end * minute, cooldown * minute, NOW)
    after = status_at(stored, NOW + end * minute, cooldown * minute, NOW + later * minute)
    order = [S.LEASED, S.COOLING, S.FREE]
    if stored in order:
        assert order.index(before) <= order.index(after)
    else:
        assert before is after is stored


@given(STATUSES, STATUSES)
def test_a_move_is_in_the_table_or_a_repeat_or_an_error(status: S, to: S) -> None:
    if status is to or to in MOVES[status]:
        assert move(status, to) is to
        return
    with pytest.raises(Conflict, match=f"is {status} cannot become {to}") as raised:
        move(status, to)
    assert raised.value.hint


def test_a_retired_or_unverified_substitute_is_never_lent() -> None:
    assert sources(S.LEASED) == {S.FREE, S.COOLING}
    assert set(MOVES) == set(S)
