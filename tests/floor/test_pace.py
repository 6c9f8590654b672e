"""Which batches may run in the event loop."""

import itertools

from wherefrom.db.pace import LONGEST_REST, QUICK, Pace

LONG = 2 * QUICK


def test_a_kind_that_took_long_rests_and_keeps_no_other_kind_from_the_loop() -> None:
    pace = Pace()
    pace.note({"letters"}, 10.0, 10.0 + LONG)
    assert not pace.admits({"letters"}, 10.0 + LONG)
    assert not pace.admits({"visits", "letters"}, 10.0 + LONG)
    assert pace.admits({"visits"}, 10.0 + LONG)


def test_each_rest_is_twice_as_long_as_the_one_before_up_to_the_longest() -> None:
    pace, now, rests = Pace(), 0.0, []
    for _ in range(12):
        pace.note({"letters"}, now, now + LONG)
        begun = now = now + LONG
        while not pace.admits({"letters"}, now):
            now += 0.01
        rests.append(now - begun)
    assert all(later > earlier * 1.5 for earlier, later in itertools.pairwise(rests[:7]))
    assert abs(rests[-1] - LONGEST_REST) < 0.02


def test_a_short_one_makes_the_next_rest_short_again() -> None:
    pace = Pace()
    for began in (0.0, 100.0, 200.0):
        pace.note({"visits"}, began, began + LONG)
    pace.note({"visits"}, 300.0, 300.0 + QUICK / 2)
    pace.note({"visits"}, 400.0, 400.0 + LONG)
    assert pace.admits({"visits"}, 400.2)
