"""The doors themselves, with a database behind them: pages and their signs, pixels, links, leaving, console and API.

The whole application over ASGI, on each engine that is here. What it raises or answers with 500 is a fault. Each input
comes beside a page like any other, which shares the batch it is written in: that one has to be taken.
"""

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

from tests.fuzz.pages import JSON_WORDS, KEY, bodies
from tests.fuzz.target import Feed, Target
from tests.support.postgres import Postgres, find_obstacle
from wherefrom.app import build_app, open_services
from wherefrom.db.migrate import upgrade
from wherefrom.management import invoke
from wherefrom.settings import Data, DatabaseGroup, Settings

PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
HEAD = f"origin: https://shop.example\r\nuser-agent: {PERSON}\r\ncontent-type: text/plain\r\n"
TOKEN, PIXEL, CLICK, LEAVE = "TOKEN", "/o/PIXEL", "/c/CLICK", "/u/LEAVE"
"""Stand for what is known only when there is a site, a visit and a letter."""
LETTER = {"contact": {"email": "ann@mail.example"}, "html": '<p><a href="https://shop.example/sofa?a=1">a sofa</a></p>'}
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@cache
def requests() -> Sequence[bytes]:
    """Method, path, headers, body, as over the wire."""
    posts = [
        f"POST {path} HTTP/1.1\r\n{HEAD}\r\n".encode() + body.replace(b"x..y", TOKEN.encode())
        for path, body in zip(("/v1/visits", "/v1/signals", "/v1/visits"), bodies(), strict=True)
    ]
    paths = (
        "/o/a..b.gif", "/c/a..b", "/u/a..b", "/wf.js", "/login", "/sites/1/messages?cursor=x&q=a", "/api/v1/sites",
        "/api/v1/sites/1/visits?limit=2", "/api/openapi.json", "/attachments/x..y", "/readyz", "/static/console.css",
        PIXEL, CLICK, LEAVE,
    )  # fmt: skip
    gets = [f"GET {path} HTTP/1.1\r\n{HEAD}authorization: Bearer x\r\ncookie: a=b\r\n\r\n".encode() for path in paths]
    forms = [
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\r\n".encode() + body
        for path, body in (
            ("/login", b"email=a%40b.example&password=long+enough+word&next=%2F"),
            ("/u/a..b", b"List-Unsubscribe=One-Click"),
            (LEAVE, b"List-Unsubscribe=One-Click"),
        )
    ]
    return [*posts, *posts, *gets, *forms]


@contextlib.contextmanager
def open_sqlite() -> Iterator[Feed]:
    with tempfile.TemporaryDirectory() as folder, _open_doors(Path(folder), f"sqlite:///{folder}/fuzz.db") as feed:
        yield feed


@contextlib.contextmanager
def open_postgres() -> Iterator[Feed]:
    server = Postgres()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder, _open_doors(Path(folder), server.url("postgres")) as feed:
            yield feed
    finally:
        server.remove()


@contextlib.contextmanager
def _open_doors(folder: Path, url: str) -> Iterator[Feed]:
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        app, made = runner.run(_open(folder, url, stack))
        neighbour = _filled(requests()[0], made)

        async def ask(data: bytes) -> tuple[int, int]:
            (status, _), (beside, _) = await asyncio.gather(_ask(app, data), _ask(app, neighbour))
            return status, beside

        def feed(data: bytes) -> None:
            status, beside = runner.run(ask(_filled(data, made)))
            assert status not in (0, 500), f"answered {status}"
            assert beside == 200, f"the page beside it was answered {beside}"

        try:
            yield feed
        finally:
            runner.run(stack.aclose())


async def _open(folder: Path, url: str, stack: contextlib.AsyncExitStack) -> tuple[Any, dict[str, str]]:
    await upgrade(url)
    data = Data(folder=str(folder), key_file=str(folder / "key"))
    settings = Settings(database=DatabaseGroup(url=url), data=data)
    services = await stack.enter_async_context(open_services(settings))
    site = await invoke(services, "POST", "/sites", body={"name": "shop", "hosts": ["shop.example"]})
    target = {"address": "sales@company.com", "strategy": "plus"}
    await invoke(services, "POST", "/sites/{site}/targets", site=site.id, body=target)
    letter = await invoke(services, "POST", "/sites/{site}/sends", site=site.id, body=LETTER)
    app = build_app(services)
    status, visit = await _ask(app, requests()[0].replace(KEY.encode(), site.key.encode()))
    assert status == 200, visit
    written = letter.html + letter.headers["List-Unsubscribe"]
    addresses = {name: re.findall(rf"/{name[1]}/[\w.~-]+", written)[0] for name in (PIXEL, CLICK, LEAVE)}
    return app, {KEY: site.key, TOKEN: json.loads(visit)["token"], **addresses}


def _filled(data: bytes, made: dict[str, str]) -> bytes:
    for name, value in made.items():
        data = data.replace(name.encode(), value.encode())
    return data


async def _ask(app: Any, data: bytes) -> tuple[int, bytes]:
    """Status and body."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    if not first.isascii() or _CONTROL.search(b"".join(lines)):
        return 400, b""  # as the parser of requests answers
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
    status, heard = 0, b""

    async def receive() -> Any:
        return told.pop(0) if len(told) > 1 else told[0]

    async def send(message: Any) -> None:
        nonlocal status, heard
        status = message.get("status", status)
        heard += message.get("body", b"")

    await app(scope, receive, send)
    return status, heard


TARGETS = (
    Target("door", requests, open_sqlite, JSON_WORDS, share=3, seconds=10.0),
    *(
        [Target("door-postgresql", requests, open_postgres, JSON_WORDS, share=2, seconds=10.0)]
        if find_obstacle() is None
        else []
    ),
)
