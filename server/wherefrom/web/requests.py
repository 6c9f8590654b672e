"""Reading requests safely: bodies with a limit, the caller's address behind proxies that are trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from starlette.requests import Request

from wherefrom.errors import TooLarge
from wherefrom.settings import Settings


async def read_body(request: Request, limit: int) -> bytes:
    """The body, read no further than ``limit`` bytes; TooLarge beyond, whatever Content-Length says."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def too_large(limit: int) -> TooLarge:
    """The error for a body of more than ``limit`` bytes."""
    return TooLarge(f"the body is larger than {limit} bytes", hint="send less", limit=limit)


class Proxies:
    """Whom the settings trust to say who asked them (``server.trusted_proxies``)."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in trusted)
        self._is_trusted = lru_cache(maxsize=1024)(self._within)

    def find_visitor(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The visitor's address, where ``peer`` is at the other end of the connection. ``X-Forwarded-For`` is believed
        only as far as the trusted reach, read from the right: what lies left of the first stranger is hearsay."""
        if not self._networks or not self._is_trusted(peer):
            return peer
        told = b",".join([value for name, value in headers if name == b"x-forwarded-for"]).decode("latin-1")
        address = peer
        for hop in reversed(told.split(",")):
            if not hop.strip():
                continue
            bare = hop.strip().strip("[]")
            if not self._is_trusted(address) or not _is_address(bare):
                return address
            address = bare
        return address

    def _within(self, address: str) -> bool:
        if not _is_address(address):
            return False
        ip = ipaddress.ip_address(address)
        ip = (ip.ipv4_mapped or ip) if ip.version == 6 else ip  # a socket for both kinds shows IPv4 in IPv6's clothes
        return any(ip in network for network in self._networks)


def client_ip(request: Request, settings: Settings) -> str:
    """The visitor's address, as ``Proxies`` finds it."""
    peer = request.client.host if request.client else ""
    return Proxies(settings.server.trusted_proxies).find_visitor(peer, request.headers.raw)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
