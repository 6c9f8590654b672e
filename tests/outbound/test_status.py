"""One status from all that was told of a send, in whatever order and however often."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.outbound.status import MOVES, Notice, SendStatus, find_status

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
S = SendStatus


def after(*told: tuple[SendStatus, float]) -> SendStatus:
    return find_status(AT, [Notice(status, AT + timedelta(minutes=minutes)) for status, minutes in told]).status


NOTICES = st.lists(
    st.builds(
        Notice,
        st.sampled_from([one for one in S if one is not S.ACCEPTED]),
        st.integers(-2, 6).map(lambda minutes: AT + timedelta(minutes=minutes)),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([], S.ACCEPTED),
        ([(S.DELIVERED, 1)], S.DELIVERED),
        ([(S.DELIVERED, 1), (S.OPENED, 5), (S.CLICKED, 6)], S.CLICKED),
        ([(S.OPENED, 5), (S.DELIVERED, 1)], S.OPENED),  # late
        ([(S.OPENED, 5), (S.DELIVERED, 7)], S.OPENED),  # told with the time of telling: no step back
        ([(S.DELIVERED, 1), (S.FAILED, 60)], S.FAILED),  # accepted by the server, bounced after
        ([(S.FAILED, 60), (S.DELIVERED, 1)], S.FAILED),
        ([(S.FAILED, 1), (S.DELIVERED, 60)], S.DELIVERED),  # a later try got through
        ([(S.FAILED, 1), (S.OPENED, 60)], S.OPENED),  # a person's act proves that it arrived
        ([(S.OPENED, 5), (S.FAILED, 9)], S.OPENED),  # the bounce of a forwarded copy
        ([(S.CLICKED, 5), (S.OPENED, 9)], S.CLICKED),
        ([(S.CLICKED, 5), (S.UNSUBSCRIBED, 6), (S.OPENED, 7)], S.UNSUBSCRIBED),
        ([(S.UNSUBSCRIBED, 6), (S.COMPLAINED, 7)], S.COMPLAINED),
        ([(S.COMPLAINED, 6), (S.UNSUBSCRIBED, 7)], S.COMPLAINED),
        ([(S.REJECTED, 1), (S.DELIVERED, 2)], S.REJECTED),
        ([(S.DELIVERED, 1), (S.REJECTED, 2)], S.DELIVERED),
        ([(S.DELIVERED, 1), (S.DELIVERED, 1)], S.DELIVERED),
        ([(S.DELIVERED, -3)], S.DELIVERED),  # its clock is behind ours
    ],
)
def test_what_was_told_leads_to_a_status(told: list[tuple[SendStatus, float]], status: SendStatus) -> None:
    assert after(*told) == status


@given(NOTICES, st.randoms(use_true_random=False))
def test_neither_order_nor_repeats_change_the_status(notices: list[Notice], chance: random.Random) -> None:
    again = notices + chance.choices(notices, k=3) if notices else []
    chance.shuffle(again)
    assert find_status(AT, again) == find_status(AT, notices)


@given(NOTICES)
def test_the_status_is_of_a_notice_that_is_there_or_the_first(notices: list[Notice]) -> None:
    shown = find_status(AT, notices)
    assert shown.happened_at >= AT
    assert shown == Notice(S.ACCEPTED, AT) or shown.status in {one.status for one in notices}


@given(NOTICES)
def test_a_persons_act_is_never_hidden_by_a_servers_notice(notices: list[Notice]) -> None:
    acts = {S.OPENED, S.CLICKED, S.UNSUBSCRIBED, S.COMPLAINED}
    told = {one.status for one in notices}
    if told & acts and S.REJECTED not in told:
        assert find_status(AT, notices).status in acts


def test_every_status_has_its_moves_and_none_leads_back_to_the_start() -> None:
    assert set(MOVES) == set(SendStatus)
    assert not any(S.ACCEPTED in moves or one in moves for one, moves in MOVES.items())
