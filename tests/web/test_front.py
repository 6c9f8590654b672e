"""What is answered before Starlette, and what Starlette answers."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from wherefrom.web.asked import Asked
from wherefrom.web.front import DirectRoute, Front
from wherefrom.web.wire import Head, fixed

FOUND, FIXED = Head(200, []), fixed(200, [(b"x-one", b"1")], b"fixed")


def where(asked: Asked) -> None:
    asked.answer(FOUND.reply(asked.path.encode()))


def length(asked: Asked) -> None:
    asked.answer(FOUND.reply(b"too large" if asked.body is None else b"%d" % len(asked.body)))


def broken(asked: Asked) -> None:
    raise ValueError("no luck")


def late(asked: Asked) -> None:
    async def work() -> None:
        raise ValueError("no luck")

    asked.run(work())


def silent(asked: Asked) -> None:
    async def work() -> None:
        pass

    asked.run(work())


async def usual(_request: Request) -> Response:
    return PlainTextResponse("usual")


async def tell(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{request.url.path}: {error}", 500)


ROUTES: list[BaseRoute] = [
    DirectRoute("/o/", where, ["GET", "HEAD"], is_prefix=True),
    DirectRoute("/exact", where, ["GET", "POST"]),
    DirectRoute("/length", length, ["POST"], limit=5),
    DirectRoute("/broken", broken, ["GET"]),
    DirectRoute("/late", late, ["GET"]),
    DirectRoute("/silent", silent, ["GET"]),
    DirectRoute("/fixed", lambda asked: asked.answer(FIXED), ["GET", "HEAD"]),
    Route("/usual", usual),
]


@pytest.fixture(params=["front", "starlette"])
def app(request: pytest.FixtureRequest) -> ASGIApp:
    """Both find the same routes."""
    return Front(ROUTES, tell=tell) if request.param == "front" else Starlette(routes=ROUTES)


async def ask(app: ASGIApp, path: str, method: str = "GET", body: bytes = b"") -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        return await client.request(method, path, content=body)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/o/", 200, "/o/"), ("/o/a/b", 200, "/o/a/b"), ("/ox", 404, "Not Found"), ("/exact", 200, "/exact"),
        ("/exactly", 404, "Not Found"), ("/usual", 200, "usual"),
    ],
)  # fmt: skip
async def test_a_direct_route_has_its_path_or_all_below_it_and_nothing_else(
    app: ASGIApp, path: str, status: int, text: str
) -> None:
    answer = await ask(app, path)
    assert (answer.status_code, answer.text) == (status, text)


async def test_a_method_that_is_not_taken_is_told_which_are(app: ASGIApp) -> None:
    answer = await ask(app, "/exact", "DELETE")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_fixed_answer_is_the_same_each_time(app: ASGIApp) -> None:
    for _ in range(2):
        answer = await ask(app, "/fixed")
        assert (answer.status_code, answer.text, answer.headers["x-one"]) == (200, "fixed", "1")
        assert answer.headers.get_list("content-length") == ["5"]


@pytest.mark.parametrize(("body", "text"), [(b"", "0"), (b"12345", "5"), (b"123456", "too large")])
async def test_a_body_is_read_as_far_as_the_route_takes_it(app: ASGIApp, body: bytes, text: str) -> None:
    assert (await ask(app, "/length", "POST", body)).text == text


@pytest.mark.parametrize(
    ("path", "said"), [("/broken", "no luck"), ("/late", "no luck"), ("/silent", "/silent was not answered")]
)
async def test_what_a_door_raises_is_answered_as_the_others_faults_are(path: str, said: str) -> None:
    answer = await ask(Front(ROUTES, tell=tell), path)
    assert (answer.status_code, answer.text) == (500, f"{path}: {said}")
