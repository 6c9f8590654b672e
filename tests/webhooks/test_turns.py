"""Fairness between endpoints."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.webhooks.turns import PER_ENDPOINT, Due, pick


def due(endpoint: int, count: int, *, failing: bool = False, first: int = 0) -> list[Due]:
    return [Due(1, endpoint * 1000 + first + n, endpoint, failing) for n in range(count)]


def test_one_endpoint_cannot_take_all_slots():
    chosen = pick(due(1, 50) + due(2, 2), [], slots=8)
    assert Counter(one.endpoint_id for one in chosen) == {1: PER_ENDPOINT, 2: 2}


def test_what_is_on_the_way_already_counts():
    assert pick(due(1, 5, first=100), due(1, PER_ENDPOINT), slots=8) == []


def test_a_failing_endpoint_gets_one_slot():
    assert len(pick(due(1, 9, failing=True), [], slots=8)) == 1


def test_many_dead_endpoints_leave_half_of_the_slots_to_the_living():
    dead = [one for endpoint in range(1, 30) for one in due(endpoint, 1, failing=True)]
    chosen = pick(dead + due(99, 4), [], slots=8)
    assert Counter(one.failing for one in chosen) == {True: 4, False: 4}


@given(
    st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=60),
    st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=8),
    st.integers(1, 32),
)
def test_the_limits_hold_for_any_queue(queue, started, slots):
    health = dict(queue + started)
    rows = [Due(1, n, endpoint, health[endpoint]) for n, (endpoint, _) in enumerate(queue)]
    running = [Due(1, 1000 + n, endpoint, health[endpoint]) for n, (endpoint, _) in enumerate(started)]
    chosen = pick(rows, running, slots)
    assert len(chosen) <= max(slots - len(running), 0)
    assert len(set(chosen)) == len(chosen)
    for endpoint in {one.endpoint_id for one in chosen}:
        together = sum(one.endpoint_id == endpoint for one in running + chosen)
        assert together <= (1 if health[endpoint] else PER_ENDPOINT)
    left = [one for one in rows if one not in chosen and not one.failing]
    if left and len(chosen) < slots - len(running):
        on_the_way = Counter(one.endpoint_id for one in running + chosen)
        assert all(on_the_way[one.endpoint_id] >= PER_ENDPOINT for one in left)
