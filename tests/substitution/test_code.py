"""Coded substitutes: their shapes, their secrecy, and what is taken for one."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.substitution.samples import target
from wherefrom.addresses import parse_address
from wherefrom.errors import BadInput
from wherefrom.substitution.code import (
    CODE_LETTERS,
    NAMED_LETTERS,
    check_length,
    is_guessable,
    is_made_for,
    make_code,
    make_substitute,
    recognise,
)
from wherefrom.substitution.names import NAMES
from wherefrom.substitution.target import Target
from wherefrom.tokens import CODE_ALPHABET

CODE = f"[{CODE_ALPHABET}]{{8}}"
PLUS = target()
EVERY = [
    *(target(separator=sep, code_form=form) for sep in "+-=." for form in ("code", "visit")),
    target(strategy="catchall", domain="in.company.com"),
    target(strategy="catchall", domain="in.company.com", code_form="name"),
]


@pytest.mark.parametrize(
    ("one", "shape"),
    [
        (target(), rf"sales\+{CODE}@company\.com"),
        (target(separator="-"), rf"sales-{CODE}@company\.com"),
        (target(separator="="), rf"sales={CODE}@company\.com"),
        (target(separator="."), rf"sales\.{CODE}@company\.com"),
        (target(code_form="visit"), r"sales\+123456@company\.com"),
        (target("Sales.Team@Company.com"), rf"Sales\.Team\+{CODE}@company\.com"),
        (target(strategy="catchall", domain="in.company.com"), rf"{CODE}@in\.company\.com"),
        (
            target(strategy="catchall", domain="In.Company.com", code_form="name"),
            rf"[a-z]{{3,6}}\.[{CODE_ALPHABET}]{{7}}@in\.company\.com",
        ),
    ],
)
def test_a02_a04_a_substitute_has_the_shape_its_target_says(one: Target, shape: str) -> None:
    for _ in range(50):
        assert re.fullmatch(shape, make_substitute(one, 123456))


def test_a_pools_addresses_are_not_made_up() -> None:
    with pytest.raises(ValueError, match="pool"):
        make_substitute(target(strategy="pool"), 1)


def test_a02_codes_carry_the_bits_the_documentation_promises() -> None:
    letters = sum(c.isalpha() for c in CODE_ALPHABET)
    digits = len(CODE_ALPHABET) - letters

    def bits(length: int) -> float:
        return math.log2(len(CODE_ALPHABET) ** length - letters**length - digits**length)

    assert len(set(NAMES)) == 64
    assert round(bits(CODE_LETTERS), 1) == 39.5
    assert round(bits(NAMED_LETTERS) + math.log2(len(NAMES)), 1) == 40.5


def test_every_code_has_a_digit_and_a_letter_and_all_letters_occur_everywhere() -> None:
    codes = [make_code(8) for _ in range(4000)]
    assert len(set(codes)) == len(codes)
    assert all(any(c.isdigit() for c in code) and any(c.isalpha() for c in code) for code in codes)
    for place in zip(*codes, strict=True):
        assert set(place) == set(CODE_ALPHABET)


@given(st.sampled_from(EVERY), st.integers(1, 10**12 - 1))
def test_every_substitute_is_an_address_and_is_recognised_in_any_case(one: Target, visit_id: int) -> None:
    address = make_substitute(one, visit_id)
    parse_address(address)
    assert address == address.lower()
    for spelled in (address, address.upper(), address.title()):
        assert recognise([target("other@company.com", id=2), one], spelled) == "coded"
        assert is_made_for(one, spelled, visit_id)


@given(st.sampled_from(EVERY), st.sampled_from(EVERY), st.integers(1, 999))
def test_a_substitute_is_made_for_its_own_settings_alone(one: Target, other: Target, visit_id: int) -> None:
    address = make_substitute(one, visit_id)
    same = (one.strategy, one.separator, one.code_form, one.domain) == (
        other.strategy, other.separator, other.code_form, other.domain
    )  # fmt: skip
    assert is_made_for(other, address, visit_id) is same


def test_only_the_bare_visit_number_is_guessable_and_is_one_visits_own() -> None:
    visit = target(code_form="visit")
    assert is_guessable(visit)
    assert not is_guessable(PLUS)
    assert not is_made_for(visit, make_substitute(visit, 7), 8)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("sales@company.com", "target"),
        ("SALES@Company.COM", "target"),
        ("sales+k7f3q9x2@company.com", "coded"),
        ("Sales+K7F3Q9X2@company.com", "coded"),
        ("sales+123456@company.com", "coded"),
        ("desk1@company.com", "pool"),
        ("Desk1@Company.com", "pool"),
        ("sales+@company.com", None),
        ("sales+newsletter@company.com", None),
        ("sales+hartmann@company.com", None),
        ("sales+0123@company.com", None),
        ("sales+k7f3q9x@company.com", None),
        ("sales+k7f3q9x2z@company.com", None),
        ("sales+k7f3q9x0@company.com", None),
        ("sales-k7f3q9x2@company.com", None),
        ("sales+k7f3q9x2@evil.com", None),
        ("xsales+k7f3q9x2@company.com", None),
        ("sales+１２３@company.com", None),
        ("k7f3q9x2@in.company.com", "coded"),
        ("anna.k7f3q9x@in.company.com", "coded"),
        ("ANNA.K7F3Q9X@IN.COMPANY.COM", "coded"),
        ("zorro.k7f3q9x@in.company.com", None),
        ("anna.hartman@in.company.com", None),
        ("info@in.company.com", None),
        ("123456@in.company.com", None),
        ("k7f3q9x2@company.com", None),
        ("nobody@company.com", None),
        ("no address", None),
        ("", None),
    ],
)
def test_an_address_is_recognised_for_what_it_is(address: str, kind: str | None) -> None:
    listed = [PLUS, target("info@company.com", id=2, strategy="catchall", domain="in.company.com")]
    assert recognise(listed, address, pool={"desk1@company.com"}) == kind


def test_a_disabled_targets_codes_are_still_recognised() -> None:
    assert recognise([replace(PLUS, enabled=False)], "sales+k7f3q9x2@company.com") == "coded"


@given(st.text(max_size=80))
def test_no_text_breaks_recognition(text: str) -> None:
    assert recognise(EVERY, text) in ("target", "coded", "pool", None)


@pytest.mark.parametrize(("length", "form", "fits"), [(55, "code", True), (56, "code", False), (51, "visit", True),
                                                       (52, "visit", False)])  # fmt: skip
def test_a_local_part_that_has_no_room_for_a_code_is_refused(length: int, form: str, fits: bool) -> None:
    one = target("a" * length + "@company.com", code_form=form)
    if fits:
        check_length(one)
        parse_address(make_substitute(one, 10**12 - 1))
        return
    with pytest.raises(BadInput, match="64 octets") as raised:
        check_length(one)
    assert "pool" in raised.value.hint


def test_the_length_of_the_whole_address_counts_too() -> None:
    host = ".".join(["x" * 49] * 4) + ".com"  # 203 octets
    check_length(target("a" * 41 + "@" + host))
    with pytest.raises(BadInput, match="254 in all"):
        check_length(target("a" * 42 + "@" + host))
    check_length(target("a" * 42 + "@" + host, strategy="pool"))
    with pytest.raises(BadInput, match="254 in all"):
        check_length(target(strategy="catchall", domain=".".join(["x" * 60] * 4)))
