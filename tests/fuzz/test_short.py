"""The short mode: some inputs for each target, the same at each run. `python -m tests.fuzz` is the long one."""

from __future__ import annotations

import pytest

from tests.fuzz.all import TARGETS
from tests.fuzz.mutate import make
from tests.fuzz.run import run
from tests.fuzz.target import Target, reading

INPUTS = 40  # for each part of a target's share


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_is_nearly_right_makes_a_reader_stumble(name: str) -> None:
    outcome = run(TARGETS[name], INPUTS * TARGETS[name].share, seed=2026)
    assert not outcome.faults, "\n".join(f"{number}: {fault}" for number, fault in outcome.faults.items())


def test_the_same_number_makes_the_same_input_and_another_one_another() -> None:
    seeds = [b"From: ann@shop.example\r\nContent-Length: 12\r\n\r\nhello", b"{}"]
    made = [make(f"letter:1:{count}", seeds, [b"To: "]) for count in range(200)]
    assert made == [make(f"letter:1:{count}", seeds, [b"To: "]) for count in range(200)]
    assert len(set(made)) > 150


def _read(data: bytes) -> None:
    if b"{" in data:
        raise ValueError("a brace")
    while b"hello" in data:
        pass


def test_an_exception_and_an_endless_loop_are_faults_with_a_way_to_make_them_again() -> None:
    seeds = {"brace": b"a {", "loop": b"hello hello hello"}
    for name, words in (("brace", "a brace"), ("loop", "longer than it may")):
        outcome = run(Target(name, lambda name=name: [seeds[name]], reading(_read), seconds=0.05), 20, seed=1)
        number, fault = next(iter(outcome.faults.items()))
        assert words in fault
        assert f"python -m tests.fuzz --one {number}" in fault
