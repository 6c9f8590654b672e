"""Which addresses may be called (F06): hypothesis against an independent statement of the rule."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import SettingsError
from wherefrom.networks import parse_networks, refusal

ip = ipaddress.ip_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7",
        "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1",
        "2001:2::1", "2001:10::1", "3fff::1", "5f00::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
        "feff::1", "ff02::1", "ff0e::1", "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:808:808", "4000::1",
    ],
)  # fmt: skip
def test_an_inner_or_reserved_address_is_refused_with_a_reason(address):
    assert refusal(ip(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
     "192.167.255.255", "223.255.255.255", "2a00:1450:4001:81b::200e", "2606:4700:4700::1111", "2001:4860:4860::8888",
     "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)  # fmt: skip
def test_a_public_address_is_allowed(address):
    assert refusal(ip(address)) is None


def test_a_scoped_address_is_refused():
    assert refusal(ipaddress.IPv6Address("fe80::1%eth0"))
    assert refusal(ipaddress.IPv6Address("2a00:1450::1%eth0"))


@given(st.ip_addresses())
def test_nothing_passes_that_python_itself_calls_not_global(address):
    # Python's own judgement is too generous, never too strict, but for NAT64 forms of a public address.
    if not address.is_global and address not in ipaddress.ip_network("64:ff9b::/96"):
        plain = getattr(address, "ipv4_mapped", None)
        assert refusal(address) or (plain is not None and plain.is_global)


inner_v4 = st.one_of(
    st.ip_addresses(v=4, network=block)
    for block in ("127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12", "169.254.0.0/16", "100.64.0.0/10")
)


@given(inner_v4)
def test_no_ipv6_form_hides_an_inner_ipv4_address(inner):
    number = int(inner)
    hidden = [
        number,  # ::a.b.c.d
        0xFFFF << 32 | number,  # mapped
        0xFFFF << 48 | number,  # translated, ::ffff:0:a.b.c.d
        0x0064FF9B << 96 | number,  # NAT64
        0x0064FF9B0001 << 80 | number,  # local NAT64
        0x2002 << 112 | number << 80,  # 6to4
        0x20010000 << 96 | (number ^ 0xFFFFFFFF),  # Teredo
        0x2A001450 << 96 | 0x5EFE << 32 | number,  # ISATAP
    ]
    assert all(refusal(ipaddress.IPv6Address(one)) for one in hidden)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_one_it_stands_for(address):
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert refusal(mapped) == refusal(address)


@given(st.ip_addresses())
def test_the_allow_list_opens_what_it_names_and_nothing_else(address):
    allowed = parse_networks(["10.20.0.0/16", "fd00:1::/64"])
    named = any(address.version == network.version and address in network for network in allowed)
    mapped = getattr(address, "ipv4_mapped", None)
    if named or (mapped is not None and mapped in allowed[0]):
        assert refusal(address, allowed) is None
    else:
        assert refusal(address, allowed) == refusal(address)


@given(st.ip_addresses(v=4, network="10.20.0.0/16"), st.ip_addresses(v=6, network="fd00:1::/64"))
def test_an_allowed_network_is_open_throughout(v4, v6):
    allowed = parse_networks(["10.20.0.0/16", "fd00:1::/64"])
    assert refusal(v4, allowed) is None
    assert refusal(v6, allowed) is None
    assert refusal(ipaddress.IPv6Address(f"::ffff:{v4}"), allowed) is None


def test_allowing_an_inner_ipv4_network_does_not_open_tunnels_to_it():
    allowed = parse_networks(["127.0.0.0/8"])
    assert refusal(ip("64:ff9b::127.0.0.1"), allowed)
    assert refusal(ip("2002:7f00:1::"), allowed)


def test_a_wrong_network_in_the_settings_is_named():
    with pytest.raises(SettingsError, match=r"10\.0\.0\.1/8"):
        parse_networks(["10.0.0.0/8", "10.0.0.1/8"])
