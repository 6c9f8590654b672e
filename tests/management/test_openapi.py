"""The management API's description is true: what it names is served, what is served it names, answers fit it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest_asyncio

from wherefrom.app import build_app
from wherefrom.management import OPERATIONS, invoke
from wherefrom.services import Services
from wherefrom.web.api import PREFIX

HEALTH = {("GET", "/healthz"), ("GET", "/readyz")}


@pytest_asyncio.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025") as one:
        yield one


@pytest_asyncio.fixture
async def operator(services: Services) -> dict[str, str]:
    made = await invoke(services, "POST", "/keys", body={"name": "test"})
    return {"authorization": f"Bearer {made.secret}"}


async def described(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/api/openapi.json")).json()
    return document


async def test_every_operation_is_described_and_nothing_else(client: httpx.AsyncClient) -> None:
    told = {(method.upper(), path) for path, one in (await described(client))["paths"].items() for method in one}
    assert told == {(one.method, PREFIX + one.path) for one in OPERATIONS} | HEALTH
    assert len(told) == len(OPERATIONS) + len(HEALTH)


async def test_every_described_path_asks_for_a_key_but_those_of_health(client: httpx.AsyncClient) -> None:
    free = set()
    for path, methods in (await described(client))["paths"].items():
        for method, entry in methods.items():
            answer = await client.request(method, re.sub(r"{\w+}", "1", path), json={})
            assert (answer.status_code == 401) == ("security" not in entry), (method, path)
            if entry.get("security") == []:
                free.add((method.upper(), path))
    assert free == HEALTH


async def test_a_body_is_required_where_a_field_of_it_is(client: httpx.AsyncClient) -> None:
    paths = (await described(client))["paths"]
    assert paths[PREFIX + "/sites/{site}/endpoints"]["post"]["requestBody"]["required"] is True
    assert paths[PREFIX + "/sites/{site}/endpoints/{endpoint}/secret"]["post"]["requestBody"]["required"] is False


async def test_headers_that_operations_read_are_described(client: httpx.AsyncClient) -> None:
    told = {
        (method, path, one["name"], one["required"])
        for path, methods in (await described(client))["paths"].items()
        for method, entry in methods.items()
        for one in entry["parameters"]
        if one["in"] == "header"
    }
    assert told == {("post", PREFIX + "/sites/{site}/sends", "Idempotency-Key", False)}


async def test_every_reference_in_the_description_leads_somewhere(client: httpx.AsyncClient) -> None:
    document = await described(client)
    references = set(re.findall(rb'"\$ref":"#/components/schemas/([^"]+)"', msgspec.json.encode(document)))
    assert references
    assert {one.decode() for one in references} <= set(document["components"]["schemas"])


async def test_what_is_not_described_is_a_problem_that_says_where_to_look(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/nonsense")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/api/openapi.json" in answer.json()["hint"]


async def test_answers_are_of_the_described_shapes(client: httpx.AsyncClient, operator: dict[str, str]) -> None:
    ids: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for name, path, body in (
        ("site", "/sites", {"name": "shop", "hosts": ["company.example"]}),
        (
            "target",
            "/sites/{site}/targets",
            {"address": "a@company.example", "strategy": "pool", "pool": "b@c.example"},
        ),
        ("mailbox", "/sites/{site}/mailboxes", {"host": "imap.company.example", "username": "u", "password": "p"}),
        ("endpoint", "/sites/{site}/endpoints", {"url": "https://crm.company.example/hook"}),
        ("key", "/sites/{site}/keys", {"name": "crm"}),
        ("user", "/users", {"email": "me@company.example", "password": "a long enough password"}),
    ):
        made = await _use(client, operator, "POST", path, ids, body)
        ids[name] = made["id"]
        secrets[name] = made.get("secret", "")
    account = {"host": "smtp.company.example", "username": "u", "password": "p", "from_address": "a@company.example"}
    await _use(client, operator, "PUT", "/sites/{site}/sender", ids, account)
    listed = [one for one in OPERATIONS if one.method == "GET" and set(re.findall(r"{(\w+)}", one.path)) <= set(ids)]
    assert len(listed) >= 10
    for one in listed:
        holder = operator if one.scope != "own" else {"authorization": f"Bearer {secrets['key']}"}
        await _use(client, holder, "GET", one.path, ids, None)


async def _use(
    client: httpx.AsyncClient, headers: dict[str, str], method: str, path: str, ids: dict[str, str], body: Any
) -> Any:
    operation = next(one for one in OPERATIONS if (one.method, one.path) == (method, path))
    answer = await client.request(method, PREFIX + path.format(**ids), json=body, headers=headers)
    assert answer.status_code == operation.status, (method, path, answer.text)
    msgspec.json.decode(answer.content, type=operation.answer)
    return answer.json()


async def test_every_list_in_the_description_says_what_it_holds(client: httpx.AsyncClient) -> None:
    lists = 0
    for name, shape in (await described(client))["components"]["schemas"].items():
        data = shape.get("properties", {}).get("data", {})
        if data.get("type") == "array":
            lists += 1
            assert data.get("items"), name
    assert lists >= 8
