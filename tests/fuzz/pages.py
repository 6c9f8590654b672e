"""What a page tells: bodies, headers, addresses of pages. The doors that take it are ``doors``'."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from tests.fuzz.target import Target, reading
from wherefrom.addresses import find_address
from wherefrom.errors import BadInput
from wherefrom.sites.paths import browser_form, is_off, parse_rules
from wherefrom.visits.gate import own_origin
from wherefrom.visits.hit import find_site_key, parse_hit, parse_signal
from wherefrom.visits.hosts import find_host, owner_domain
from wherefrom.visits.ip import parse_ip, stored_form
from wherefrom.visits.source import ROISTAT_PARAMETERS, find_source, read_remembered
from wherefrom.visits.visit import tell
from wherefrom.web.rate import Rate
from wherefrom.web.requests import Proxies

KEY = "KEY"
JSON_WORDS = (
    b'"site":', b'"page":', b'"addresses":["a@b.example"],', b'"params":{"a":1},', b'"visit":',
    b'"source":{"marker":"x"},',
    b'"consent":"none",', b'"kind":"mailto",', b'"token":null,', b"null", b"true", b"1e400", b"{}", b"[]",
    b'""', b',"a":',
    b"\\ud83d", b"https://", b"utm_source=", b"&", b"#", b"?", b"[::1]", b"xn--", b"%e2%82", b":99999", b"://",
)  # fmt: skip


@cache
def bodies() -> Sequence[bytes]:
    page: dict[str, Any] = {
        "site": KEY, "page": "https://shop.example/offer?utm_source=google&utm_medium=cpc&gclid=x1&wf=flyer#top",
        "referrer": "https://www.google.com/", "title": "Chairs", "addresses": ["sales@company.com", "a@company.com"],
        "pageview": True, "language": "de-DE", "timezone": "Europe/Berlin",
        "params": {"plan": "pro", "2": 7, "ok": True},
        "source": {"marker": ":utm:google_cpc", "utm_source": "google"}, "visit": "x..y", "visitor": "x..y",
    }  # fmt: skip
    sign = {"site": KEY, "kind": "mailto", "token": "x..y", "address": "sales@company.com", "page": page["page"]}
    small = {"site": KEY, "page": "https://shop.example/", "consent": "none", "source": "a_b", "webdriver": False}
    return [json.dumps(one).encode() for one in (page, sign, small)]


def read_body(data: bytes) -> None:
    find_site_key(data)
    with contextlib.suppress(BadInput):
        parse_signal(data)
    try:
        hit = parse_hit(data)
    except BadInput:
        return
    told = tell(hit)
    remembered = read_remembered(hit.source)
    find_source(hit.page, hit.referrer or "", ("shop.example",), remembered, ("wf", *ROISTAT_PARAMETERS))
    for text in (told.page, told.referrer, told.title or "", *told.params.values()):
        assert "\x00" not in text
    for address in hit.addresses:
        find_address(address)


def urls() -> Sequence[bytes]:
    return [
        b"https://shop.example/a?utm_source=google&roistat=x&utm_nooverride=1#utm_term=a%20b",
        b"https://\xd0\xbc\xd0\xb0\xd0\xb3\xd0\xb0\xd0\xb7\xd0\xb8\xd0\xbd.example:8080/?from=mail",
        b"android-app://com.google.android.gm/", b"http://[2001:db8::1]:443/x", b"https://user:pw@shop.example./",
        b"/prices/*", b"2001:db8::7%eth0", b"192.0.2.7", b"::ffff:10.0.0.1", b"10.0.0.1, 192.0.2.1, [2001:db8::1]",
        b"sales+a.b@xn--bcher-kva.example", b'"a b"@shop.example',
    ]  # fmt: skip


_PROXIES = Proxies(("10.0.0.0/8",))
_RATE = Rate(600)


def read_url(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    host = find_host(text)
    owner_domain(host or "shop.example")
    find_source(text, text, ("shop.example",), None)
    own_origin(None, text)
    with contextlib.suppress(BadInput):
        for rule in parse_rules([text]):
            browser_form(rule)
            is_off([rule], text)
    parse_ip(text)
    stored_form(text, "truncated")
    _PROXIES.find_visitor("10.0.0.1", [(b"x-forwarded-for", data)])
    _RATE.admits_address(text)
    address = find_address(text)
    assert address is None or find_address(address.text) is not None


TARGETS = (
    Target("body", bodies, reading(read_body), JSON_WORDS, share=16),
    Target("url", urls, reading(read_url), JSON_WORDS, share=16),
)
