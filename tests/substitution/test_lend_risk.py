"""B04: which address goes out next: where a letter from an earlier holder is least likely still to come."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.substitution.habits import SIGNS, USUAL, Sign
from wherefrom.substitution.risk import (
    MOST_CLAIMS,
    Claim,
    add_claim,
    letters_to_come,
    raise_claim,
    rank,
    spend,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HOLD = 15 * MINUTE

claims = st.builds(
    Claim, st.integers(1, 50), st.sampled_from(SIGNS), st.integers(0, 10**6).map(lambda s: NOW - timedelta(seconds=s)),
    st.floats(0, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Address:
    name: str
    claims: tuple[Claim, ...] = ()
    lease_id: int | None = None
    expires_at: datetime | None = None


def held(name: str, sign: Sign, ago: timedelta, weight: float = 1.0) -> Address:
    return Address(name, (Claim(1, sign, NOW - ago, weight),), 1, NOW - ago + HOLD)


def order(*addresses: Address) -> str:
    return "".join(one.name for one in rank(addresses, USUAL, NOW, HOLD))


def test_an_address_nobody_had_goes_first() -> None:
    assert order(held("b", "visible", DAY), Address("a")) == "ab"


def test_a_copy_a_minute_ago_holds_back_far_longer_than_an_exposure_of_yesterday() -> None:
    assert order(held("c", "copy", MINUTE), held("y", "visible", DAY), held("v", "visible", HOUR)) == "yvc"
    assert order(held("c", "copy", 12 * HOUR), held("v", "visible", HOUR)) == "vc"
    assert order(held("c", "copy", 20 * DAY), held("v", "visible", HOUR)) == "cv"


def test_a_click_yields_sooner_than_a_copy_because_its_letter_comes_sooner_or_not_at_all() -> None:
    assert order(held("c", "copy", 12 * HOUR), held("m", "mailto", 12 * HOUR)) == "mc"
    assert order(held("c", "copy", MINUTE), held("m", "mailto", MINUTE)) == "cm"


def test_an_address_whose_letter_has_come_is_calm_again() -> None:
    waiting = held("w", "mailto", 5 * MINUTE)
    done = Address("d", spend(waiting.claims, 1, 0.98), 1, waiting.expires_at)
    assert order(waiting, done, held("v", "visible", MINUTE)) == "vdw"


def test_several_who_only_looked_weigh_together() -> None:
    looks = tuple(Claim(n, "visible", NOW - n * HOUR) for n in range(1, 6))
    assert order(Address("m", looks), Address("o", looks[:1])) == "om"


def test_of_equals_the_one_given_first_is_taken() -> None:
    assert order(Address("b"), Address("a")) == "ba"


def test_who_stayed_long_is_expected_to_write_after_the_stay() -> None:
    """The claim of one who only looked is as old as the last sign of life, not as the first look."""
    short = Address("s", (Claim(1, "visible", NOW - 3 * HOUR),), 1, NOW - 3 * HOUR + HOLD)
    long = Address("l", (Claim(1, "visible", NOW - 3 * HOUR),), 1, NOW)
    assert order(long, short) == "sl"


def test_a_sign_raises_a_claim_and_a_weaker_one_does_not_lower_it() -> None:
    looked = add_claim((), Claim(1, "visible", NOW))
    copied = raise_claim(looked, Claim(1, "copy", NOW + MINUTE))
    assert [(one.sign, one.at) for one in copied] == [("copy", NOW + MINUTE)]
    assert raise_claim(copied, Claim(1, "select", NOW + 2 * MINUTE)) == copied
    again = raise_claim(copied, Claim(1, "copy", NOW + 3 * MINUTE))
    assert [one.at for one in again] == [NOW + 3 * MINUTE]


def test_a_sign_of_a_visit_that_has_written_stays_spent() -> None:
    spent = spend(add_claim((), Claim(1, "visible", NOW)), 1, 1.0)
    (raised,) = raise_claim(spent, Claim(1, "mailto", NOW + MINUTE))
    assert raised.weight < 0.05


def test_a_sign_of_a_page_that_was_left_open_brings_a_dropped_claim_back() -> None:
    assert [one.lease_id for one in raise_claim((), Claim(7, "copy", NOW))] == [7]


def test_the_newest_claim_and_the_likeliest_are_kept() -> None:
    kept: tuple[Claim, ...] = (Claim(1, "copy", NOW - HOUR),)
    for n in range(2, 40):
        kept = add_claim(kept, Claim(n, "visible", NOW + n * MINUTE))
    assert len(kept) == MOST_CLAIMS
    assert kept[0].lease_id == 1
    assert kept[-1].lease_id == 39


@given(st.lists(claims, max_size=12), claims)
def test_claims_are_few_and_each_lease_has_one(made: list[Claim], new: Claim) -> None:
    kept: tuple[Claim, ...] = ()
    for one in made:
        kept = add_claim(kept, one)
    kept = raise_claim(kept, new)
    assert len(kept) <= MOST_CLAIMS
    assert len({one.lease_id for one in kept}) == len(kept)
    assert any(one.lease_id == new.lease_id for one in kept)


@given(st.lists(claims, max_size=6), st.integers(1, 50), st.floats(0, 1))
def test_a_letter_never_makes_an_address_riskier(made: list[Claim], lease_id: int, share: float) -> None:
    assert letters_to_come(spend(made, lease_id, share), USUAL, NOW) <= letters_to_come(made, USUAL, NOW) + 1e-12
