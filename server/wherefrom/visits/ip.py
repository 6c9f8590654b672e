"""What is kept of a visitor's IP address (feature C05)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Literal

Policy = Literal["whole", "truncated", "none"]


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """``text`` as an address: an IPv4 address mapped into IPv6 becomes IPv4, a scope (``%eth0``) is cut off."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4096)
def stored_form(text: str, policy: Policy) -> str | None:
    """``truncated`` keeps the network: /24 of IPv4, /48 of IPv6, which is what an access provider gives to one
    household at the most. None for ``none`` and for what is no address (a Unix socket's peer)."""
    address = parse_ip(text)
    if address is None or policy == "none":
        return None
    if policy == "whole":
        return str(address)
    network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
    return str(network.network_address)
