"""The swap happens before a click's default action or a copy can complete (feature B07): what is used while it is being
asked for is held, a second at most, and then done with the substitute. Without an answer it is done as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import CDPSession

from tests.js.collector import Fault
from tests.js.conftest import Shop
from tests.js.test_addresses import TARGETS

SUBSTITUTE = "sales+k7f3q9x2@company.com"
REAL_LINK = "mailto:sales@company.com"
LINK = "mailto:sales%2Bk7f3q9x2@company.com"
# A hold lasts a second by the page's clock, which stands from here on and goes when the test says so: what a browser
# beside a build takes for a click and an answer is no part of that second.
LISTEN = """() => {
    let now = performance.now();
    performance.now = () => now;
    window.pass = milliseconds => now += milliseconds;
    window.heard = [];
    for (const type of ["click", "auxclick"])
        addEventListener(type, event => {
            const link = event.composedPath().find(node => node.href);
            heard.push([type, event.button, event.ctrlKey, event.shiftKey, link && link.getAttribute("href")]);
        });
}"""
SLOW_TIMERS = "(given => window.setTimeout = (work, ms) => given(work, 10 * ms))(setTimeout)"
SCRIPTS = ["/wf.js", "/wf-full.js"]
SLOW = """<!doctype html><meta charset=utf-8><title>Slow</title><!--wherefrom--><div id=root></div>
<p><a id=link href="mailto:sales@company.com">sales@company.com</a></p><img src="/hang">"""


class Led:
    """Where the browser was led by links: (url, "currentTab" or "newTab" or "newWindow")."""

    def __init__(self, session: CDPSession) -> None:
        self.ways: list[tuple[str, str]] = []
        session.on("Page.frameRequestedNavigation", self._note)

    def _note(self, event: dict[str, Any]) -> None:
        self.ways.append((event["url"], event["disposition"]))


@pytest.fixture
async def led(shop: Shop) -> AsyncIterator[Led]:
    session = await shop.page.context.new_cdp_session(shop.page)
    await session.send("Page.enable")
    yield Led(session)
    await session.detach()


async def ask(shop: Shop, script: str = "/wf.js", name: str = "plain.html", host: str = "shop.example") -> None:
    """Opens a page and returns when its address has been asked for; the answer waits for ``collector.open``."""
    shop.collector.attributes |= {"src": script}
    shop.collector.open.clear()
    await shop.open(name, settled=False, host=host)
    await shop.wait(lambda: "sales@company.com" in shop.collector.asked)
    await shop.until("() => !wherefrom.core")  # the full script is there, or the helper
    await shop.run(LISTEN)


CLICKS: dict[str, tuple[dict[str, Any], list[Any], str]] = {
    "left": ({}, ["click", 0, False, False], "currentTab"),
    "ctrl": ({"modifiers": ["Control"]}, ["click", 0, True, False], "newTab"),
    "shift": ({"modifiers": ["Shift"]}, ["click", 0, False, True], "newWindow"),
    "middle": ({"button": "middle"}, ["auxclick", 1, False, False], "newTab"),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("way", list(CLICKS))
async def test_a_click_in_the_moment_before_the_answer_is_held_and_done_with_the_substitute(
    shop: Shop, led: Led, script: str, way: str
) -> None:
    how, event, disposition = CLICKS[way]
    await ask(shop, script)
    await shop.page.click("#link", **how)
    await shop.page.wait_for_timeout(300)  # a slow answer
    assert (await shop.run("() => heard"), led.ways) == ([], [])
    shop.collector.open.set()
    await shop.until("() => heard.length")
    await shop.quiet()
    assert await shop.run("() => heard") == [[*event, LINK]]
    assert led.ways == [(LINK, disposition)]
    await shop.wait(lambda: "mailto" in {signal["kind"] for signal in shop.collector.signals})


async def test_enter_on_a_focused_link_is_held_too(shop: Shop, led: Led) -> None:
    await ask(shop)
    await shop.page.focus("#link")
    await shop.page.keyboard.press("Enter")
    await shop.quiet()
    assert led.ways == []
    shop.collector.open.set()
    await shop.until("() => heard.length")
    assert await shop.run("() => heard") == [["click", 0, False, False, LINK]]
    assert led.ways == [(LINK, "currentTab")]


async def test_a_link_with_a_target_of_its_own_keeps_it(shop: Shop, led: Led) -> None:
    await ask(shop)
    await shop.run("() => { document.querySelector('#link').target = '_blank' }")
    async with shop.page.expect_popup():
        await shop.page.click("#link")
        assert led.ways == []
        shop.collector.open.set()
    assert await shop.run("() => heard") == [["click", 0, False, False, LINK]]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_without_an_answer_a_click_is_done_with_the_real_address_after_a_second_at_most(
    shop: Shop, led: Led, script: str
) -> None:
    await ask(shop, script)
    await shop.page.click("#link")
    await shop.run("() => pass(990)")
    await shop.quiet()
    assert await shop.run("() => heard") == []
    await shop.run("() => pass(20)")
    await shop.until("() => heard.length")
    await shop.page.click("#link")  # what was in vain once is not tried again
    await shop.until("() => heard.length === 2")
    assert led.ways == [(REAL_LINK, "currentTab")] * 2
    shop.collector.open.set()
    await shop.shows("#link", SUBSTITUTE)
    assert await shop.run("() => heard.length") == 2


@pytest.mark.parametrize("fault", ["500", "cut"])
async def test_a_collector_that_refuses_holds_no_click_for_longer_than_it_takes_to_refuse(
    shop: Shop, led: Led, fault: Fault
) -> None:
    shop.collector.fault = fault
    await shop.open(settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await shop.until("() => !wherefrom.core")
    await shop.quiet()
    await shop.run(LISTEN)
    told = len(shop.collector.visits)
    await shop.page.click("#link")
    await shop.until("() => heard.length")  # a second is never over: the clock stands
    assert led.ways == [(REAL_LINK, "currentTab")]
    assert len(shop.collector.visits) > told  # it was tried once more
    shop.collector.fault = ""
    await shop.page.click("#link")
    await shop.until("() => heard.length === 2")
    assert led.ways[1] == (LINK, "currentTab")


async def test_a_page_that_has_not_loaded_yet_sends_a_click_to_the_substitute_and_is_not_written_to(
    shop: Shop, led: Led
) -> None:
    shop.collector.pages["/slow"] = SLOW
    shop.collector.open.clear()
    await shop.page.goto(shop.collector.url("/slow"), wait_until="domcontentloaded")
    await shop.wait(lambda: "sales@company.com" in shop.collector.asked)
    await shop.until("() => !wherefrom.core")
    await shop.run(LISTEN)
    await shop.page.click("#link")
    shop.collector.open.set()
    await shop.until("() => heard.length")
    assert await shop.run("() => heard") == [["click", 0, False, False, LINK]]
    assert led.ways == [(LINK, "currentTab")]


async def test_a_page_that_has_not_loaded_yet_is_copied_from_with_the_substitute(shop: Shop) -> None:
    shop.collector.pages["/slow"] = SLOW
    await shop.page.goto(shop.collector.url("/slow"), wait_until="domcontentloaded")
    await shop.until("() => window.wherefrom?.email.loaded && !wherefrom.core")
    await shop.run(SELECT, "p")
    await shop.page.keyboard.press("Control+C")
    assert await shop.text("p") == "sales@company.com"
    plain, html = await paste(shop)
    assert plain == SUBSTITUTE
    assert "sales@company.com" not in html
    await copied(shop)


async def test_a_page_that_stops_the_click_itself_goes_on_doing_so(shop: Shop, led: Led) -> None:
    await ask(shop)
    await shop.run(
        """() => document.querySelector("#link").addEventListener("click", event => {
            event.preventDefault();
            heard.push(event.currentTarget.href);
        })"""
    )
    await shop.page.click("#link")
    shop.collector.open.set()
    await shop.until("() => heard.length === 2")
    assert (await shop.run("() => heard[0]"), led.ways) == (LINK, [])


async def test_what_is_no_address_of_the_site_is_not_held_once_that_is_known(shop: Shop, led: Led) -> None:
    shop.collector.pages["/two"] = (
        "<!doctype html><title>Two</title><!--wherefrom--><p><a id=link href='mailto:sales@company.com'>Write</a> "
        "<a id=press href='mailto:press@elsewhere.org'>Press</a> <a id=web href='#there'>sales@company.com</a></p>"
        "<p data-wherefrom=off><a id=off href='mailto:sales@company.com'>Write</a></p>"
    )
    await ask(shop, name="two")
    for selector in ("#web", "#off"):
        await shop.page.click(selector)
    assert await shop.run("() => heard.map(([,,,, href]) => href)") == ["#there", REAL_LINK]
    shop.collector.open.set()
    await shop.until("() => document.querySelector('#link').href.includes('k7f3q9x2')")
    shop.collector.open.clear()
    await shop.run("() => { heard.length = 0; wherefrom.email.add('other@company.com') }")
    await shop.wait(lambda: "other@company.com" in shop.collector.asked)
    await shop.page.click("#press")
    assert await shop.run("() => heard.length") == 1
    shop.collector.open.set()


async def test_switched_off_nothing_is_held_or_asked_for(shop: Shop, led: Led) -> None:
    shop.collector.inline = "<script>window.wherefrom = { email: { enabled: false } }</script>"
    shop.collector.attributes = {"src": "/wf-full.js"}
    shop.collector.open.clear()
    await shop.open(settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await shop.run(LISTEN)
    await shop.page.click("#link")
    assert await shop.run("() => heard") == [["click", 0, False, False, REAL_LINK]]
    assert shop.collector.asked == []
    shop.collector.open.set()


async def test_a_core_without_its_helper_holds_a_click_on_a_link_too(shop: Shop, led: Led) -> None:
    shop.collector.missing = {"-full.js"}
    for slow in (True, False):
        shop.collector._told.clear()
        shop.collector.open.clear()
        await shop.open(settled=False)
        await shop.wait(lambda: "sales@company.com" in shop.collector.asked)
        await shop.run(LISTEN)
        if not slow:
            await shop.run(SLOW_TIMERS)
        await shop.page.click("#link")
        await shop.quiet()
        assert await shop.run("() => heard") == []
        if not slow:
            shop.collector.open.set()
        await shop.until("() => heard.length")
        wanted = REAL_LINK if slow else LINK
        assert await shop.run("() => heard") == [["click", 0, False, False, wanted]]
        assert led.ways.pop() == (wanted, "currentTab")
        shop.collector.open.set()
        await shop.settle()


async def test_before_consent_nothing_is_held(shop: Shop, led: Led) -> None:
    shop.collector.attributes = {"data-consent": "manual"}
    await shop.open(settled=False)
    await shop.until("() => !!window.wherefrom?.consent")
    await shop.quiet()
    await shop.run(LISTEN)
    await shop.page.click("#link")
    assert await shop.run("() => heard") == [["click", 0, False, False, REAL_LINK]]
    assert led.ways == [(REAL_LINK, "currentTab")]
    assert shop.collector.all_told() == []


# copies

PASTE = """() => {
    document.querySelector("textarea").focus();
    window.pasted = new Promise(done => addEventListener("paste", ({ clipboardData }) =>
        done(["text/plain", "text/html"].map(type => clipboardData.getData(type)))));
}"""
SELECT = "selector => getSelection().selectAllChildren(document.querySelector(selector))"
PART = """([from, to]) => {
    const text = document.querySelector("#text").firstChild;
    getSelection().setBaseAndExtent(text, from, text, to);
}"""
# In a secure context, and in one that is none.
COUNT_WRITTEN = """() => {
    window.written = 0;
    for (const [home, name] of [[navigator.clipboard, "write"], [document, "execCommand"]]) {
        const given = home?.[name];
        if (given) home[name] = (...all) => {
            const done = given.apply(home, all);
            Promise.resolve(done).then(() => written++, () => {});
            return done;
        };
    }
}"""
HOSTS = ["localhost", "shop.example"]  # a secure context, and one that is none


async def empty(shop: Shop) -> None:
    """Puts a word of its own on the clipboard."""
    await shop.run(
        "() => document.body.append(Object.assign(document.createElement('p'), { id: 'none', textContent: 'nothing' }))"
    )
    await shop.run(SELECT, "#none")
    await shop.page.keyboard.press("Control+C")
    await shop.run("() => document.querySelector('#none').remove()")


async def copied(shop: Shop) -> None:
    """Until a substitute is on the clipboard."""
    await shop.wait(lambda: "copy" in {signal["kind"] for signal in shop.collector.signals})


async def paste(shop: Shop) -> tuple[str, str]:
    """What is on the clipboard, as text and as HTML; pasted into a page of nobody's."""
    page = await shop.page.context.new_page()
    await page.set_content("<textarea autofocus></textarea>")
    await page.evaluate(PASTE)
    await page.keyboard.press("Control+V")
    plain, html = await page.evaluate("() => pasted")
    await page.close()
    await shop.page.bring_to_front()
    return plain, html


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("host", HOSTS)
async def test_a_copy_in_the_moment_before_the_answer_is_completed_with_the_substitute(
    shop: Shop, host: str, script: str
) -> None:
    await ask(shop, script, host=host)
    await empty(shop)
    await shop.run(SELECT, "#text")
    await shop.page.keyboard.press("Control+C")
    await shop.page.wait_for_timeout(300)
    shop.collector.open.set()
    await shop.wait(lambda: [s["address"] for s in shop.collector.signals if s["kind"] == "copy"] == [SUBSTITUTE])
    plain, html = await paste(shop)
    assert plain == f"Write to {SUBSTITUTE} today."
    assert SUBSTITUTE in html
    assert "sales@company.com" not in html


@pytest.mark.parametrize("host", HOSTS)
async def test_without_an_answer_a_copy_is_completed_with_the_real_text_after_a_second_at_most(
    shop: Shop, host: str
) -> None:
    await ask(shop, host=host)
    await empty(shop)
    await shop.run(COUNT_WRITTEN)
    await shop.run(SELECT, "#text")
    await shop.page.keyboard.press("Control+C")
    await shop.run("() => pass(990)")
    await shop.quiet()
    assert await shop.run("() => written") == 0
    await shop.run("() => pass(20)")
    await shop.until("() => written")
    plain, html = await paste(shop)
    assert plain == "Write to sales@company.com today."
    assert "sales@company.com" in html
    assert shop.collector.signals == []
    shop.collector.open.set()


@pytest.mark.parametrize("host", HOSTS)
async def test_a_part_of_a_text_that_is_selected_stays_selected_and_is_copied_with_the_substitute(
    shop: Shop, host: str
) -> None:
    await ask(shop, host=host)
    await shop.run(PART, [9, 26])
    assert await shop.run("() => '' + getSelection()") == "sales@company.com"
    await shop.page.keyboard.press("Control+C")
    shop.collector.open.set()
    await shop.shows("#link", SUBSTITUTE)
    assert await shop.run("() => '' + getSelection()") == SUBSTITUTE
    await copied(shop)
    assert (await paste(shop))[0] == SUBSTITUTE


async def test_what_is_selected_stays_so_when_the_whole_address_is_another(shop: Shop) -> None:
    shop.collector.targets = {"sales@company.com": "anna.k7@in.example"}
    await ask(shop)
    await shop.run(PART, [9, 26])
    shop.collector.open.set()
    await shop.shows("#link", "anna.k7@in.example")
    assert await shop.run("() => '' + getSelection()") == "anna.k7@in.example"
    await shop.run("() => wherefrom.email.restore()")
    assert await shop.run("() => '' + getSelection()") == "sales@company.com"


@pytest.mark.parametrize("host", HOSTS)
async def test_a_selection_that_is_gone_meanwhile_has_been_copied_all_the_same(shop: Shop, host: str) -> None:
    await ask(shop, host=host)
    await shop.run(COUNT_WRITTEN)
    await shop.run(SELECT, "#text")
    await shop.page.keyboard.press("Control+C")
    await shop.run("() => getSelection().removeAllRanges()")
    shop.collector.open.set()
    await shop.shows("#link", SUBSTITUTE)
    await shop.until("() => written")
    assert (await paste(shop))[0] == f"Write to {SUBSTITUTE} today."


@pytest.mark.parametrize("host", HOSTS)
async def test_what_the_page_itself_puts_on_the_clipboard_is_swapped_and_its_listener_hears_of_one_copy(
    shop: Shop, host: str
) -> None:
    await ask(shop, host=host)
    await shop.run(
        """() => {
            window.copies = 0;
            document.addEventListener("copy", event => {
                copies++;
                event.clipboardData.setData("text/plain", getSelection() + " (from the shop)");
                event.preventDefault();
            });
        }"""
    )
    await shop.run(SELECT, "#text")
    await shop.page.keyboard.press("Control+C")
    shop.collector.open.set()
    await shop.shows("#link", SUBSTITUTE)
    await copied(shop)
    assert (await paste(shop))[0] == f"Write to {SUBSTITUTE} today. (from the shop)"
    assert await shop.run("() => copies") == 1


async def test_what_was_never_in_view_is_asked_for_when_it_is_copied(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    await shop.open("long.html", host="localhost")
    await shop.shows("#top", TARGETS["sales@company.com"])
    await shop.quiet()
    assert "info@company.com" not in shop.collector.asked
    await shop.run(LISTEN)
    shop.collector.open.clear()
    await shop.page.keyboard.press("Control+A")
    await shop.page.keyboard.press("Control+C")
    await shop.wait(lambda: "info@company.com" in shop.collector.asked)
    assert await shop.text("#far") == "info@company.com"
    shop.collector.open.set()
    await copied(shop)
    plain, _ = await paste(shop)
    assert [line for line in plain.splitlines() if "@" in line] == [
        TARGETS["sales@company.com"],
        TARGETS["info@company.com"],
    ]


async def test_what_a_visitor_writes_is_never_asked_for(shop: Shop) -> None:
    shop.collector.pages["/draft"] = (
        "<!doctype html><title>Draft</title><!--wherefrom--><p>sales@company.com</p>"
        "<textarea>aunt@home.example</textarea><div contenteditable>uncle@home.example</div>"
    )
    await shop.open("draft", host="localhost")
    await shop.shows("p", SUBSTITUTE)
    for selector in ("textarea", "p", "div"):
        await shop.page.click(selector)
        await shop.page.keyboard.press("Control+A")
        await shop.page.keyboard.press("Control+C")
        await shop.page.wait_for_timeout(100)  # a selection is looked at after 50 ms
    await shop.quiet()
    assert shop.collector.asked == ["sales@company.com"]
    assert (await paste(shop))[0] == "uncle@home.example"


async def test_a_copy_of_something_else_and_one_from_a_field_are_nobodys_business(shop: Shop) -> None:
    await ask(shop)
    await shop.run("() => document.body.insertAdjacentHTML('beforeend', '<input id=field value=sales@company.com>')")
    await shop.run("() => { document.querySelector('#field').focus(); document.querySelector('#field').select() }")
    await shop.page.keyboard.press("Control+C")
    assert (await paste(shop))[0] == "sales@company.com"
    await shop.run(PART, [0, 8])
    await shop.page.keyboard.press("Control+C")
    assert (await paste(shop))[0] == "Write to"
    shop.collector.open.set()


async def test_a_button_that_copies_from_an_attribute_the_owner_chose_is_held(shop: Shop) -> None:
    shop.collector.attributes = {"data-attributes": "data-clipboard-text"}
    shop.collector.pages["/copy"] = (
        "<!doctype html><title>Copy</title><!--wherefrom--><p>sales@company.com</p>"
        "<button data-clipboard-text='sales@company.com' onclick='copied = this.dataset.clipboardText'>Copy</button>"
    )
    await ask(shop, "/wf-full.js", "copy")
    await shop.page.click("button")
    await shop.quiet()
    assert await shop.run("() => window.copied") is None
    shop.collector.open.set()
    await shop.until("() => window.copied")
    assert await shop.run("() => copied") == SUBSTITUTE
