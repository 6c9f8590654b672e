"""How fast letters go, and when they are tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.outbound.pace import LONGEST_PAUSE, next_try_at, next_turn_at, pause_after, take_turn

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)


@given(st.integers(1, 300), st.lists(st.integers(0, 4000), max_size=60))
def test_no_hour_has_more_letters_than_the_account_may_send(per_hour: int, pauses: list[int]) -> None:
    """However the letters come: each pause (seconds) is followed by as many as may go."""
    now, paced_until, gone = NOW, None, list[datetime]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        for _ in range(per_hour + 1):
            turn = take_turn(paced_until, now, per_hour)
            if turn is None:
                break
            paced_until = turn
            gone.append(now)
        else:
            raise AssertionError("more than an hour's letters at once")
    for index, begun in enumerate(gone):
        assert sum(1 for one in gone[index : index + per_hour + 2] if one - begun < HOUR) <= per_hour


@given(st.integers(1, 5000), st.integers(0, 10_000))
def test_the_next_turn_is_told_exactly(per_hour: int, used: int) -> None:
    paced_until = NOW + timedelta(seconds=used)
    at = next_turn_at(paced_until, NOW, per_hour)
    assert take_turn(paced_until, at, per_hour) is not None
    if at > NOW:
        assert take_turn(paced_until, at - timedelta(milliseconds=2), per_hour) is None


def test_an_account_without_a_limit_waits_for_nothing() -> None:
    assert take_turn(None, NOW, None) is not None
    assert next_turn_at(NOW + HOUR, NOW, None) == NOW


def test_the_last_delay_holds_for_all_tries_after_it() -> None:
    waits = [(next_try_at(number, NOW, (60, 300), 0.0) - NOW).total_seconds() for number in (1, 2, 3, 50)]
    assert waits == [60, 300, 300, 300]


@given(st.integers(1, 100), st.floats(0, 0.999))
def test_dice_only_ever_lengthen_a_wait_by_a_fifth(failures: int, chance: float) -> None:
    plain, rolled = (next_try_at(failures, NOW, (60, 900), one) - NOW for one in (0.0, chance))
    assert plain <= rolled <= plain * 1.2


def test_pauses_of_an_account_double_and_end() -> None:
    pauses = [pause_after(number) for number in range(1, 40)]
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
