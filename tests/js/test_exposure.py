"""A substitute is asked for when its target comes near the view, and seen ones are reported (features B07, E03)."""

from __future__ import annotations

from tests.js.conftest import Shop
from tests.js.test_addresses import TARGETS


async def test_an_address_below_the_fold_is_asked_for_when_the_visitor_comes_near(shop: Shop) -> None:
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


async def test_an_address_a_hands_breadth_from_the_view_is_swapped_before_it_is_in_view(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    await shop.open("long.html")
    await shop.wait(lambda: seen(shop) == [TARGETS["sales@company.com"]])
    await shop.run("() => scrollTo(0, document.querySelector('#far').offsetTop - innerHeight - 150)")
    await shop.quiet()
    assert await shop.text("#far") == "info@company.com"
    await shop.run("() => scrollTo(0, document.querySelector('#far').offsetTop - innerHeight - 30)")
    await shop.shows("#far", TARGETS["info@company.com"])
    await shop.wait(lambda: seen(shop) == [TARGETS["sales@company.com"], TARGETS["info@company.com"]])


async def test_a_folded_address_is_asked_for_when_it_is_unfolded(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    await shop.open("long.html")
    await shop.run("() => scrollTo(0, document.body.scrollHeight)")
    await shop.shows("#far", TARGETS["info@company.com"])
    await shop.quiet()
    assert "hello@company.com" not in shop.collector.asked
    await shop.page.click("summary")
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
