"""The shop of the script's tests: a page in a real browser, a collector that answers it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from tests.js.collector import Collector
from tests.support.chromium import PATIENT

TWO_FRAMES_AND_A_MOMENT = """() => new Promise(
    done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 120))))"""


class Shop:
    """A page with the script on it. ``errors`` are the page's uncaught exceptions, ``printed`` its console."""

    def __init__(self, page: Page, collector: Collector) -> None:
        self.page = page
        self.collector = collector
        self.errors: list[str] = []
        self.printed: list[str] = []
        page.on("pageerror", self._note_error)
        page.on("console", self._note_line)

    def _note_error(self, error: Error) -> None:
        self.errors.append(str(error))

    def _note_line(self, line: ConsoleMessage) -> None:
        self.printed.append(line.text)

    async def open(self, name: str = "plain.html", *, host: str = "shop.example", settled: bool = True) -> None:
        """Opens a page of ``pages/``; ``settled``: returns when the first answer has been drawn."""
        await self.page.goto(self.collector.url("/" + name, host))
        if settled:
            await self.settle()

    async def settle(self) -> None:
        """Returns when an answer of the collector has been drawn."""
        await self.until("() => window.wherefrom?.email.loaded && document.readyState === 'complete'")

    async def quiet(self) -> None:
        """Returns when two frames and the script's gathering time have passed and no request has been added."""
        seen = -1
        while seen != len(self.collector.all_told()):
            seen = len(self.collector.all_told())
            await self.page.evaluate(TWO_FRAMES_AND_A_MOMENT)

    async def text(self, selector: str) -> str:
        return str(await self.page.eval_on_selector(selector, "element => element.textContent"))

    async def shows(self, selector: str, text: str) -> None:
        """Waits until the element's text is ``text``."""
        await self.until(
            "([selector, text]) => document.querySelector(selector)?.textContent === text",
            [selector, text],
            told=f"() => document.querySelector({selector!r})?.textContent",
        )

    async def href(self, selector: str) -> str:
        return str(await self.page.eval_on_selector(selector, "element => element.getAttribute('href')"))

    async def until(self, script: str, arg: Any = None, timeout: float = 40.0, told: str = "() => ''") -> None:
        """Waits until the function ``script`` answers true, asking every few frames. Playwright's own waiting needs
        ``eval``, which a strict policy forbids."""
        deadline = time.monotonic() + timeout
        while not await self.page.evaluate(script, arg):
            assert time.monotonic() < deadline, f"in vain: {script} {arg}; {await self.page.evaluate(told)}"
            await asyncio.sleep(0.02)

    async def wait(self, condition: Callable[[], bool], timeout: float = 40.0) -> None:
        """Waits, by the collector's news, until ``condition`` holds."""
        await asyncio.to_thread(self.collector.wait, condition, timeout)

    async def run(self, script: str, arg: Any = None) -> Any:
        """What the function ``script`` returns in the page. TimeoutError when the page is frozen."""
        async with asyncio.timeout(60):
            return await self.page.evaluate(script, arg)


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def shop(page: Page, collector: Collector) -> AsyncIterator[Shop]:
    """Whatever a test does to the script: the page never sees an exception of it."""
    await page.add_init_script(PATIENT)
    opened = Shop(page, collector)
    yield opened
    assert opened.errors == []


@pytest_asyncio.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """For a page that the test makes itself; certificates of nobody are fine."""
    opened = await chromium.new_context(ignore_https_errors=True)
    opened.set_default_timeout(60_000)
    yield opened
    await opened.close()
