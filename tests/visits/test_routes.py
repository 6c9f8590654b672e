"""The collector's doors over HTTP, on a real server: status, CORS, problems, limits, the script."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response

from tests.visits.stage import GOOGLEBOT, ORIGIN, PAGE, PERSON, SALES, Stage, set_stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services
from wherefrom.settings import CollectorGroup, Server, Settings
from wherefrom.sites.add import set_site
from wherefrom.visits.known import FRESH
from wherefrom.visits.routes import routes
from wherefrom.visits.script import load_script
from wherefrom.visits.tables import intent, visit
from wherefrom.web.front import Front
from wherefrom.web.serve import bind, serve_http

FROM_SHOP = {"origin": ORIGIN, "user-agent": PERSON}


async def _tell(_request: Request, error: Exception) -> Response:
    raise error


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, server=Server(trusted_proxies=("127.0.0.0/8",)))


@pytest_asyncio.fixture
async def stage(services: Services) -> Stage:
    return await set_stage(services)


@pytest_asyncio.fixture
async def http(services: Services, stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the collector's routes on a port of their own, over connections as the service has them."""
    stop = asyncio.Event()
    listening = bind("127.0.0.1", 0)
    serving = asyncio.create_task(serve_http(Front(routes(services, stage.collector), tell=_tell), listening, stop))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, headers=FROM_SHOP, trust_env=False, verify=False) as client:
        yield client
    stop.set()
    await serving


def hit(stage: Stage, **told: Any) -> bytes:
    return json.dumps({"site": stage.site.key, "page": PAGE, **told}).encode()


async def test_a_page_is_answered_to_its_own_origin(http: httpx.AsyncClient, stage: Stage) -> None:
    answer = await http.post(
        "/v1/visits", content=hit(stage, addresses=[SALES]), headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in answer.headers
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Origin", "no-store")
    assert "set-cookie" not in answer.headers
    told = answer.json()
    assert told | {"token": "", "visitor": "", "substitutes": {}} == {
        "visit": "1", "first_visit": "1", "token": "", "visitor": "", "new": True, "marker": "direct",
        "geo": {"city": None, "country": None, "region": None}, "enabled": True, "substitutes": {}, "heartbeat": 60,
    }  # fmt: skip
    assert told["substitutes"][SALES]["address"].startswith("sales+")
    assert told["substitutes"][SALES]["expires_in"] == 900


async def test_a_dropped_page_is_answered_as_no_visit(http: httpx.AsyncClient, stage: Stage, clock: FixedClock) -> None:
    await set_site(stage.services, stage.site.id, enabled=False)
    clock.advance(FRESH)
    for headers in ({"user-agent": GOOGLEBOT}, {}):
        answer = await http.post("/v1/visits", content=hit(stage, addresses=[SALES]), headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
        told = answer.json()
        assert (told["visit"], told["substitutes"], told["enabled"]) == (None, {}, False)


async def test_what_a_site_wants_is_told_with_each_answer(
    http: httpx.AsyncClient, stage: Stage, clock: FixedClock
) -> None:
    hosts = ["shop.example", "shop.test"]
    await set_site(stage.services, stage.site.id, mode="source", off_paths=["/über*"], hosts=hosts)
    clock.advance(FRESH)
    told = (await http.post("/v1/visits", content=hit(stage, addresses=[SALES]))).json()
    assert told | {"substitutes": {}} == {
        "visit": "1", "first_visit": None, "token": None, "visitor": None, "new": False, "marker": "direct",
        "geo": {"city": None, "country": None, "region": None}, "enabled": True, "substitutes": {}, "heartbeat": 60,
        "off": ["/%C3%BCber*"], "hosts": hosts, "source_only": True,
    }  # fmt: skip
    assert list(told["substitutes"]) == [SALES]
    beat = json.dumps({"site": stage.site.key, "kind": "heartbeat"})
    answer = await http.post("/v1/signals", content=beat)
    assert (answer.status_code, answer.content, await stage.drops()) == (204, b"", {})


async def test_a_page_without_consent_hears_of_no_visit(http: httpx.AsyncClient, stage: Stage) -> None:
    answer = await http.post("/v1/visits", content=hit(stage, addresses=[SALES], consent="none"))
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    told = answer.json()
    assert (told["visit"], told["substitutes"], told["enabled"], "source_only" in told) == (None, {}, False, False)


BAD_PAGES = [
    (b'{"site": }', {}, 400, "byte 9", False),
    (b"", {}, 400, "not valid JSON", False),
    (b'{"site": "KEY", "page": 5}', {}, 400, "$.page", True),
    (b'{"site": "KEY", "page": "https://shop.example/", "addresses": {}}', {}, 400, "$.addresses", True),
    (b'{"site": "KEY", "page": "https://shop.example/", "consent": "all"}', {}, 400, "$.consent", True),
    (b'{"site": "wf_nobody", "page": "https://shop.example/"}', {}, 404, "wf_nobody", False),
    (b'{"site": "KEY", "page": "https://shop.example/"}', {"origin": "https://evil.test"}, 403, "evil.test", False),
    (b'{"site": "KEY", "page": "https://shop.example/"}', {"origin": "null"}, 403, "null", False),
    (b'{"site": "KEY", "page": "https://evil.test/"}', {}, 403, "https://evil.test/", True),
]
BAD_SIGNS = [
    (b'{"site": }', {}, 400, "byte 9", False),
    (b'{"site": "KEY", "kind": "click"}', {}, 400, "click", True),
    (b'{"site": "KEY", "kind": "copy", "token": 5}', {}, 400, "$.token", True),
    (b'{"site": "wf_nobody", "kind": "copy"}', {}, 404, "wf_nobody", False),
    (b'{"site": "KEY", "kind": "copy"}', {"origin": "https://evil.test"}, 403, "evil.test", False),
]
BAD = [("/v1/visits", *row) for row in BAD_PAGES] + [("/v1/signals", *row) for row in BAD_SIGNS]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "words", "readable"), BAD, ids=[f"{row[0]} {row[3]} {row[4]}" for row in BAD]
)
async def test_bad_input_is_a_problem_that_says_what_and_where(
    http: httpx.AsyncClient,
    stage: Stage,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    words: str,
    readable: bool,
) -> None:
    answer = await http.post(path, content=body.replace(b"KEY", stage.site.key.encode()), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], words in problem["detail"], bool(problem["hint"])) == (status, True, True)
    assert problem["type"].startswith("urn:wherefrom:problem:")
    assert answer.headers.get("access-control-allow-origin") == (ORIGIN if readable else None)
    assert sum((await stage.drops()).values()) == 1


async def test_a_request_without_origin_is_taken_by_its_page(http: httpx.AsyncClient, stage: Stage) -> None:
    del http.headers["origin"]
    answer = await http.post("/v1/visits", content=hit(stage))
    assert (answer.json()["visit"], "access-control-allow-origin" in answer.headers) == ("1", False)
    answer = await http.post("/v1/visits", content=hit(stage), headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(http: httpx.AsyncClient, stage: Stage) -> None:
    large = hit(stage, title="x" * 20_000)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    for content in (large, chunks()):
        answer = await http.post("/v1/visits", content=content)
        assert (answer.status_code, answer.json()["limit"]) == (413, 16_384)
    assert await stage.drops() == {(0, "oversized"): 2}
    fitting = hit(stage, title="x" * 10_000)

    async def fitting_chunks() -> AsyncIterator[bytes]:
        yield fitting[:9]
        yield fitting[9:]

    assert (await http.post("/v1/visits", content=fitting_chunks())).json()["visit"] == "1"


async def test_a_sign_is_answered_with_nothing(http: httpx.AsyncClient, stage: Stage) -> None:
    token = (await http.post("/v1/visits", content=hit(stage))).json()["token"]
    for kind, given in (("heartbeat", token), ("copy", token), ("copy", "forged")):
        sign = {"site": stage.site.key, "token": given, "kind": kind, "address": SALES, "page": PAGE}
        answer = await http.post("/v1/signals", content=json.dumps(sign))
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert [row["kind"] for row in await stage.rows(intent)] == ["copy"]
    assert await stage.drops() == {(stage.site.id, "bad_token"): 1}


async def test_ten_first_pages_at_once_are_ten_visits(http: httpx.AsyncClient, stage: Stage) -> None:
    answers = await asyncio.gather(*(http.post("/v1/visits", content=hit(stage)) for _ in range(10)))
    assert sorted(int(answer.json()["visit"]) for answer in answers) == list(range(1, 11))
    assert len(await stage.rows(visit)) == 10


async def test_ten_first_pages_of_one_visitor_at_once_are_one_visit(
    http: httpx.AsyncClient, stage: Stage, clock: FixedClock
) -> None:
    known = (await http.post("/v1/visits", content=hit(stage))).json()
    clock.advance(FRESH * 1000)
    body = hit(stage, visit=known["token"], visitor=known["visitor"])
    answers = await asyncio.gather(*(http.post("/v1/visits", content=body) for _ in range(10)))
    assert len({answer.json()["visit"] for answer in answers} - {"1"}) == 1
    assert sorted(answer.json()["new"] for answer in answers) == [False] * 9 + [True]


async def test_the_proxys_word_on_the_visitors_address_is_taken(http: httpx.AsyncClient, stage: Stage) -> None:
    await http.post("/v1/visits", content=hit(stage), headers={"x-forwarded-for": "1.2.3.4, 203.0.113.9"})
    assert (await stage.rows(visit))[0]["ip"] == "203.0.113.0"


async def test_a_preflight_is_granted_and_tells_nothing(http: httpx.AsyncClient) -> None:
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    for path in ("/v1/visits", "/v1/signals"):
        answer = await http.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert answer.headers["access-control-allow-headers"] == "content-type"
        assert "access-control-allow-credentials" not in answer.headers
    assert (await http.options("/v1/visits")).headers["allow"] == "POST, OPTIONS"


async def test_other_methods_are_not_allowed(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/visits")).status_code == 405
    assert (await http.post("/wf.js")).status_code == 405


async def test_the_script_comes_with_a_digest_and_is_asked_for_again(http: httpx.AsyncClient) -> None:
    script = load_script()
    answer = await http.get("/wf.js", headers={"accept-encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, script.body)
    headers = answer.headers
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert (headers["access-control-allow-origin"], headers["x-content-type-options"]) == ("*", "nosniff")
    assert headers["cache-control"].startswith("public, max-age=3600")
    unchanged = await http.get("/wf.js", headers={"if-none-match": f'"x", W/{headers["etag"]}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (await http.get("/wf.js", headers={"if-none-match": '"other"'})).status_code == 200


async def test_the_script_is_sent_zipped_to_who_can_read_it(http: httpx.AsyncClient) -> None:
    answer = await http.get("/wf.js", headers={"accept-encoding": "br, gzip"})
    assert (answer.headers["content-encoding"], answer.content) == ("gzip", load_script().body)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(load_script().zipped) == load_script().body


async def test_a_versioned_script_never_changes_and_can_be_pinned(http: httpx.AsyncClient) -> None:
    script = load_script()
    answer = await http.get(f"/wf.{script.version}.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    digest = base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
    assert script.integrity == f"sha384-{digest}"
    older = await http.get("/wf.00000000.js")
    assert (older.content, older.headers["cache-control"]) == (script.body, "no-cache")


@pytest.mark.parametrize("kind", ["full", "roistat"])
async def test_the_other_scripts_lie_beside_the_core_and_can_be_pinned_too(http: httpx.AsyncClient, kind: str) -> None:
    script = load_script(kind)
    plain = await http.get(f"/wf-{kind}.js")
    assert (plain.status_code, plain.content) == (200, script.body)
    pinned = await http.get(f"/wf-{kind}.{script.version}.js")
    assert (pinned.content, pinned.headers["cache-control"]) == (script.body, "public, max-age=31536000, immutable")
    assert (await http.get("/wf-other.js")).status_code == 404


async def test_a_versioned_core_finds_the_full_script_beside_itself(http: httpx.AsyncClient) -> None:
    beside = await http.get(f"/wf.{load_script().version}-full.js")
    assert (beside.content, beside.headers["cache-control"]) == (load_script("full").body, "no-cache")


async def test_names_and_paths_are_the_settings(services: Services) -> None:
    paths = CollectorGroup(script_path="/assets/hello.min.js", visits_path="/a", signals_path="/b")
    changed = replace(services, settings=msgspec.structs.replace(services.settings, collector=paths))
    stage = await set_stage(changed)
    listed = [route.path for route in routes(changed, stage.collector)]
    assert listed == [
        "/a",
        "/b",
        "/assets/hello.min.js",
        "/assets/hello.min-full.js",
        "/assets/hello.min-roistat.js",
        "/assets/hello.min.{version}.js",
        "/assets/hello.min-full.{version}.js",
        "/assets/hello.min-roistat.{version}.js",
    ]
