"""Waiting between tries: growing, reset after a good session, patient with passwords, obedient to throttling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import SettingsError
from wherefrom.inbox.pace import LONGEST, Pace, status_of
from wherefrom.mail.failures import (
    ConnectionLost,
    ConnectionRefused,
    DnsFailed,
    FolderMissing,
    LoginFailed,
    ProtocolError,
    Throttled,
    TlsFailed,
    Unreachable,
)


def test_waits_grow_by_half_to_thirty_seconds() -> None:
    pace = Pace(lambda: 0.5)
    waits = [pace.next_wait(Unreachable("away"), 0) for _ in range(10)]
    assert waits[:4] == pytest.approx([2, 3, 4.5, 6.75])
    assert waits[-1] == 30


def test_a_session_that_lived_begins_the_waits_anew_and_one_that_broke_at_once_does_not() -> None:
    pace = Pace(lambda: 0.5)
    for _ in range(5):
        pace.next_wait(ConnectionLost("gone"), 0)
    assert pace.next_wait(ConnectionLost("gone"), 5) > 10
    assert pace.next_wait(ConnectionLost("gone"), 31) == pytest.approx(2)


@given(st.floats(0, 1), st.integers(1, 30))
def test_jitter_keeps_waits_within_a_fifth(chance: float, tries: int) -> None:
    steady, jittered = Pace(lambda: 0.5), Pace(lambda: chance)
    for _ in range(tries):
        plain, wait = steady.next_wait(Unreachable("away"), 0), jittered.next_wait(Unreachable("away"), 0)
    assert 0.79 * plain <= wait <= min(1.21 * plain, LONGEST)


def test_a_wrong_password_is_not_tried_again_for_five_minutes() -> None:
    pace = Pace(lambda: 0.5)
    assert [pace.next_wait(LoginFailed("no"), 0) for _ in range(3)] == [300, 300, 300]
    assert pace.next_wait(Unreachable("away"), 0) == 2


def test_a_password_that_worked_before_is_tried_again_sooner_then_later_and_later() -> None:
    pace = Pace(lambda: 0.5)
    assert [pace.next_wait(LoginFailed("no"), 0, trusted=True) for _ in range(6)] == [30, 60, 120, 240, 300, 300]
    pace.next_wait(ConnectionLost("gone"), 31)
    assert pace.next_wait(LoginFailed("no"), 0, trusted=True) == 30


def test_a_handshake_a_restarting_server_breaks_off_is_tried_again_at_once() -> None:
    assert Pace(lambda: 0.5).next_wait(TlsFailed("reset"), 0) == 2


@given(st.floats(0, 1))
def test_a_server_that_asks_for_patience_gets_at_least_what_it_asked_for(chance: float) -> None:
    assert 298 <= Pace(lambda: chance).next_wait(Throttled("later", wait_seconds=298), 0) <= 328


def test_a_server_that_does_not_say_how_long_is_left_alone_for_longer_and_longer() -> None:
    pace = Pace(lambda: 0.0)
    assert [pace.next_wait(Throttled("later"), 0) for _ in range(6)] == [60, 120, 240, 480, 900, 900]
    assert pace.next_wait(Throttled("later", wait_seconds=5), 0) == 5
    assert pace.next_wait(Throttled("later"), 31) == 60


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (LoginFailed("x"), "login_failed"),
        (TlsFailed("x"), "tls_failed"),
        (DnsFailed("x"), "unreachable"),
        (ConnectionRefused("x"), "unreachable"),
        (Unreachable("x"), "unreachable"),
        (ConnectionLost("x"), "unreachable"),
        (FolderMissing("x"), "failed"),
        (ProtocolError("x"), "failed"),
        (Throttled("x"), "failed"),
        (SettingsError("x"), "failed"),
        (ValueError("x"), "failed"),
    ],
)
def test_every_fault_has_a_status(fault: Exception, status: str) -> None:
    assert status_of(fault) == status
