"""``window.wherefrom``: what the page's own code reads, switches and hears (features A05, A07, C06)."""

from __future__ import annotations

from tests.js.conftest import Shop
from tests.js.test_addresses import TARGETS

SUBSTITUTE = "sales+k7f3q9x2@company.com"


async def test_the_visit_and_its_source_can_be_read(shop: Shop) -> None:
    await shop.open()
    assert await shop.run(
        "() => [wherefrom.visit, wherefrom.getVisit(), wherefrom.firstVisit, wherefrom.marker, wherefrom.geo]"
    ) == ["100", "100", "100", "fb_new", {"city": "New York", "country": "USA", "region": "NY"}]


async def test_addresses_and_their_substitutes_can_be_read(shop: Shop) -> None:
    await shop.open()
    assert await shop.run("() => { const { refresh, restore, add, ...read } = wherefrom.email; return read }") == {
        "enabled": True,
        "loaded": True,
        "address": "sales@company.com",
        "substitute": SUBSTITUTE,
        "addresses": {"sales@company.com": SUBSTITUTE},
    }


async def test_before_an_answer_nothing_is_known_and_nothing_fails(shop: Shop) -> None:
    shop.collector.fault = "500"
    await shop.open(settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    assert await shop.run(
        "() => [wherefrom.visit, wherefrom.email.loaded, wherefrom.email.address, wherefrom.email.addresses]"
    ) == [None, None, None, {}]


async def test_switching_off_puts_originals_back_at_once_and_switching_on_swaps_again(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    off = await shop.run("() => { wherefrom.email.enabled = false; return document.body.innerHTML }")
    assert SUBSTITUTE not in off
    assert "mailto:sales@company.com" in off
    on = await shop.run("() => { wherefrom.email.enabled = true; return document.body.innerHTML }")
    assert on.count(SUBSTITUTE) == 2


async def test_while_switched_off_nothing_is_asked_and_late_content_stays(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.run("() => { wherefrom.email.enabled = false }")
    await shop.quiet()
    before = len(shop.collector.asked)
    await shop.run(
        "() => document.body.insertAdjacentHTML('beforeend', '<p id=new>sales@company.com info@company.com</p>')"
    )
    await shop.quiet()
    assert await shop.text("#new") == "sales@company.com info@company.com"
    assert len(shop.collector.asked) == before


async def test_switched_off_before_the_script_loads_no_address_is_asked_for_and_the_visit_still_counts(
    shop: Shop,
) -> None:
    shop.collector.inline = "<script>window.wherefrom = { email: { enabled: false } }</script>"
    await shop.open()
    assert await shop.text("#link") == "sales@company.com"
    (view,) = shop.collector.pageviews
    assert view["addresses"] == []
    await shop.run("() => { wherefrom.email.enabled = true }")
    await shop.shows("#link", SUBSTITUTE)


async def test_the_hook_is_called_once_before_anything_is_asked_or_swapped(shop: Shop) -> None:
    shop.collector.inline = """<script>
        window.calls = [];
        window.onWherefromLoaded = wherefrom => {
            calls.push([wherefrom === window.wherefrom, wherefrom.visit, document.body?.innerHTML.includes("+")]);
            wherefrom.email.enabled = false;
        };
    </script>"""
    await shop.open()
    await shop.quiet()
    assert await shop.run("() => calls.length") == 1
    assert (await shop.run("() => calls[0]"))[:2] == [True, None]
    assert await shop.text("#link") == "sales@company.com"
    assert shop.collector.asked == []


async def test_listeners_hear_of_the_visit_and_of_substitutes_early_or_late(shop: Shop) -> None:
    shop.collector.inline = """<script>
        window.heard = [];
        window.onWherefromLoaded = wherefrom => {
            wherefrom.onVisit(visit => heard.push("early " + visit));
            wherefrom.on("email", email => heard.push("early " + email.substitute));
        };
    </script>"""
    await shop.open()
    await shop.run(
        """() => {
            wherefrom.on("visit", visit => heard.push("late " + visit));
            wherefrom.on("email", email => heard.push("late " + email.substitute));
        }"""
    )
    assert await shop.run("() => heard") == [
        "early 100",
        f"early {SUBSTITUTE}",
        "late 100",
        f"late {SUBSTITUTE}",
    ]
    shop.collector.visit = 101
    await shop.run("() => { heard.length = 0; wherefrom.email.refresh() }")
    await shop.page.wait_for_function("heard.length >= 4")
    assert (await shop.run("() => heard"))[:2] == ["early 101", "late 101"]


async def test_a_listener_that_throws_is_reported_as_the_pages_own_and_stops_nothing(shop: Shop) -> None:
    shop.collector.inline = """<script>
        window.onWherefromLoaded = wherefrom => {
            wherefrom.on("visit", () => { throw new Error("the page's own") });
            wherefrom.on("visit", visit => { window.heard = visit });
            throw new Error("the hook's own");
        };
    </script>"""
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    assert await shop.run("() => heard") == "100"
    assert sorted(shop.errors) == ["the hook's own", "the page's own"]
    shop.errors.clear()


async def test_parameters_go_with_the_visit_and_later_ones_are_sent_after_it(shop: Shop) -> None:
    shop.collector.inline = '<script>window.wherefrom = { params: { 1: "early" } }</script>'
    await shop.open()
    assert shop.collector.pageviews[0]["params"] == {"1": "early"}
    await shop.run("() => wherefrom.setParams({ 2: 'late', plan: 7 })")
    await shop.wait(lambda: len(shop.collector.visits) == 2)
    later = shop.collector.visits[1]
    assert (later["params"], later["pageview"]) == ({"1": "early", "2": "late", "plan": 7}, False)
    assert later["visit"] == "token-100"


async def test_an_address_that_is_not_on_the_page_can_be_asked_for(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    await shop.open("late.html")
    await shop.run("() => wherefrom.email.add('Sales <Sales@Company.com>, info@company.com')")
    await shop.page.wait_for_function("Object.keys(wherefrom.email.addresses).length === 2")
    assert await shop.run("() => wherefrom.email.addresses") == {
        "sales@company.com": TARGETS["sales@company.com"],
        "info@company.com": TARGETS["info@company.com"],
    }
    await shop.run("() => wherefrom.email.add('no address')")
    await shop.quiet()
    assert len(shop.collector.visits) == 2


async def test_refresh_reads_what_the_observer_cannot_see(shop: Shop) -> None:
    await shop.open("late.html")
    await shop.run(
        "() => { window.root = place.attachShadow({ mode: 'open' }); root.innerHTML = '<p>sales@company.com</p>' }"
    )
    await shop.quiet()
    assert await shop.run("() => root.textContent") == "sales@company.com"
    await shop.run("() => wherefrom.email.refresh()")
    await shop.page.wait_for_function(f"root.textContent === '{SUBSTITUTE}'")


async def test_a_second_copy_of_the_script_does_nothing(shop: Shop) -> None:
    shop.collector.inline = shop.collector.tag()
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    assert len(shop.collector.pageviews) == 1
    assert len([signal for signal in shop.collector.signals if signal["kind"] == "visible"]) == 1


async def test_switching_off_asks_nothing_and_the_next_page_asks_for_no_address(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    await shop.run("() => { wherefrom.email.enabled = false }")
    await shop.quiet()
    assert len(shop.collector.visits) == 1
    await shop.run("() => history.pushState({}, '', '/b')")
    await shop.wait(lambda: len(shop.collector.pageviews) == 2)
    assert shop.collector.pageviews[1]["addresses"] == []


async def test_what_is_said_while_the_first_answer_is_awaited_is_not_lost(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    shop.collector.open.clear()
    await shop.open("late.html", settled=False)
    await shop.wait(lambda: len(shop.collector.visits) == 1)
    await shop.run(
        """() => {
            wherefrom.email.add("info@company.com");
            wherefrom.setParams({ plan: "big" });
            history.pushState({}, "", "/b");
        }"""
    )
    await shop.quiet()
    assert len(shop.collector.visits) == 1
    shop.collector.open.set()
    await shop.wait(lambda: len(shop.collector.visits) == 2)
    second = shop.collector.visits[1]
    assert (second["addresses"], second["params"]) == (["info@company.com"], {"plan": "big"})
    assert (second["pageview"], second["page"]) == (True, shop.collector.url("/b"))
    assert second["visit"] == "token-100"
    await shop.until("() => wherefrom.email.addresses['info@company.com']")
