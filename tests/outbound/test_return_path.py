"""Return paths: one letter's own, signed, and read whatever the servers on the way did to it."""

from __future__ import annotations

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.addresses import parse_address
from wherefrom.errors import BadInput
from wherefrom.outbound import return_path as module
from wherefrom.outbound.return_path import LENGTH, LONGEST_LOCAL, parse_base, read_return_path, return_path
from wherefrom.tokens import Tokens
from wherefrom.tracking.marks import Mark

TOKENS = Tokens(b"k" * 32)
OTHERS = Tokens(b"j" * 32)
BASE = "bounce@firm.example"
_ids = st.integers(min_value=0, max_value=(1 << 63) - 1)
marks = st.builds(lambda site, send: Mark(site, send), _ids, _ids)
bases = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,19}[-+=]?@[a-z]{1,20}\.example", fullmatch=True)


@given(marks, bases)
def test_what_was_made_is_read_in_any_case(mark: Mark, base: str) -> None:
    address = return_path(TOKENS, base, mark)
    for met in (address, address.lower(), address.upper(), address.swapcase(), f"<{address}>", f" {address}\r\n"):
        assert read_return_path(TOKENS, met) == mark


@given(marks, bases)
def test_it_is_an_address_that_every_server_takes(mark: Mark, base: str) -> None:
    address = parse_address(return_path(TOKENS, base, mark))
    assert len(address.local.encode()) <= LONGEST_LOCAL
    assert address.host == base.rpartition("@")[2]
    assert address.local.startswith(base.rpartition("@")[0])


@given(marks, marks)
def test_each_letter_has_its_own(one: Mark, other: Mark) -> None:
    assert (return_path(TOKENS, BASE, one) == return_path(TOKENS, BASE, other)) == (one == other)


@given(marks, st.integers(0, LENGTH - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_changed_character_makes_it_worthless(mark: Mark, at: int, letter: str) -> None:
    local, _, host = return_path(TOKENS, BASE, mark).partition("@")
    token = local.partition("+")[2]
    forged = token[:at] + letter + token[at + 1 :]
    assert (read_return_path(TOKENS, f"bounce+{forged}@{host}") == mark) == (forged == token)


@given(marks)
def test_another_key_reads_nothing(mark: Mark) -> None:
    assert read_return_path(OTHERS, return_path(TOKENS, BASE, mark)) is None


@given(st.one_of(st.text(max_size=200), st.from_regex(r"bounce\+[a-z2-7]{42}@firm\.example", fullmatch=True)))
def test_what_was_not_made_here_says_nothing(text: str) -> None:
    assert read_return_path(TOKENS, text) is None


def test_a_forwarder_may_put_its_own_before_it() -> None:
    mark = Mark(7, 11)
    local = return_path(TOKENS, BASE, mark).partition("@")[0]
    assert read_return_path(TOKENS, f"prvs=0123abcd={local}@firm.example") == mark
    assert read_return_path(TOKENS, f"SRS0=HHHH=TT=firm.example={local}@forwarder.example") == mark


def test_a_token_that_is_part_of_a_longer_word_is_none() -> None:
    address = return_path(TOKENS, BASE, Mark(7, 11))
    assert read_return_path(TOKENS, address.replace("+", "x")) is None
    assert read_return_path(TOKENS, address.replace("@", "x@")) is None


def test_a_forged_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest

    def watch(one: str, other: str) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(module.hmac, "compare_digest", watch)
    forged = base64.b32encode(b"\0" * 26).decode().rstrip("=")
    assert read_return_path(TOKENS, f"bounce+{forged}@firm.example") is None
    assert [other for _, other in compared] == [forged.lower()]


def test_a_base_without_room_is_refused_with_the_room_there_is() -> None:
    parse_base("a" * 21 + "@firm.example")
    with pytest.raises(BadInput, match="21 characters at most"):
        return_path(TOKENS, "a" * 22 + "@firm.example", Mark(1, 2))
    with pytest.raises(BadInput, match="no @"):
        parse_base("firm.example")
