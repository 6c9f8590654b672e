"""A letter in a real browser: it shows the pixel, its link leads to the shop, its way out asks first."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.outbound.stage import Stage, set_stage
from tests.support.ports import free_port
from wherefrom.app import build_app
from wherefrom.clock import FixedClock
from wherefrom.outbound.status import SendStatus
from wherefrom.services import Services
from wherefrom.settings import Server
from wherefrom.web.serve import bind, serve_http


async def _shop(request: Request) -> Response:
    return PlainTextResponse(f"the shop: {request.url.path}?{request.url.query}")


@pytest_asyncio.fixture
async def served(services: Services, clock: FixedClock) -> AsyncIterator[Stage]:
    """The whole service on a port, with a shop behind it that any other path leads to."""
    port, stop = free_port(), asyncio.Event()
    settings = msgspec.structs.replace(services.settings, server=Server(public_url=f"http://mail.test:{port}"))
    stage = await set_stage(dataclasses.replace(services, settings=settings), clock)
    shop = Starlette(routes=[Route("/offer", _shop)])
    whole = build_app(stage.services)
    whole.router.routes.insert(0, shop.routes[0])
    serving = asyncio.create_task(serve_http(whole, bind("127.0.0.1", port), stop))
    try:
        yield stage
    finally:
        stop.set()
        await serving
        await stage.http.aclose()


async def test_a_letter_is_opened_clicked_and_left(served: Stage, page: Page) -> None:
    base = served.services.settings.server.public_url
    shop = base.replace("mail.test", "shop.test")
    letter = f'<html><body><p>Look: <a href="{shop}/offer?a=1&amp;b=%C3%BC">the offer</a></p></body></html>'
    handed = await served.hand_in(html=letter, list="news")

    async with page.expect_response(re.compile("/o/")) as pixel:
        await page.set_content(handed.letter.html)
    assert (await (await pixel.value).body()).startswith(b"GIF89a")
    served.clock.advance(timedelta(seconds=20))

    await page.get_by_text("the offer").click()
    await expect(page.locator("body")).to_have_text("the shop: /offer?a=1&b=%C3%BC")
    await served.settle()
    sent = await served.look(handed)
    assert (sent.status, sent.opens, sent.clicks) == (SendStatus.CLICKED, 1, 1)

    way_out = handed.letter.headers["List-Unsubscribe"].strip("<>")
    await page.goto(way_out)
    await expect(page.get_by_role("heading")).to_have_text("Stop these letters?")
    assert (await served.look(handed)).status is SendStatus.CLICKED
    await page.get_by_role("button", name="Stop “news”").click()
    await expect(page.get_by_role("heading")).to_have_text("It is done")
    assert (await served.look(handed)).status is SendStatus.UNSUBSCRIBED
    await page.get_by_role("button", name="That was a mistake").click()
    await expect(page.get_by_role("heading")).to_have_text("All is as before")
    await served.hand_in(list="news")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what a page looks like does not depend on it
async def test_the_way_out_fits_a_desk_and_a_telephone(served: Stage, page: Page) -> None:
    handed = await served.hand_in(list="Letters about houses by the sea, monthly, with " + "x" * 50)
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.goto(handed.letter.headers["List-Unsubscribe"].strip("<>"))
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for button in await page.get_by_role("button").all():
            box = await button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
