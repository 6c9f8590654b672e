"""Roistat's names beside the script, so that an existing site needs no edit (ROISTAT-COMPAT, feature A07, C06)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
REAL = "sales@company.com"
NAMES = '<script async src="/wf-roistat.js"></script>'
PAGE = """<!doctype html><meta charset=utf-8><title>Shop</title>{head}
<p id=link>sales@company.com</p><b class=roistat-promo></b><i class=roistat-promo>?</i>"""


async def begin(shop: Shop, inline: str = "", *, settled: bool = True, order: str = "before") -> None:
    """Opens a page with both scripts; ``order`` of Roistat's names: before the script, after it, or at any time."""
    scripts = {
        "before": '<script defer src="/wf-roistat.js"></script><!--wherefrom-->',
        "after": '<!--wherefrom--><script defer src="/wf-roistat.js"></script>',
        "any": "<!--wherefrom-->" + NAMES,
    }
    shop.collector.attributes = {"async": "any", "defer": ""} if order != "any" else {}
    shop.collector.inline = ""
    head = inline + scripts[order].replace("<!--wherefrom-->", shop.collector.tag().replace('async="any" ', ""))
    shop.collector.pages["/shop"] = PAGE.replace("{head}", head)
    await shop.open("shop", settled=settled)


ORDERS = pytest.mark.parametrize("order", ["before", "after", "any"])


@ORDERS
async def test_the_visit_its_source_and_its_place_can_be_read_under_their_names(shop: Shop, order: str) -> None:
    await begin(shop, order=order)
    await shop.shows("#link", SUBSTITUTE)
    await shop.until("() => window.roistat?.visit")
    assert await shop.run("() => [roistat.visit, roistat.getVisit(), roistat.getSource(), roistat.geo]") == [
        "100",
        "100",
        "fb_new",
        {"city": "New York", "country": "USA", "region": "NY"},
    ]


@ORDERS
async def test_the_substitutes_can_be_read_and_switched(shop: Shop, order: str) -> None:
    await begin(shop, order=order)
    await shop.shows("#link", SUBSTITUTE)
    await shop.until("() => window.roistat?.emailtracking.loaded")
    read = "() => { const { refresh, ...read } = roistat.emailtracking; return read }"
    assert await shop.run(read) == {
        "enabled": True,
        "loaded": True,
        "email": REAL,
        "trackingEmail": SUBSTITUTE,
        "emails": {REAL: SUBSTITUTE},
    }
    await shop.run("() => { roistat.emailtracking.enabled = false }")
    await shop.shows("#link", REAL)
    assert await shop.run("() => roistat.emailtracking.enabled") is False
    await shop.run("() => { roistat.emailtracking.enabled = true; roistat.emailtracking.refresh() }")
    await shop.shows("#link", SUBSTITUTE)


CALLED = """<script>
window.called = [];
window.onRoistatModuleLoaded = () => called.push(["module", roistat.visit, document.body.innerHTML.includes("+k7")]);
window.onRoistatAllModulesLoaded = () => called.push(["all", roistat.visit]);
window.roistatVisitCallback = visit => called.push(["visit", visit]);
</script>"""


async def test_the_callbacks_are_called_in_their_order_once(shop: Shop) -> None:
    await begin(shop, CALLED)
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    assert await shop.run("() => called") == [["module", None, False], ["visit", "100"], ["all", "100"]]


@pytest.mark.parametrize("which", ["first", "second"])
async def test_what_is_switched_off_in_the_first_callback_is_never_swapped(shop: Shop, which: str) -> None:
    if which == "second":
        await begin(shop)
        await shop.shows("#link", SUBSTITUTE)
        await shop.quiet()
    off = """<script>
        window.swaps = 0;
        new MutationObserver(records => { swaps += records.filter(one => one.type === "characterData").length })
            .observe(document, { subtree: true, characterData: true });
        window.onRoistatModuleLoaded = () => { roistat.emailtracking.enabled = false };
    </script>"""
    asked = len(shop.collector.asked)
    await begin(shop, off)
    await shop.quiet()
    assert (await shop.text("#link"), await shop.run("() => swaps")) == (REAL, 0)
    assert len(shop.collector.asked) == asked


async def test_a_page_that_throws_in_a_callback_hears_of_it_and_goes_on(shop: Shop) -> None:
    await begin(
        shop,
        """<script>
            window.onRoistatModuleLoaded = () => { throw new Error("module") };
            window.roistatVisitCallback = () => { throw new Error("visit") };
        </script>""",
    )
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    assert sorted(shop.errors) == ["module", "visit"]
    shop.errors.clear()


@ORDERS
async def test_a_listener_for_the_visit_is_called_early_or_late(shop: Shop, order: str) -> None:
    await begin(shop, order=order, settled=False)
    await shop.until("() => window.roistat")
    await shop.run(
        """() => {
            window.heard = [];
            roistat.registerOnVisitProcessedCallback(visit => heard.push("early " + visit));
        }"""
    )
    await shop.until("() => heard.length === 1")
    await shop.run("() => roistat.registerOnVisitProcessedCallback(visit => heard.push('late ' + visit))")
    await shop.until("() => heard.length === 2")
    assert await shop.run("() => heard") == ["early 100", "late 100"]


async def cookies(shop: Shop) -> dict[str, Any]:
    return {
        cookie["name"]: (cookie["value"], cookie["domain"])
        for cookie in await shop.page.context.cookies()
        if cookie["name"].startswith("roistat")
    }


async def test_its_cookies_are_written_beside_ours_and_elements_are_filled_with_the_visit(shop: Shop) -> None:
    await begin(shop)
    await shop.until("() => document.cookie.includes('roistat_marker')")
    assert await cookies(shop) == {
        "roistat_visit": ("100", ".shop.example"),
        "roistat_first_visit": ("100", ".shop.example"),
        "roistat_marker": ("fb_new", ".shop.example"),
    }
    assert await shop.run("() => [...document.querySelectorAll('.roistat-promo')].map(one => one.textContent)") == [
        "100",
        "100",
    ]


async def test_nothing_is_kept_of_a_source_and_nothing_stays_after_consent_was_taken_back(shop: Shop) -> None:
    shop.collector.source_only = True
    await begin(shop)
    await shop.quiet()
    assert await cookies(shop) == {}
    shop.collector.source_only = False
    shop.collector.attributes = {}
    await begin(shop, "<script>window.wherefrom = { consent: true }</script>")
    await shop.until("() => document.cookie.includes('roistat_marker')")
    await shop.quiet()
    await begin(shop)  # the second page has the full script
    await shop.settle()
    await shop.run("() => wherefrom.consent(false)")
    await shop.until("() => document.cookie === ''")


@pytest.mark.parametrize("early", [True, False])
async def test_parameters_are_positional_or_named(shop: Shop, early: bool) -> None:
    say = (
        "roistat.setRoistatParams('one', undefined, 3);"
        "roistat.setRoistatParams({ roistat_param4: 'four', roistat_param50: 'fifty', roistat_param51: 'no', x: 1 });"
    )
    if early:
        await begin(shop, f"<script>window.onRoistatModuleLoaded = () => {{ {say} }}</script>")
    else:
        await begin(shop)
        await shop.settle()
        await shop.run(f"() => {{ {say} }}")
    params = {"1": "one", "3": 3, "4": "four", "50": "fifty"}
    await shop.wait(lambda: shop.collector.visits[-1]["params"] == params)


async def test_a_visit_is_bound_to_by_its_token_and_a_bare_number_is_shown_and_kept_as_a_parameter(shop: Shop) -> None:
    await begin(shop)
    await shop.settle()
    await shop.run("() => roistat.setVisit('777')")
    assert await shop.run("() => [roistat.visit, document.querySelector('.roistat-promo').textContent]") == [
        "777",
        "777",
    ]
    await shop.wait(lambda: shop.collector.visits[-1]["params"] == {"roistat_visit": "777"})
    assert shop.collector.visits[-1]["visit"] == "token-100"
    await shop.quiet()
    await shop.run("() => roistat.setVisit('token-555')")
    await shop.wait(lambda: shop.collector.visits[-1]["visit"] == "token-555")


async def test_a_visit_that_is_bound_to_while_an_answer_is_under_way_is_kept_and_asked_with(shop: Shop) -> None:
    shop.collector.open.clear()
    await begin(shop, settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await shop.run("() => roistat.setVisit('token-555')")
    shop.collector.open.set()
    await shop.wait(lambda: len(shop.collector.visits) == 2)
    assert [(body.get("visit"), body["pageview"]) for body in shop.collector.visits] == [
        (None, True),
        ("token-555", True),
    ]


async def test_it_is_there_where_a_machine_is_left_alone_and_does_nothing(shop: Shop) -> None:
    shop.collector.attributes = {"data-webdriver": ""}
    shop.collector.pages["/shop"] = PAGE.replace("{head}", shop.collector.tag() + NAMES)
    await shop.open("shop", settled=False)
    await shop.until("() => window.roistat && window.wherefrom")
    await shop.run(
        """() => {
            roistat.emailtracking.enabled = true;
            roistat.emailtracking.refresh();
            roistat.setRoistatParams("x");
            roistat.registerOnVisitProcessedCallback(() => {});
        }"""
    )
    await shop.quiet()
    assert await shop.text("#link") == REAL
    assert shop.collector.all_told() == []
