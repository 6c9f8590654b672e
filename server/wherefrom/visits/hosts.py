"""Hosts of web addresses: which is it, and do two of them belong to one owner?

Answers from the text alone. Refuses to know the whole public suffix list: a short table of registries with two levels
and of hosts that rent out subdomains is enough to tell a sibling from a stranger, and a miss only means that a visit
from a sibling is counted as a new one.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from wherefrom.sites.hosts import covers
from wherefrom.sites.hosts import find_host as normal_form


def words(text: str) -> frozenset[str]:
    """A table that reads better without quotation marks."""
    return frozenset(text.split())


_REGISTRY_LABELS = words(
    "ac asn co com edu firm gen go gob gouv gov gv id ind info ltd me mil ne net nom or org plc sch web"
)
"""Second labels under a country's domain that are registries, not owners: ``co.uk``, ``com.br``, ``or.jp``."""

_RENTED = words(
    """
    appspot.com azurewebsites.net blogspot.com bitrix24.site carrd.co cloudfront.net fly.dev framer.app framer.website
    ghost.io github.io gitlab.io glitch.me herokuapp.com jimdofree.com jimdosite.com mystrikingly.com myshopify.com
    netlify.app ngrok.app ngrok.io notion.site onrender.com pages.dev r2.dev squarespace.com surge.sh
    tb.ru tilda.ws tumblr.com ucoz.ru vercel.app web.app webflow.io weebly.com wixsite.com wordpress.com workers.dev
    """
)
"""Domains whose subdomains belong to different owners."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def split_url(text: str) -> SplitResult | None:
    """The parts of an absolute URL; None for what is none or names no host."""
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname else None


_LONGEST_KNOWN = 1024  # characters of a URL that is remembered: strangers send some of 60,000


def find_host(url: str) -> str | None:
    """The host of an ``http(s)`` URL in its normal form, without the port: ``https://Bücher.example:8/x`` →
    ``xn--bcher-kva.example``. None when the URL names none."""
    return _find_known_host(url) if len(url) <= _LONGEST_KNOWN else _find_host(url)


def _find_host(url: str) -> str | None:
    parts = split_url(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return None
    return normal_form(parts.netloc.rpartition("@")[2])


_find_known_host = lru_cache(maxsize=4096)(_find_host)


def is_below(hosts: tuple[str, ...], url: str) -> bool:
    """Whether ``url`` is on one of a site's ``hosts``, or on a subdomain."""
    return (_is_known_below if len(url) <= _LONGEST_KNOWN else _is_below)(hosts, url)


def _is_below(hosts: tuple[str, ...], url: str) -> bool:
    host = find_host(url)
    return host is not None and covers(hosts, host)


_is_known_below = lru_cache(maxsize=4096)(_is_below)


def owner_domain(host: str) -> str:
    """The domain one owner registered: ``shop.example.co.uk`` → ``example.co.uk``, ``me.github.io`` → itself."""
    labels = host.split(".")
    if ":" in host or len(labels) <= 2 or labels[-1].isdecimal():
        return host
    kept = 2
    country = len(labels[-1]) == 2
    if ".".join(labels[-2:]) in _RENTED or (country and labels[-2] in _REGISTRY_LABELS):
        kept = 3
    return ".".join(labels[-kept:])


def is_local(host: str) -> bool:
    """A developer's own machine: ``localhost``, ``app.localhost``, loopback addresses."""
    return host in _LOCAL or host.endswith(".localhost") or host.startswith("127.")


def is_own(host: str, page_host: str, site_hosts: tuple[str, ...]) -> bool:
    """Does ``host`` belong to the site: the page's own host, a sibling or parent of it, or one of the site's other
    hosts and their subdomains?"""
    return host == page_host or owner_domain(host) == owner_domain(page_host) or covers(site_hosts, host)
