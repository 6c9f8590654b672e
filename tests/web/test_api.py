"""The management API's frame: keys, sites, bodies and problems, with an operation made up for the purpose."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from wherefrom.errors import NotFound
from wherefrom.services import Services
from wherefrom.web.api import Call, KeyHolder, Operation, api_routes
from wherefrom.web.openapi import describe


class Cup(msgspec.Struct):
    name: str
    size: Annotated[int, msgspec.Meta(ge=1)]


class CupQuery(msgspec.Struct):
    limit: int = 5


async def make(call: Call) -> Cup:
    return Cup(call.body.name.upper(), call.body.size)


async def count(call: Call) -> Cup:
    return Cup(f"site {call.site_id}", call.query.limit)


async def smash(call: Call) -> None:
    raise NotFound(f"cup {call.id('cup')} is not on the shelf", hint="look at the list", cup=call.path["cup"])


OPERATIONS = (
    Operation("POST", "/sites/{site}/cups", "Make a cup", make, body=Cup, answer=Cup, status=201),
    Operation("GET", "/sites/{site}/cups", "Count cups", count, query=CupQuery, answer=Cup),
    Operation("DELETE", "/cups/{cup}", "Smash a cup", smash, scope="operator"),
)


@pytest_asyncio.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    keys = {"operator": KeyHolder(1, None), "one": KeyHolder(2, 1), "two": KeyHolder(3, 2)}

    async def find_holder(secret: str) -> KeyHolder | None:
        return keys.get(secret)

    async def find_site(reference: str) -> int:
        if reference not in ("1", "2"):
            raise NotFound(f"there is no site {reference}")
        return int(reference)

    app = Starlette(routes=api_routes(services, OPERATIONS, find_holder, find_site))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api/api/v1") as one:
        yield one


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def test_a_body_goes_in_and_an_answer_comes_out(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sites/1/cups", json={"name": "blue", "size": 3}, headers=bearer("one"))
    assert (answer.status_code, answer.json()) == (201, {"name": "BLUE", "size": 3})


async def test_query_parameters_are_read_by_their_type(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sites/2/cups?limit=9", headers=bearer("operator"))
    assert answer.json() == {"name": "site 2", "size": 9}
    wrong = await client.get("/sites/2/cups?limit=many", headers=bearer("operator"))
    assert wrong.status_code == 400
    assert "limit" in wrong.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic eA=="}, {"authorization": "Bearer "}, bearer("no")])
async def test_without_a_known_key_nothing_is_told(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.get("/sites/1/cups", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "wherefrom key add" in answer.json()["hint"]


async def test_a_sites_key_opens_that_site_alone(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sites/2/cups", headers=bearer("one"))).status_code == 403
    assert (await client.get("/sites/2/cups", headers=bearer("two"))).status_code == 200


async def test_a_sites_key_may_not_do_what_operators_do(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/cups/1", headers=bearer("one"))
    assert answer.status_code == 403
    assert "--operator" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"name": 1, "size": 1}', "$.name"),
        (b'{"name": "x", "size": 0}', "$.size"),
        (b'{"name": "x"}', "size"),
        (b"[]", "object"),
    ],
)
async def test_a_body_that_does_not_fit_is_told_where(client: httpx.AsyncClient, body: bytes, words: str) -> None:
    answer = await client.post("/sites/1/cups", content=body, headers=bearer("one"))
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


async def test_a_body_over_the_limit_is_refused_unread(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sites/1/cups", content=b" " * 1_048_577, headers=bearer("one"))
    assert answer.status_code == 413


async def test_a_rooms_error_leaves_as_a_problem_with_its_hint_and_place(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/cups/12", headers=bearer("operator"))
    assert answer.json() == {
        "type": "urn:wherefrom:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "cup 12 is not on the shelf",
        "hint": "look at the list",
        "cup": "12",
    }


@pytest.mark.parametrize("cup", ["x", "-1", "1" * 20, str(1 << 63), "٣"])
async def test_what_is_no_id_is_refused(client: httpx.AsyncClient, cup: str) -> None:
    assert (await client.delete(f"/cups/{cup}", headers=bearer("operator"))).status_code == 400


async def test_a_site_that_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sites/7/cups", headers=bearer("operator"))).status_code == 404


def test_the_description_names_every_operation_with_its_shapes() -> None:
    told = describe(OPERATIONS, "https://mail.company.com")
    assert {(path, method) for path, methods in told["paths"].items() for method in methods} == {
        ("/api/v1/sites/{site}/cups", "post"),
        ("/api/v1/sites/{site}/cups", "get"),
        ("/api/v1/cups/{cup}", "delete"),
    }
    make_it = told["paths"]["/api/v1/sites/{site}/cups"]["post"]
    assert make_it["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Cup"}
    assert set(make_it["responses"]) == {"201", "default"}
    assert told["components"]["schemas"]["Cup"]["required"] == ["name", "size"]
    listed = told["paths"]["/api/v1/sites/{site}/cups"]["get"]["parameters"]
    assert [(one["name"], one["in"]) for one in listed] == [("site", "path"), ("limit", "query")]
