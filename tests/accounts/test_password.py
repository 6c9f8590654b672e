"""Which passwords are accepted, and how they are kept (G06)."""

import asyncio
import sys
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.accounts.password import LONGEST, SHORTEST, check_rules, hash_password, outdated, verify_password
from wherefrom.errors import BadInput


@pytest.mark.parametrize("password", ["short", "", "123456789", "пароль123"])
def test_a_password_below_ten_characters_is_refused_and_the_message_says_how_many_are_needed(password):
    with pytest.raises(BadInput, match=f"{len(password)} characters and needs at least 10"):
        check_rules(password, "anna@company.com")


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaa", "ababababababab", "anna@company.com", "ANNA@company.com"])
def test_a_password_that_is_guessed_first_is_refused(password):
    with pytest.raises(BadInput):
        check_rules(password, "anna@company.com")


def test_a_password_beyond_the_limit_is_refused_before_it_is_hashed():
    with pytest.raises(BadInput, match="at most 200"):
        check_rules("abcdefghij" * 21, "anna@company.com")


@given(st.text(min_size=SHORTEST, max_size=LONGEST).filter(lambda text: len(set(text)) > 3))
def test_length_alone_is_asked_for(password):
    check_rules(password, "x@y.example")


async def test_the_hash_is_argon2id_and_never_the_same_twice():
    first, second = [await hash_password("correct horse battery") for _ in range(2)]
    assert first.startswith("$argon2id$")
    assert first != second
    assert await verify_password(first, "correct horse battery")
    assert not await verify_password(first, "correct horse batterz")


async def test_the_same_letter_typed_composed_or_decomposed_is_the_same_password():
    stored = await hash_password("Größenwahnsinn")
    assert await verify_password(stored, "Gro\u0308ßenwahnsinn")


async def test_a_hash_that_is_no_hash_matches_nothing():
    assert not await verify_password("nonsense", "correct horse battery")


async def test_an_endless_password_is_not_hashed():
    stored = await hash_password("correct horse battery")
    assert not await verify_password(stored, "x" * 10_000_000)


async def test_an_unknown_user_costs_as_much_time_as_a_wrong_password():
    stored = await hash_password("correct horse battery")
    assert not await verify_password(None, "warm-up, makes the dummy hash")

    async def fastest(hash_or_none: str | None) -> float:
        spans = []
        for _ in range(5):
            begin = time.perf_counter()
            await verify_password(hash_or_none, "a wrong password")
            spans.append(time.perf_counter() - begin)
        return min(spans)

    assert await fastest(None) > await fastest(stored) / 3


async def test_a_hash_with_weaker_parameters_is_known_as_outdated():
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse battery")
    assert outdated(weak)
    assert await verify_password(weak, "correct horse battery")
    assert not outdated(await hash_password("correct horse battery"))


HASH_TEN = """
import asyncio, re
from wherefrom.accounts.password import hash_password

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

async def main():
    before = peak()
    await asyncio.gather(*(hash_password("four words of rain") for _ in range(10)))
    print(peak() - before)

asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read as Linux tells it")
async def test_ten_who_log_in_at_once_take_the_memory_of_one():
    python = await asyncio.create_subprocess_exec(sys.executable, "-c", HASH_TEN, stdout=asyncio.subprocess.PIPE)
    told, _ = await python.communicate()
    assert int(told) < 2 * 65_536  # KB; a hash takes 65,536
