"""Host names of a site: what an owner may list, and which page's host belongs to the list.

A listed host stands for itself and its subdomains; a name without a dot (``intranet``) and an IP address stand for
themselves only, so that listing ``com`` by mistake opens nothing. ``localhost`` has subdomains: they resolve to
loopback (RFC 6761). Ports never count. Knows no database and no request.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from wherefrom.addresses import ascii_hostname
from wherefrom.errors import BadInput

MOST_HOSTS = 100
_SHOWN = 80


def parse_host(text: str) -> str:
    """The normal form of a host an owner typed: lower case, ASCII, without port. A whole URL is read for its host.

    ``HTTPS://Bücher.example:8443/start`` → ``xn--bcher-kva.example``; BadInput for what names no host.
    """
    bare = text.strip()
    if "*" in bare:
        raise BadInput(
            f"“{bare[:_SHOWN]}” has a wildcard",
            hint="list the domain itself, its subdomains are included: company.com stands for www.company.com too",
            field="hosts",
        )
    host = find_host(_host_of_url(bare) if "//" in bare or "/" in bare else bare)
    if host is None:
        raise BadInput(
            f"“{bare[:_SHOWN]}” is no host name",
            hint="write a host such as company.com, localhost:3000 or 127.0.0.1",
            field="hosts",
        )
    return host


def parse_hosts(texts: Iterable[str]) -> tuple[str, ...]:
    """The normal forms, each once, in alphabetical order; BadInput for none, or for more than 100."""
    hosts = sorted({parse_host(text) for text in texts})
    if not hosts:
        raise BadInput(
            "a site needs at least one host",
            hint="name the host its pages are on, such as company.com; other pages may not use the site's key",
            field="hosts",
        )
    if len(hosts) > MOST_HOSTS:
        raise BadInput(
            f"{len(hosts)} hosts are too many for one site, {MOST_HOSTS} are the most",
            hint="list the domain instead of each of its subdomains",
            field="hosts",
        )
    return tuple(hosts)


def find_host(text: str) -> str | None:
    """The normal form of ``host`` or ``host:port`` (IPv6 in brackets); None when it is no host.

    Names with ``_`` are taken: no registry gives them out, but browsers open them and owners use them as subdomains.
    """
    name = text.strip()
    if name.startswith("["):
        inside, bracket, rest = name[1:].partition("]")
        return _ip(inside) if bracket and _is_port(rest) else None
    if name.count(":") > 1:
        return _ip(name)
    name, colon, port = name.partition(":")
    if not _is_port(colon + port):
        return None
    address = _ip(name)
    if address is not None:
        return address
    plain = ascii_hostname(name.replace("_", "x") if name.isascii() else name)
    if plain is None or _looks_numeric(plain):
        return None
    return name.rstrip(".").lower() if name.isascii() else plain


def covers(listed: Iterable[str], host: str) -> bool:
    """Whether ``host`` (any spelling, with or without port) is one of ``listed`` (normal forms) or below one."""
    name = find_host(host)
    if name is None:
        return False
    return any(name == one or (_has_subdomains(one) and name.endswith("." + one)) for one in listed)


def _has_subdomains(host: str) -> bool:
    return host == "localhost" or ("." in host and _ip(host) is None)


def _host_of_url(text: str) -> str:
    try:
        return urlsplit(text if "//" in text else "//" + text).netloc.rpartition("@")[2]
    except ValueError:  # brackets that do not pair
        return ""


def _is_port(text: str) -> bool:
    return text == "" or (text[0] == ":" and text[1:].isascii() and text[1:].isdecimal() and int(text[1:]) < 65_536)


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _looks_numeric(name: str) -> bool:
    """A name that ends in digits alone is read as an IP address by browsers (WHATWG URL), and here it is none."""
    return name.rpartition(".")[2].isdecimal()
