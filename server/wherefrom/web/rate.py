"""How often one address, or one site, may ask: so many in each window of ten seconds.

An address is an IPv4 address or an IPv6 network of 64 bits, which is what one subscriber has. Addresses that are not of
the public internet are never limited: mostly they are a proxy that the settings do not name, behind which everybody is,
and whoever sits in the operator's own network has better ways to do harm. Counts are one process's, in memory, bounded.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Hashable
from functools import lru_cache

_WINDOW = 10.0
_MOST_KNOWN = 50_000


class Rate:
    """``per_minute`` 0: no limit. ``now`` in seconds, of a clock that does not jump."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = -(-per_minute * _WINDOW // 60)
        self._now = now
        self._ends = 0.0
        self._counts: dict[Hashable, int] = {}

    def admits(self, who: Hashable) -> bool:
        """Counts one more of ``who``; whether it is within the limit."""
        if not self._most:
            return True
        now = self._now()
        if now >= self._ends or len(self._counts) > _MOST_KNOWN:
            self._counts.clear()
            self._ends = now + _WINDOW
        count = self._counts[who] = self._counts.get(who, 0) + 1
        return count <= self._most

    def admits_address(self, ip: str) -> bool:
        """As ``admits``, of a network address as the server or a trusted proxy tells it."""
        return self.admits(_network(ip) if ":" in ip else ip) or not _is_public(ip)

    @property
    def wait(self) -> int:
        """Seconds until the next window."""
        return max(1, round(self._ends - self._now()))


@lru_cache(maxsize=4096)
def _network(ip: str) -> str:
    try:
        address = ipaddress.IPv6Address(ip.partition("%")[0])
    except ValueError:
        return ip
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(int(address) >> 64)


@lru_cache(maxsize=4096)
def _is_public(ip: str) -> bool:
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).is_global
