"""Fails open: whatever happens to the service, the page keeps its real addresses and sees no exception (promise 5)."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.js.collector import Collector, Fault
from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"


async def assert_real(shop: Shop) -> None:
    assert await shop.text("#text") == "Write to sales@company.com today."
    assert await shop.href("#link") == "mailto:sales@company.com"
    assert shop.errors == []


@pytest.mark.parametrize("fault", ["500", "404", "garbage", "not-an-object", "wrong-shapes", "wrong-times", "cut"])
async def test_a_collector_that_answers_nonsense_leaves_the_real_addresses(shop: Shop, fault: Fault) -> None:
    shop.collector.fault = fault
    await shop.open(settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await shop.quiet()
    await assert_real(shop)
    shop.collector.fault = ""
    await shop.run("() => { wherefrom.email.refresh() }")
    await shop.shows("#link", SUBSTITUTE)
    assert shop.collector.pageviews[-1]["page"] == shop.collector.url("/plain.html")


async def test_a_collector_that_is_down_leaves_the_real_addresses(shop: Shop) -> None:
    await shop.page.clock.install()
    shop.collector.fault = "cut"  # what is asked before it is down
    await shop.open("plain.html", settled=False)
    shop.collector.stop()
    await shop.page.clock.fast_forward(2000)
    await shop.quiet()
    await assert_real(shop)
    shop.collector.fault = ""
    shop.collector.start()
    await shop.page.clock.fast_forward(240_000)
    await shop.shows("#link", SUBSTITUTE)
    assert {view["page"] for view in shop.collector.pageviews} == {shop.collector.url("/plain.html")}


async def test_a_collector_that_hangs_is_given_up_after_some_seconds(page: Page, collector: Collector) -> None:
    shop = Shop(page, collector)
    shop.collector.fault = "hang"
    aborted: list[str] = []
    shop.page.on("requestfailed", lambda request: aborted.append(request.url))
    await shop.open(settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await assert_real(shop)
    async with shop.page.expect_event("requestfailed", timeout=40_000):
        pass
    assert aborted == [shop.collector.url("/v1/visits")]
    await assert_real(shop)


async def test_a_script_that_never_loads_leaves_the_real_addresses(shop: Shop) -> None:
    shop.collector.attributes = {"src": "/missing.js"}
    await shop.open(settled=False)
    await assert_real(shop)
    assert shop.collector.visits == []


async def test_a_policy_that_forbids_the_collector_leaves_the_real_addresses(shop: Shop) -> None:
    shop.collector.headers = {"Content-Security-Policy": "default-src 'self'; connect-src 'none'"}
    async with shop.page.expect_console_message(lambda line: "connect-src" in line.text):
        await shop.open(settled=False)
    await shop.quiet()
    await assert_real(shop)
    assert shop.collector.visits == []


async def test_nothing_is_written_to_the_console(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    assert shop.printed == []


async def test_a_dropped_hit_leaves_the_real_addresses_and_sends_no_signals(shop: Shop) -> None:
    shop.collector.dropped = True
    await shop.open()
    await assert_real(shop)
    await shop.run("() => document.addEventListener('click', event => event.preventDefault())")
    await shop.page.click("#link")
    await shop.quiet()
    assert shop.collector.signals == []
    assert await shop.run("() => [wherefrom.visit, document.cookie]") == [None, ""]


async def test_a_site_switched_off_leaves_the_real_addresses_and_takes_back_substitutes(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    shop.collector.enabled = False
    await shop.run("() => { wherefrom.email.refresh() }")
    await shop.shows("#link", "sales@company.com")
    await assert_real(shop)


@pytest.mark.parametrize("missing", ["fetch", "AbortSignal", "IntersectionObserver", "URL"])
async def test_a_browser_without_what_is_needed_keeps_the_real_addresses_in_peace(shop: Shop, missing: str) -> None:
    await shop.page.add_init_script(f"delete window.{missing}")
    await shop.open(settled=False)
    await shop.page.wait_for_function("window.wherefrom")
    await shop.quiet()
    assert "sales" in await shop.text("#text")
    assert shop.errors == []
