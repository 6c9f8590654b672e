"""Characters that no database keeps, in every text of every body: refused in words, or left out; never a fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.management.test_access import by_key, fill
from wherefrom.services import Services
from wherefrom.web.api import PREFIX

Spot = tuple[str | int, ...]

HTML = '<p>Hello <a href="https://shop.example/a">you</a>'
WHO = {"name": "Ann", "reference": "r-1", "consent": "granted", "consent_method": "a form"}
ACCOUNT = {"host": "127.0.0.1", "username": "owner@theirs.example", "password": "word", "name": "Sales"}
BODIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PATCH", "", {"name": "theirs", "hosts": ["theirs.example"], "off_paths": ["/x"]}),
    ("POST", "/targets", {"address": "a@b.example", "strategy": "catchall", "domain": "c.example"}),
    ("POST", "/mailboxes", {**ACCOUNT, "ca_file": "", "since": "new", "enabled": False}),
    ("PATCH", "/mailboxes/{mailbox}", ACCOUNT),
    (
        "POST", "/mailboxes/connect",
        {"provider": "custom", "username": "u@x.example", "client_id": "c", "client_secret": "s", "scopes": "s",
         "authorize_url": "https://a.example/", "token_url": "https://a.example/t", "host": "h.example", "name": "n"},
    ),
    ("POST", "/contact-filters", {"name": "x", "definition": {"text": "q"}}),
    ("POST", "/contacts/search", {"text": "q"}),
    ("POST", "/contacts", {"email": "z@mail.example", **WHO}),
    ("PATCH", "/contacts/{contact}", WHO),
    (
        "POST", "/sends",
        {"contact": {"email": "z@mail.example", "name": "Z", "reference": "r"}, "subject": "s", "html": HTML,
         "text": "t", "list": "l", "reference": "r"},
    ),
    ("POST", "/sends/{send}/notices", {"status": "failed", "detail": "550 no"}),
    (
        "PUT", "/sender",
        {"host": "127.0.0.1", "username": "u", "password": "p", "from_address": "a@x.example", "from_name": "f",
         "bounce_address": "b@x.example", "ca_file": ""},
    ),
    ("POST", "/suppressions", {"email": "q@mail.example", "list": "l", "detail": "d"}),
    ("POST", "/suppressions/import", {"format": "csv", "content": "email,list,detail\nk@mail.example,l,d\n"}),
    ("POST", "/endpoints", {"url": "http://127.0.0.1:9/x", "deal_path": "a.b"}),
    ("PATCH", "/endpoints/{endpoint}", {"url": "http://127.0.0.1:9/x", "deal_path": "a.b"}),
    ("POST", "/messages/1/deal", {"number": "1"}),
    ("POST", "/keys", {"name": "n"}),
)  # fmt: skip


def spots(value: Any, place: Spot = ()) -> Iterator[Spot]:
    """Where there are texts in it."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from spots(one, (*place, key))


def spoil(body: dict[str, Any], spot: Spot, odd: str) -> bytes:
    """The body with ``odd`` in the middle of the text at this place."""
    spoilt = copy.deepcopy(body)
    inner: Any = spoilt
    for key in spot[:-1]:
        inner = inner[key]
    text = inner[spot[-1]]
    inner[spot[-1]] = text[: len(text) // 2] + odd + text[len(text) // 2 :]
    return json.dumps(spoilt).encode()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite keeps more
@pytest.mark.parametrize("odd", ["\0", "\ud800"], ids=["NUL", "half a character"])
async def test_no_text_of_a_body_is_a_fault(
    client: httpx.AsyncClient,
    sites: dict[str, str],
    services: Services,
    odd: str,
) -> None:
    ids, key = await fill(services), by_key(sites["theirs"])
    for method, path, body in BODIES:
        url = f"{PREFIX}/sites/theirs{path.format(**ids)}"
        for spot in spots(body):
            answer = await client.request(method, url, headers=key, content=spoil(body, spot, odd))
            assert answer.status_code < 500, (method, path, spot, answer.text)
