"""Reading requests safely: bodies with a limit, the caller's address behind proxies that are trusted."""

from __future__ import annotations

import ipaddress

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


def client_ip(request: Request, settings: Settings) -> str:
    """The visitor's address. ``X-Forwarded-For`` is believed only as far as the proxies named in
    ``server.trusted_proxies`` reach, read from the right: what lies left of the first stranger is hearsay."""
    address = request.client.host if request.client else ""
    networks = [ipaddress.ip_network(text) for text in settings.server.trusted_proxies]
    if not networks:
        return address
    chain = [part.strip() for part in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
    for hop in reversed([part for part in chain if part]):
        if not _within(address, networks):
            return address
        bare = hop.strip("[]")
        if not _is_address(bare):
            return address
        address = bare
    return address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _within(address: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    if not _is_address(address):
        return False
    ip = ipaddress.ip_address(address)
    ip = (ip.ipv4_mapped or ip) if ip.version == 6 else ip  # a socket for both kinds shows IPv4 in IPv6's clothes
    return any(ip in network for network in networks)
