"""Who may do what: every operation of the management API for every kind of key, every page of the console for guests
and for pages of other sites. New ones come in by themselves."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.audience.walk import all_rows
from tests.console.scene import make_user, open_session
from wherefrom.console.routes import _CHANGE, _READ
from wherefrom.management import OPERATIONS, invoke
from wherefrom.services import Services
from wherefrom.web.api import PREFIX, Operation

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the database has no part in it

_OPEN = {("GET", "/oauth/providers"), ("GET", "/sites")}
"""Open to each site's key, and about no site but its own."""
_IDEMPOTENT = {("DELETE", "/sites/{site}/messages/{message}/deal")}
"""Says that the deal is not there, whether or not it was."""


async def fill(services: Services) -> dict[str, str]:
    """What the site "theirs" has, by the names paths have for it."""

    async def made(path: str, body: dict[str, Any], method: str = "POST") -> Any:
        return await invoke(services, method, "/sites/{site}" + path, site="theirs", body=body)

    options = {"address": "sales@theirs.example", "strategy": "pool", "pool": "a1@theirs.example"}
    pool = await made("/targets", options)
    path = "/sites/{site}/targets/{target}/substitutes"
    lent = await invoke(services, "GET", path, site="theirs", target=pool.id)
    box = {"host": "127.0.0.1", "username": "owner@theirs.example", "password": "word", "enabled": False}
    send = (await made("/sends", {"contact": {"email": "ann@mail.example"}, "text": "Hello"})).send
    return {
        "target": pool.id, "substitute": lent.data[0].id, "mailbox": (await made("/mailboxes", box)).id,
        "send": send.id, "contact": send.contact_id, "visit": "1", "message": "1", "number": "1", "delivery": "1",
        "filter": (await made("/contact-filters", {"name": "all", "definition": {}})).id,
        "suppression": (await made("/suppressions", {"email": "bob@mail.example"})).id, "selector": "s1",
        "endpoint": (await made("/endpoints", {"url": "http://127.0.0.1:9999/"})).id, "format": "csv",
        "key": (await made("/keys", {"name": "other"})).id, "email": "bob@mail.example", "user": "1",
    }  # fmt: skip


def address(one: Operation, **values: str) -> str:
    return PREFIX + re.sub(r"{(\w+)}", lambda found: values.get(found[1], "1"), one.path)


def by_key(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def test_no_key_opens_another_sites_door(
    client: httpx.AsyncClient, sites: dict[str, str], services: Services
) -> None:
    ids = await fill(services)
    before = await all_rows(services)
    for one in OPERATIONS:
        if one.scope == "own" or (one.method, one.path) in _OPEN:
            continue
        path = address(one, site="theirs", **ids)
        answer = await client.request(one.method, path, headers=by_key(sites["mine"]), json={})
        assert answer.status_code == 403, (one.method, one.path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    for secret in ("", "nonsense", sites["mine"][:-1], sites["mine"].upper()):
        answer = await client.get(PREFIX + "/sites/mine", headers=by_key(secret))
        assert answer.status_code == 401
    assert {**await all_rows(services), "api_key": []} == {**before, "api_key": []}


async def test_nothing_of_another_site_is_found_below_ones_own(
    client: httpx.AsyncClient, sites: dict[str, str], services: Services
) -> None:
    """By the ids of the other: whoever guesses one must not be told more than that it is not there."""
    ids = await fill(services)
    before = await all_rows(services)
    named = [one for one in OPERATIONS if one.scope != "operator" and set(ids) & set(re.findall(r"{(\w+)}", one.path))]
    assert len(named) > 40
    for one in named:
        if "format" in one.path or "{email}" in one.path or (one.method, one.path) in _IDEMPOTENT:
            continue
        path = address(one, site="mine", **ids)
        answer = await client.request(one.method, path, headers=by_key(sites["mine"]), json={})
        assert answer.status_code in (400, 404), (one.method, one.path, answer.text)  # 400: the body lacks something
        if one.body is None:
            assert answer.status_code == 404, (one.method, one.path, answer.text)
    assert {**await all_rows(services), "api_key": []} == {**before, "api_key": []}


async def test_a_site_hears_of_no_other(client: httpx.AsyncClient, sites: dict[str, str]) -> None:
    answer = await client.get(PREFIX + "/sites", headers=by_key(sites["mine"]))
    assert [one["name"] for one in answer.json()["data"]] == ["mine"]


async def test_guests_see_no_page_and_change_nothing(client: httpx.AsyncClient, sites: dict[str, str]) -> None:
    for method, pages in (("GET", _READ), ("POST", _CHANGE)):
        for path, _ in pages:
            asked = re.sub(r"{\w+}", "1", path.replace("{site}", "mine"))
            answer = await client.request(method, asked)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
            assert "mine" not in answer.text


async def test_pages_of_other_sites_change_nothing_in_the_name_of_a_reader(
    client: httpx.AsyncClient, sites: dict[str, str], services: Services
) -> None:
    await make_user(services)
    client.cookies.update(await open_session(services))
    before = await all_rows(services)
    for path, _ in _CHANGE:
        asked = re.sub(r"{\w+}", "1", path.replace("{site}", "mine"))
        for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
            answer = await client.post(asked, headers=headers, data={"csrf": "x.y.z"})
            assert answer.status_code == 403, (path, headers)
    assert await all_rows(services) == before
