"""Which IP addresses may be called for somebody: by webhooks, and for mailboxes and sending accounts.

Refuses every address that is not plainly somewhere on the public internet, because a site owner chooses the host and
the service would otherwise call the operator's inside for them. ``ipaddress.is_global`` is not enough: in 3.11 it
accepts NAT64 and 6to4 forms of 127.0.0.1, ``::127.0.0.1``, ``fec0::/10`` and multicast. So IPv6 must lie in the block
that is really handed out (2000::/3) and outside of what is reserved in there; the forms that carry an IPv4 address are
opened or refused whole. An operator's allow-list (CIDRs) overrides the refusal. Knows no names and opens no sockets.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from wherefrom.errors import SettingsError

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA's special-purpose registries (RFC 6890 and later), and what is reserved by use rather than by registry.
_REFUSED_V4 = tuple(
    (ipaddress.IPv4Network(block), why)
    for block, why in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's inner network"),
        ("127.0.0.0/8", "this machine itself"),
        ("168.63.129.16/32", "a cloud's inner service"),  # Azure: public by registry, its host agent in truth
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "reserved for AS112"),
        ("192.52.193.0/24", "reserved for multicast tunnels"),
        ("192.88.99.0/24", "the old 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "reserved for AS112"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_GIVEN_OUT_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    (ipaddress.IPv6Network(block), why)
    for block, why in (
        ("2001::/23", "reserved for protocols, Teredo tunnels among them"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 tunnel, which can end on an inner address"),
        ("2620:4f:8000::/48", "reserved for AS112"),
        ("3fff::/20", "for documentation"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_OTHER_V6 = (
    (ipaddress.IPv6Network("::1/128"), "this machine itself"),
    (ipaddress.IPv6Network("::/96"), "an old form of an IPv4 address"),
    (ipaddress.IPv6Network("fc00::/7"), "a private network"),
    (ipaddress.IPv6Network("fe80::/10"), "link-local"),
    (ipaddress.IPv6Network("fec0::/10"), "a private network"),
    (ipaddress.IPv6Network("ff00::/8"), "multicast"),
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: the upper half of an interface id that carries an IPv4 address


def parse_networks(blocks: Iterable[str]) -> tuple[Network, ...]:
    """The CIDRs of an allow-list in the settings; SettingsError names the one that is none."""
    networks: list[Network] = []
    for block in blocks:
        try:
            networks.append(ipaddress.ip_network(block))
        except ValueError as error:
            raise SettingsError(
                f"“{block}” is no network: {error}", hint="write it as 10.20.0.0/16 or fd00:1::/64"
            ) from None
    return tuple(networks)


def plain_ip(ip: Ip) -> Ip:
    """``::ffff:a.b.c.d`` as the IPv4 address it stands for; others as they are."""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def refusal(address: Ip, allowed: Sequence[Network] = ()) -> str | None:
    """Why ``address`` may not be called, in words that follow “it is …”; None when it may."""
    ip = plain_ip(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        return "bound to one network card"
    if any(ip.version == network.version and ip in network for network in allowed):
        return None
    if isinstance(ip, ipaddress.IPv4Address):
        return _refusal_v4(ip)
    if ip in _NAT64:  # where DNS64 is in use, every IPv4-only receiver has this form: look at whom it reaches
        return _refusal_v4(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return _refusal_v6(ip)


def _refusal_v4(ip: ipaddress.IPv4Address) -> str | None:
    return next((why for network, why in _REFUSED_V4 if ip in network), None)


def _refusal_v6(ip: ipaddress.IPv6Address) -> str | None:
    if ip not in _GIVEN_OUT_V6:
        return next((why for network, why in _OTHER_V6 if ip in network), "not a public address")
    if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "an ISATAP tunnel, which can end on an inner address"
    return next((why for network, why in _REFUSED_V6 if ip in network), None)
