"""What a page tells: bodies, headers, addresses of pages. Below, the doors themselves, with a database behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.target import Feed, Target, reading
from wherefrom.addresses import find_address
from wherefrom.app import build_app, open_services
from wherefrom.db.migrate import upgrade
from wherefrom.errors import BadInput
from wherefrom.management import invoke
from wherefrom.settings import Data, DatabaseGroup, Settings
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
PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
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


_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
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


HEAD = f"origin: https://shop.example\r\nuser-agent: {PERSON}\r\ncontent-type: text/plain\r\n"


@cache
def requests() -> Sequence[bytes]:
    """Method, path, headers, body, as over the wire."""
    posts = [
        f"POST {path} HTTP/1.1\r\n{HEAD}\r\n".encode() + body
        for path, body in zip(("/v1/visits", "/v1/signals", "/v1/visits"), bodies(), strict=True)
    ]
    paths = (
        "/o/a..b.gif", "/c/a..b", "/u/a..b", "/wf.js", "/login", "/sites/1/messages?cursor=x&q=a", "/api/v1/sites",
        "/api/v1/sites/1/visits?limit=2", "/api/openapi.json", "/attachments/x..y", "/readyz", "/static/console.css",
    )  # fmt: skip
    gets = [f"GET {path} HTTP/1.1\r\n{HEAD}authorization: Bearer x\r\ncookie: a=b\r\n\r\n".encode() for path in paths]
    forms = [
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\r\n".encode() + body
        for path, body in (
            ("/login", b"email=a%40b.example&password=long+enough+word&next=%2F"),
            ("/u/a..b", b"List-Unsubscribe=One-Click"),
        )
    ]
    return [*posts, *posts, *gets, *forms]


@contextlib.contextmanager
def open_doors() -> Iterator[Feed]:
    """The whole application over ASGI, on SQLite. What it raises or answers with 500 is a fault."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        app, key = runner.run(_open(Path(folder), stack))

        def feed(data: bytes) -> None:
            status = runner.run(_ask(app, data.replace(KEY.encode(), key.encode())))
            assert status not in (0, 500), f"answered {status}"

        try:
            yield feed
        finally:
            runner.run(stack.aclose())


async def _open(folder: Path, stack: contextlib.AsyncExitStack) -> tuple[Any, str]:
    url = f"sqlite:///{folder}/fuzz.db"
    await upgrade(url)
    data = Data(folder=str(folder), key_file=str(folder / "key"))
    settings = Settings(database=DatabaseGroup(url=url), data=data)
    services = await stack.enter_async_context(open_services(settings))
    site = await invoke(services, "POST", "/sites", body={"name": "shop", "hosts": ["shop.example"]})
    target = {"address": "sales@company.com", "strategy": "plus"}
    await invoke(services, "POST", "/sites/{site}/targets", site=site.id, body=target)
    return build_app(services), site.key


async def _ask(app: Any, data: bytes) -> int:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    if not first.isascii() or _CONTROL.search(b"".join(lines)):
        return 400  # as the parser of requests answers
    method, _, rest = first.partition(b" ")
    raw_path, _, query = rest.rpartition(b" ")[0].partition(b"?")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
        "method": method.decode("latin-1") or "GET", "path": "/" + raw_path.decode("utf-8", "replace").lstrip("/"),
        "raw_path": raw_path, "query_string": query, "headers": headers,
        "client": ("192.0.2.7", 1), "server": ("x", 80),
    }  # fmt: skip
    told = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    status = 0

    async def receive() -> Any:
        return told.pop(0) if len(told) > 1 else told[0]

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


TARGETS = (
    Target("body", bodies, reading(read_body), JSON_WORDS, share=16),
    Target("url", urls, reading(read_url), JSON_WORDS, share=16),
    Target("door", requests, open_doors, JSON_WORDS, share=3, seconds=10.0),
)
