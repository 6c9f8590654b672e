"""What a refusal says of an address. In doubt nothing ends: the rules, and that nothing slips past them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.addresses import find_address
from wherefrom.mail.dsn import ACTIONS
from wherefrom.outbound.bounce import (
    HARD_CODES,
    SOFT_LIMIT,
    SOFT_SPREAD,
    SOFT_WITHIN,
    Weight,
    is_hard_by_number,
    is_same_mailbox,
    judge,
    judge_answer,
)

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
_codes = st.builds(lambda a, b, c: f"{a}.{b}.{c}", st.sampled_from((2, 4, 5)), st.integers(0, 9), st.integers(0, 30))
_answers = st.one_of(
    st.text(max_size=60),
    st.builds(
        lambda reply, code, words: f"{reply} {code} {words}", st.integers(200, 599), _codes, st.text(max_size=40)
    ),
)


@given(st.sampled_from((*ACTIONS, None)), st.one_of(st.just(""), _codes), _answers)
def test_hard_is_only_a_failure_with_one_of_four_codes_that_nothing_contradicts(
    action: str | None, status: str, answer: str
) -> None:
    judged = judge(action, status, answer)  # type: ignore[arg-type]
    if judged.weight is Weight.HARD:
        assert action == "failed"
        assert judged.code in HARD_CODES
        assert status in (*HARD_CODES, "") or status.endswith(".0")
    assert judged.reason


@pytest.mark.parametrize(
    ("status", "answer", "weight"),
    [
        ("5.1.1", "", "hard"),
        ("5.1.2", "550 5.1.2 no such host", "hard"),
        ("5.1.6", "551 5.1.6 has moved", "hard"),
        ("5.4.4", "Host not found", "hard"),
        ("5.0.0", "550 5.1.1 unknown", "hard"),
        ("", "550 5.1.1 <spam-club@contentblock.example>: nobody", "hard"),
        ("5.1.1", "550 5.1.0 rejected", "hard"),
        ("5.1.1", "550 5.2.2 full", "passing"),
        ("5.1.1", "550 5.7.1 not from you", "passing"),
        ("5.1.1", "550 5.1.1 mailbox full", "passing"),
        ("5.1.1", "450 4.1.1 try again", "passing"),
        ("5.1.1", "554 5.1.1 blocked using a list", "passing"),
        ("5.2.2", "552 over quota", "passing"),
        ("5.7.1", "550 relaying denied", "passing"),
        ("5.7.1", "550 5.7.1 No such user!", "soft"),
        ("5.7.1", "550 5.7.1 no such user, or spam", "passing"),
        ("5.1.8", "550 bad sender", "passing"),
        ("5.6.0", "", "passing"),
        ("5.1.10", "550 5.1.10 not found", "soft"),
        ("5.2.1", "disabled", "soft"),
        ("4.4.7", "expired", "soft"),
        ("4.7.1", "greylisted", "passing"),
        ("", "550 no such user", "soft"),
        ("", "", "passing"),
        ("5.0.0", "554 transaction failed", "passing"),
        ("5.3.0", "550 5.3.0 not now", "passing"),
        ("4.3.2", "system not accepting", "passing"),
    ],
)
def test_each_code_weighs_what_it_says(status: str, answer: str, weight: str) -> None:
    assert judge("failed", status, answer).weight == weight


@pytest.mark.parametrize(
    ("answer", "weight"),
    [
        ("550 5.1.1 unknown", "hard"),
        ("550 5.2.1 closed", "soft"),
        ("550 no such user", "soft"),
        ("given up after 120 hours: 451 4.4.1 no answer", "passing"),
        ("given up after 500 hours: 421 4.2.1 nobody is at home", "passing"),
        ("550 the account that sends is stopped", "passing"),
        ("554 5.7.1 daily quota exceeded", "passing"),
    ],
)
def test_an_answer_while_it_is_handed_in_weighs_only_what_it_says_of_the_mailbox(answer: str, weight: str) -> None:
    assert judge_answer(answer).weight == weight


@pytest.mark.parametrize(
    ("action", "weight"),
    [("delayed", "waiting"), ("delivered", "delivered"), ("relayed", "noted"), ("expanded", "noted")],
)
def test_only_a_failure_fails(action: str, weight: str) -> None:
    assert judge(action, "5.1.1", "550 5.1.1 unknown").weight == weight  # type: ignore[arg-type]


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=60)), max_size=12))
def test_soft_failures_make_a_hard_one_by_number_and_time_alone(offsets: list[timedelta]) -> None:
    moments = sorted(NOON + offset for offset in offsets)
    near = [one for one in moments if moments[-1] - one <= SOFT_WITHIN]
    wanted = len(near) >= SOFT_LIMIT and near[-1] - near[0] >= SOFT_SPREAD
    assert is_hard_by_number(moments) is wanted
    assert is_hard_by_number(moments[::-1]) is wanted


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ("ann@mail.example", True),
        ("ANN@Mail.Example", True),
        ("ann@mx.mail.example", True),
        ("ann+x@mail.example", False),
        ("ann@example", False),
        ("ann@other.example", False),
        ("bob@mail.example", False),
        ("ann@notmail.example", False),
        ("annette@mail.example", False),
    ],
)
def test_a_mailbox_is_the_same_by_its_address_alone(told: str, same: bool) -> None:
    address = find_address(told)
    assert is_same_mailbox("ann@mail.example", [address] if address else []) is same
    assert is_same_mailbox("ann+news@mail.example", [address] if address else []) is same
    assert is_same_mailbox("nobody", [address] if address else []) is False
