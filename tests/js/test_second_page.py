"""The second page of a visit begins with what the first one held: no flash, nothing shifts, nothing that is not certain
(features B02, A15); tabs, the way back, and no network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.js.conftest import Shop
from tests.support.chromium import ARGUMENTS, find_program

SUBSTITUTE = "sales+k7f3q9x2@company.com"
NEXT = "sales+p5r6s7t8@company.com"
LINES = "<p id=more>more text</p>" * 200
WATCH = """<script>
window.swapped = [];
window.shifts = [];
new PerformanceObserver(list => shifts.push(...list.getEntries().map(entry => entry.value)))
    .observe({ type: "layout-shift", buffered: true });
new MutationObserver(records => {
    if (records.some(record => record.type === "characterData")) swapped.push(performance.now());
}).observe(document, { subtree: true, characterData: true });
</script>"""
PAGE = f"""<!doctype html><meta charset=utf-8><title>Contact</title>
<style>body {{ font: 16px monospace; width: 22em }}</style>{WATCH}<!--wherefrom-->
<p id=text>Write: sales@company.com</p><p>{"below " * 30}</p>{LINES}"""

NARROW = PAGE.replace("width: 22em", "width: 15em")  # the substitute breaks into a second line
TOTAL = "() => shifts.reduce((sum, value) => sum + value, 0)"
MOMENTS = "() => [swapped[0], performance.getEntriesByName('first-contentful-paint')[0].startTime]"


@pytest.fixture
async def begun(shop: Shop) -> Shop:
    """A visit that has seen one page with a substitute."""
    shop.collector.pages["/page"] = PAGE
    await shop.open("page")
    await shop.shows("#text", f"Write: {SUBSTITUTE}")
    await shop.quiet()
    return shop


async def test_the_second_page_is_swapped_before_it_is_first_painted_and_nothing_shifts(begun: Shop) -> None:
    """With the full script in the head, not async."""
    begun.collector.attributes = {"src": "/wf-full.js", "async": "false"}
    begun.collector.open.clear()
    begun.collector.pages["/page"] = NARROW.replace(
        "<!--wherefrom-->", begun.collector.tag().replace('async="false" ', "")
    )
    await begun.open("page", settled=False)
    await begun.until(
        "() => performance.getEntriesByName('first-contentful-paint').length && document.readyState === 'complete'"
    )
    swapped, painted = await begun.run(MOMENTS)
    assert swapped < painted
    assert await begun.text("#text") == f"Write: {SUBSTITUTE}"
    begun.collector.open.set()
    await begun.settle()
    await begun.quiet()
    assert await begun.run("() => [swapped.length, shifts.reduce((sum, value) => sum + value, 0)]") == [1, 0]


async def test_an_async_tag_that_blocks_rendering_swaps_before_the_first_paint_every_time(begun: Shop) -> None:
    begun.collector.attributes = {"src": "/wf-full.js", "blocking": "render"}
    begun.collector.pages["/page"] = NARROW
    begun.collector.open.clear()
    for _ in range(5):
        await begun.open("page", settled=False)
        await begun.shows("#text", f"Write: {SUBSTITUTE}")
        await begun.until("() => performance.getEntriesByName('first-contentful-paint').length")
        await begun.quiet()
        swapped, painted = await begun.run(MOMENTS)
        assert swapped < painted
        assert await begun.run(TOTAL) == 0
    begun.collector.open.set()


async def test_with_the_usual_tag_a_line_that_breaks_is_all_that_shifts(begun: Shop) -> None:
    """An async script that blocks nothing may come before the first paint or after it: the browser decides."""
    begun.collector.pages["/page"] = NARROW
    begun.collector.open.clear()
    for _ in range(5):
        await begun.open("page", settled=False)
        await begun.shows("#text", f"Write: {SUBSTITUTE}")
        await begun.until("() => performance.getEntriesByName('first-contentful-paint').length")
        await begun.quiet()
        swapped, painted = await begun.run(MOMENTS)
        # A paint is dated when it is seen, and a busy browser has laid the page out well before that.
        assert await begun.run(TOTAL) < (0.01 if swapped >= painted - 250 else 1e-9)  # 0.1 counts as good
    begun.collector.open.set()


async def test_with_the_usual_tag_the_second_page_is_swapped_without_an_answer(begun: Shop) -> None:
    begun.collector.open.clear()
    await begun.open("page", settled=False)
    await begun.shows("#text", f"Write: {SUBSTITUTE}")
    await begun.quiet()
    assert len(begun.collector.pageviews) == 2
    begun.collector.open.set()
    await begun.settle()
    assert await begun.run(TOTAL) == 0


async def test_the_collector_has_the_last_word_on_the_second_page(begun: Shop) -> None:
    begun.collector.targets = {}
    await begun.open("page")
    await begun.shows("#text", "Write: sales@company.com")
    await begun.open("page")
    await begun.quiet()
    assert await begun.text("#text") == "Write: sales@company.com"


async def test_another_visit_replaces_what_the_second_page_began_with(begun: Shop) -> None:
    begun.collector.visit, begun.collector.targets = 101, {"sales@company.com": NEXT}
    await begun.open("page")
    await begun.shows("#text", f"Write: {NEXT}")
    assert await begun.run("() => wherefrom.visit") == "101"


CHANGES = {
    "it lasted a second, and that is over": "kept[3] = 1000; kept[4] -= 1001",
    "more than half of its time is over": "kept[4] -= 500_000",
    "the clock has been put back": "kept[4] += 500_000",
    "it is of another visit": "kept[0] = 'token-99'",
    "a part is missing": "kept.length = 2",
    "it is no longer readable": "text = '['",
}


async def test_what_is_not_certainly_held_is_not_shown(begun: Shop) -> None:
    for change in CHANGES.values():
        await begun.run(
            f"""() => {{
                const kept = JSON.parse(localStorage.wf_visit_lease);
                let text;
                {change};
                localStorage.wf_visit_lease = text ?? JSON.stringify(kept);
            }}"""
        )
        begun.collector.fault = "500"
        asked = len(begun.collector.visits)
        await begun.open("page", settled=False)
        await begun.wait(lambda asked=asked: len(begun.collector.visits) > asked)  # type: ignore[misc]
        assert (change, await begun.run("() => swapped.length")) == (change, 0)
        assert await begun.text("#text") == "Write: sales@company.com"
        begun.collector.fault = ""
        await begun.run("() => wherefrom.email.refresh()")
        await begun.shows("#text", f"Write: {SUBSTITUTE}")


async def test_who_comes_from_another_site_waits_for_the_answer_since_it_may_be_another_visit(begun: Shop) -> None:
    begun.collector.pages["/away"] = "<!doctype html><title>Away</title>"
    await begun.page.goto(begun.collector.url("/away", "elsewhere.example"))
    begun.collector.open.clear()
    await begun.page.evaluate("url => { location.href = url }", begun.collector.url("/page"))
    await begun.wait(lambda: len(begun.collector.pageviews) == 2)
    await begun.quiet()
    assert await begun.text("#text") == "Write: sales@company.com"
    begun.collector.open.set()
    await begun.shows("#text", f"Write: {SUBSTITUTE}")


async def test_a_page_that_will_be_hydrated_is_not_written_to_before_it_has_loaded(begun: Shop) -> None:
    for mark in ('<div id="root">', '<div id="__next">', '<script type="module">0</script>'):
        begun.collector.pages["/page"] = PAGE.replace("<p id=text>", f"{mark}<p id=text>") + '<img src="/hang">'
        await begun.page.goto(begun.collector.url("/page"), wait_until="domcontentloaded")
        await begun.until("() => window.wherefrom?.email.loaded")
        assert (mark, await begun.text("#text")) == (mark, "Write: sales@company.com")


async def test_paths_that_are_off_are_known_on_the_second_page_without_a_request(shop: Shop) -> None:
    shop.collector.pages |= {"/page": PAGE, "/legal/imprint": PAGE, "/legal": PAGE}
    shop.collector.off = ["/legal/*", "/about(us)"]
    await shop.open("page")
    await shop.shows("#text", f"Write: {SUBSTITUTE}")
    shop.collector.open.clear()
    await shop.open("legal/imprint", settled=False)
    await shop.wait(lambda: len(shop.collector.pageviews) == 2)
    await shop.quiet()
    assert await shop.run("() => swapped") == []
    assert shop.collector.pageviews[1]["addresses"] == []
    shop.collector.open.set()
    await shop.settle()
    await shop.quiet()
    assert await shop.run("() => swapped") == []
    await shop.open("legal")
    await shop.shows("#text", f"Write: {SUBSTITUTE}")


async def test_a_single_page_app_shows_the_real_address_at_once_on_a_path_that_is_off(begun: Shop) -> None:
    begun.collector.off = ["*/imprint"]
    await begun.open("page")
    begun.collector.open.clear()
    shown = await begun.run(
        "() => { history.pushState({}, '', '/de/imprint'); return document.querySelector('#text').textContent }"
    )
    assert shown == "Write: sales@company.com"
    begun.collector.open.set()
    await begun.run("() => history.pushState({}, '', '/de/contact')")
    await begun.shows("#text", f"Write: {SUBSTITUTE}")


async def test_on_the_first_page_already_an_app_shows_the_real_address_at_once_on_a_path_that_is_off(
    shop: Shop,
) -> None:
    """With the core and its helper: what is off came with the first answer."""
    shop.collector.pages["/page"] = PAGE
    shop.collector.off = ["*/imprint"]
    await shop.open("page")
    await shop.shows("#text", f"Write: {SUBSTITUTE}")
    await shop.until("() => !wherefrom.core")
    assert await shop.run("() => typeof wherefrom.consent") == "undefined"  # it is the core
    shop.collector.open.clear()
    read = "() => [document.querySelector('#text').textContent, Object.keys(wherefrom.email.addresses).length]"
    assert await shop.run(f"() => {{ history.pushState({{}}, '', '/de/imprint'); return ({read})() }}") == [
        "Write: sales@company.com",
        0,
    ]
    assert await shop.run(f"() => {{ history.pushState({{}}, '', '/de/contact'); return ({read})() }}") == [
        f"Write: {SUBSTITUTE}",
        1,
    ]
    shop.collector.open.set()


async def test_a_second_tab_shows_the_same_substitute_at_once(begun: Shop) -> None:
    begun.collector.open.clear()
    second = Shop(await begun.page.context.new_page(), begun.collector)
    await second.open("page", settled=False)
    await second.shows("#text", f"Write: {SUBSTITUTE}")
    begun.collector.open.set()
    await second.settle()
    assert begun.collector.pageviews[1]["visit"] == "token-100"
    assert second.errors == []


async def test_a_visit_that_one_tab_begins_reaches_the_other_with_its_next_question(begun: Shop) -> None:
    begun.collector.visit, begun.collector.targets = 101, {"sales@company.com": NEXT}
    second = Shop(await begun.page.context.new_page(), begun.collector)
    await second.open("page")
    await second.shows("#text", f"Write: {NEXT}")
    await begun.run("() => wherefrom.email.refresh()")
    await begun.shows("#text", f"Write: {NEXT}")
    assert begun.collector.visits[-1]["visit"] == "token-101"


async def test_the_way_back_shows_the_substitute_again(begun: Shop) -> None:
    await begun.open("late.html")
    await begun.page.go_back()
    await begun.shows("#text", f"Write: {SUBSTITUTE}")
    await begun.settle()
    assert [view["page"].rpartition("/")[2] for view in begun.collector.pageviews] == ["page", "late.html", "page"]


async def test_without_a_network_the_next_page_shows_what_is_still_held_and_then_the_real_address(begun: Shop) -> None:
    await begun.page.clock.install()
    begun.collector.fault = "cut"
    await begun.open("page", settled=False)
    await begun.shows("#text", f"Write: {SUBSTITUTE}")
    await begun.page.context.set_offline(True)
    for _ in range(16):
        await begun.page.clock.fast_forward(60_500)
    await begun.shows("#text", "Write: sales@company.com")
    await begun.page.context.set_offline(False)
    begun.collector.fault = ""
    await begun.page.clock.fast_forward(60_500)
    await begun.shows("#text", f"Write: {SUBSTITUTE}")


@pytest.fixture
async def remembering() -> AsyncIterator[Browser]:
    """A browser with the back/forward cache, which Playwright switches off otherwise."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_program(),
            args=list(ARGUMENTS),
            ignore_default_args=["--disable-back-forward-cache"],
            timeout=120_000,
        )
        yield browser
        await browser.close()


async def test_a_page_from_the_back_forward_cache_goes_on_and_is_told_again(remembering: Browser, shop: Shop) -> None:
    collector = shop.collector
    page = await (await remembering.new_context()).new_page()
    kept = Shop(page, collector)
    await kept.open()
    await kept.shows("#link", SUBSTITUTE)
    await kept.run("() => { window.alive = true }")
    await page.goto(collector.url("/late.html"))
    await kept.settle()
    collector.targets = {"sales@company.com": NEXT}
    await page.go_back(wait_until="commit")
    await kept.until("() => document.querySelector('#link')")
    if not await kept.run("() => window.alive"):
        pytest.skip("this Chromium did not keep the page in its back/forward cache")
    await kept.shows("#link", NEXT)
    assert [view["page"].rpartition("/")[2] for view in collector.pageviews] == [
        "plain.html",
        "late.html",
        "plain.html",
    ]
    assert kept.errors == []
