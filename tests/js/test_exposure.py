"""A substitute is asked for when its target comes into view or is about to be used, never on landing; and seen ones are
reported (features B07, E03)."""

from __future__ import annotations

import pytest

from tests.js.conftest import Shop
from tests.js.test_addresses import TARGETS


async def test_an_address_below_the_fold_is_asked_for_when_the_visitor_comes_to_it(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    await shop.open("long.html")
    await shop.shows("#top", TARGETS["sales@company.com"])
    assert shop.collector.asked == ["sales@company.com"]
    await shop.run("() => scrollTo(0, 2600)")
    await shop.shows("#far", TARGETS["info@company.com"])
    assert shop.collector.asked == ["sales@company.com", "info@company.com"]
    assert [visit["pageview"] for visit in shop.collector.visits] == [True, False]


def seen(shop: Shop) -> list[str]:
    return [signal["address"] for signal in shop.collector.signals if signal["kind"] == "visible"]


@pytest.mark.parametrize("script", ["/wf.js", "/wf-full.js"])
async def test_an_address_that_is_one_line_from_the_view_is_not_asked_for(shop: Shop, script: str) -> None:
    shop.collector.targets = TARGETS
    shop.collector.attributes = {"src": script}
    await shop.open("long.html")
    await shop.wait(lambda: seen(shop) == [TARGETS["sales@company.com"]])
    await shop.run("() => scrollTo(0, document.querySelector('#far').offsetTop - innerHeight - 5)")
    await shop.quiet()
    assert shop.collector.asked == ["sales@company.com"]
    await shop.run("() => scrollBy(0, 10)")
    await shop.shows("#far", TARGETS["info@company.com"])
    await shop.wait(lambda: seen(shop) == [TARGETS["sales@company.com"], TARGETS["info@company.com"]])


UNSEEN = {
    "a label": "<a id=link aria-label=Mail href='mailto:sales@company.com'><svg width=9 height=9></svg></a>",
    "no size": "<a id=link style='font-size:0' href='mailto:sales@company.com'>sales@company.com</a>",
    "a picture": "<a id=link href='mailto:sales@company.com'><img width=20 height=20 alt=''></a>",
}


@pytest.mark.parametrize("name", list(UNSEEN))
async def test_a_link_that_shows_no_text_is_asked_for_when_it_is_in_view(shop: Shop, name: str) -> None:
    shop.collector.pages["/icon"] = f"<!doctype html><title>Icon</title><!--wherefrom--><p>{UNSEEN[name]}</p>"
    await shop.open("icon")
    await shop.until("() => document.querySelector('#link').href.includes('k7f3q9x2')")


TOUCHES = {
    "hovered": "link => link.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))",
    "focused": "link => link.focus()",
    "pressed": "link => link.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))",
    "selected": "link => getSelection().selectAllChildren(link)",
}


@pytest.mark.parametrize("name", list(TOUCHES))
@pytest.mark.parametrize("script", ["/wf.js", "/wf-full.js"])
async def test_what_no_observer_sees_is_asked_for_when_it_is_touched(shop: Shop, name: str, script: str) -> None:
    """An element of ``display: contents`` has no box: it never comes into view."""
    shop.collector.attributes = {"src": script}
    shop.collector.pages["/bare"] = (
        "<!doctype html><title>Bare</title><!--wherefrom--><p><a id=link tabindex=0 style='display:contents' "
        "href='mailto:sales@company.com'><b style='display:inherit'>sales@company.com</b></a></p>"
    )
    await shop.open("bare")
    await shop.until("() => !wherefrom.core")
    await shop.quiet()
    assert shop.collector.asked == []
    if name == "focused":
        await shop.run("() => { document.querySelector('#link').style.display = 'inline' }")
    await shop.page.eval_on_selector("#link", TOUCHES[name])
    await shop.wait(lambda: shop.collector.asked == ["sales@company.com"])
    await shop.shows("#link", TARGETS["sales@company.com"])


async def test_a_folded_address_is_asked_for_when_it_is_unfolded_and_in_view(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    await shop.open("long.html")
    await shop.run("() => scrollTo(0, document.body.scrollHeight)")
    await shop.shows("#far", TARGETS["info@company.com"])
    await shop.quiet()
    assert "hello@company.com" not in shop.collector.asked
    await shop.page.click("summary")
    await shop.quiet()
    assert "hello@company.com" not in shop.collector.asked  # it has unfolded below the view
    await shop.run("() => scrollTo(0, document.body.scrollHeight)")
    await shop.page.wait_for_selector("#folded a[href='mailto:anna.k7@in.example']")


async def test_a_site_may_ask_for_every_address_at_once(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    shop.collector.attributes = {"data-lend": "load"}
    await shop.open("long.html")
    await shop.shows("#far", TARGETS["info@company.com"])
    assert shop.collector.asked == ["sales@company.com", "info@company.com", "hello@company.com"]
    assert [visit["pageview"] for visit in shop.collector.visits] == [True]


async def test_a_seen_substitute_is_reported_once_however_often_it_stands_there(shop: Shop) -> None:
    await shop.open("late.html")
    await shop.run("() => { place.innerHTML = '<p>sales@company.com</p>'.repeat(5) }")
    await shop.wait(lambda: bool(shop.collector.signals))
    await shop.run("() => { place.innerHTML += '<p>sales@company.com</p>'.repeat(5); wherefrom.email.refresh() }")
    await shop.quiet()
    (signal,) = [signal for signal in shop.collector.signals if signal["kind"] != "heartbeat"]
    assert signal == {
        "site": "KEY",
        "token": "token-100",
        "kind": "visible",
        "address": "sales+k7f3q9x2@company.com",
        "page": shop.collector.url("/late.html"),
    }


async def test_more_addresses_than_fit_in_one_request_are_asked_for_in_several(shop: Shop) -> None:
    names = [f"person{number}@company.com" for number in range(50)]
    shop.collector.targets = {name: f"s-{name}" for name in names}
    shop.collector.attributes = {"data-lend": "load"}
    await shop.open("late.html")
    await shop.run("names => { place.textContent = names.join(' ') }", names)
    await shop.shows("#place", " ".join(f"s-{name}" for name in names))
    assert sorted(shop.collector.asked) == sorted(names)
    assert all(len(visit["addresses"]) <= 20 for visit in shop.collector.visits)
