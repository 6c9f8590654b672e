"""How often one address may ask."""

from __future__ import annotations

import pytest

from wherefrom.web.rate import Rate


class Hand:
    """A clock moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_address_may_ask_so_often_in_ten_seconds_and_again_in_the_next_ten() -> None:
    hand = Hand()
    rate = Rate(12, hand)
    assert [rate.admits_address("8.8.8.8") for _ in range(3)] == [True, True, False]
    assert rate.admits_address("8.8.4.4")
    assert rate.wait == 10
    hand.now += 10
    assert rate.admits_address("8.8.8.8")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2a00:1450:4001:812::1", "2a00:1450:4001:812:ffff::9", True),
        ("2a00:1450:4001:812::1", "2a00:1450:4001:813::1", False),
        ("::ffff:8.8.8.8", "8.8.8.8", True),
        ("::ffff:8.8.8.8", "::ffff:8.8.4.4", False),
    ],
)
def test_ipv6_counts_by_network(one: str, other: str, same: bool) -> None:
    rate = Rate(6)
    assert rate.admits_address(one)
    assert rate.admits_address(other) is not same


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "fe80::1%eth0", "::1", "fd00::7", "", "testclient"]
)
def test_what_is_not_of_the_public_internet_is_not_limited(ip: str) -> None:
    rate = Rate(6)
    assert all(rate.admits_address(ip) for _ in range(50))


def test_nought_is_no_limit() -> None:
    rate = Rate(0)
    assert all(rate.admits_address("8.8.8.8") for _ in range(50))


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    rate = Rate(6)
    for number in range(120_000):
        rate.admits(number)
    assert len(rate._counts) <= 50_001
