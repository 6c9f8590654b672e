"""The browser of the tests opens pages of any host name from loopback, each test in a context of its own."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from playwright.async_api import Error as BrowserError

from tests.support.chromium import WITHOUT
from tests.support.receiver import Receiver

PAGE = "<!doctype html><title>Shop</title><p id=mail>sales@company.example</p>"
HTML = {"Content-Type": "text/html"}


async def test_a_page_of_any_host_comes_from_loopback_under_its_own_name(page: Page, receiver: Receiver) -> None:
    receiver.answer(200, PAGE, HTML, path="/")
    await page.goto(f"http://shop.example:{receiver.port}/")
    assert await page.title() == "Shop"
    assert await page.text_content("#mail") == "sales@company.example"
    assert await page.evaluate("location.hostname") == "shop.example"
    assert (await receiver.next()).headers["host"] == f"shop.example:{receiver.port}"


async def test_a_page_of_another_site_may_not_read_an_answer_without_leave(page: Page, receiver: Receiver) -> None:
    receiver.answer(200, PAGE, HTML, path="/")
    await page.goto(f"http://shop.example:{receiver.port}/")
    fetch = "url => fetch(url).then(answer => answer.status)"
    url = f"http://collector.example:{receiver.port}/v1/visits"
    with pytest.raises(BrowserError, match="Failed to fetch"):
        await page.evaluate(fetch, url)
    receiver.answer(200, headers={"Access-Control-Allow-Origin": f"http://shop.example:{receiver.port}"})
    assert await page.evaluate(fetch, url) == 200


@pytest.mark.parametrize("turn", [1, 2])
async def test_what_one_test_stores_in_the_browser_the_next_does_not_see(
    page: Page, receiver: Receiver, turn: int
) -> None:
    receiver.answer(200, PAGE, HTML, path="/")
    await page.goto(f"http://shop.example:{receiver.port}/")
    assert await page.evaluate("localStorage.getItem('visit')") is None
    await page.evaluate("turn => localStorage.setItem('visit', turn)", turn)
    assert await page.evaluate("localStorage.getItem('visit')") == str(turn)


async def test_a_page_that_is_not_there_is_an_error_not_a_wait(page: Page, receiver: Receiver) -> None:
    receiver.stop()
    with pytest.raises(BrowserError, match="ERR_CONNECTION_REFUSED"):
        await page.goto(f"http://shop.example:{receiver.port}/")


async def test_visitors_are_contexts_of_one_browser(chromium: Browser, receiver: Receiver) -> None:
    receiver.default = receiver.default.__class__(200, PAGE.encode(), HTML)
    for language in ("de-DE", "en-GB"):
        context = await chromium.new_context(locale=language)
        visitor = await context.new_page()
        await visitor.goto(f"http://shop.example:{receiver.port}/")
        assert await visitor.evaluate("navigator.language") == language
        await context.close()
    sent = [request.headers["accept-language"] for request in receiver.requests if request.path == "/"]
    assert [value.partition(",")[0] for value in sent] == ["de-DE", "en-GB"]


async def test_what_playwright_switches_off_stays_off_under_our_own_list(chromium: Browser) -> None:
    session = await chromium.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    await session.detach()
    (number,) = (one["id"] for one in processes if one["type"] == "browser")
    line = re.split(r"[\0 ]", (await asyncio.to_thread(Path(f"/proc/{number}/cmdline").read_text)))
    theirs, ours = (set(one.partition("=")[2].split(",")) for one in line if one.startswith("--disable-features="))
    assert theirs < ours
    assert ours == set(WITHOUT)
