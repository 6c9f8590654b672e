"""How long a substitute is shown: heartbeats renew it, the end takes it back (feature B02)."""

from __future__ import annotations

import pytest

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
NEXT = "sales+p5r6s7t8@company.com"
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""


def heartbeats(shop: Shop) -> list[dict[str, object]]:
    return [signal for signal in shop.collector.signals if signal["kind"] == "heartbeat"]


@pytest.fixture
async def timed(shop: Shop) -> Shop:
    """A shop whose clock the test moves. A lease lasts 900 s, a heartbeat comes every 60 s."""
    await shop.page.clock.install()
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    return shop


async def pass_minutes(shop: Shop, minutes: int) -> None:
    for _ in range(minutes):
        await shop.page.clock.fast_forward(60_500)
        await shop.quiet()


async def test_a_heartbeat_comes_as_often_as_the_collector_says(shop: Shop) -> None:
    shop.collector.heartbeat = 1
    await shop.open()
    await shop.wait(lambda: len(heartbeats(shop)) == 3)
    beat = heartbeats(shop)[0]
    assert beat == {"site": "KEY", "token": "token-100", "kind": "heartbeat", "page": shop.collector.url("/plain.html")}


async def test_a_page_that_shows_no_substitute_sends_no_heartbeat(shop: Shop) -> None:
    shop.collector.targets = {}
    await shop.page.clock.install()
    await shop.open()
    await pass_minutes(shop, 3)
    assert shop.collector.signals == []
    assert len(shop.collector.visits) == 1


async def test_confirmed_heartbeats_keep_a_substitute_for_as_long_as_the_page_is_visible(timed: Shop) -> None:
    await pass_minutes(timed, 20)
    assert len(heartbeats(timed)) >= 19
    assert await timed.text("#link") == SUBSTITUTE
    assert len(timed.collector.visits) == 1


async def test_without_a_confirmed_heartbeat_the_original_comes_back_at_the_end(timed: Shop) -> None:
    timed.collector.fault = "500"
    await pass_minutes(timed, 14)
    assert await timed.text("#link") == SUBSTITUTE
    await pass_minutes(timed, 2)
    assert await timed.text("#link") == "sales@company.com"
    assert await timed.href("#link") == "mailto:sales@company.com"
    assert await timed.run("() => wherefrom.email.addresses") == {}


async def test_when_the_collector_is_back_a_lost_substitute_is_asked_for_again(timed: Shop) -> None:
    timed.collector.fault = "500"
    await pass_minutes(timed, 17)
    assert await timed.text("#link") == "sales@company.com"
    timed.collector.fault = ""
    timed.collector.targets = {"sales@company.com": NEXT}
    await pass_minutes(timed, 10)  # asked ever less often while nothing was answered
    assert await timed.text("#link") == NEXT
    await timed.run("() => { wherefrom.email.enabled = false }")
    assert await timed.text("#text") == "Write to sales@company.com today."


async def test_a_hidden_page_sends_no_heartbeat(timed: Shop) -> None:
    await timed.run(HIDE, True)
    before = len(heartbeats(timed))
    await pass_minutes(timed, 5)
    assert len(heartbeats(timed)) == before


async def test_a_page_that_comes_back_in_time_goes_on_with_its_substitute(timed: Shop) -> None:
    await timed.run(HIDE, True)
    await pass_minutes(timed, 10)
    before = len(heartbeats(timed))
    await timed.run(HIDE, False)
    await timed.wait(lambda: len(heartbeats(timed)) == before + 1)
    assert await timed.text("#link") == SUBSTITUTE


async def test_a_page_that_comes_back_too_late_shows_the_original_until_it_has_asked_anew(timed: Shop) -> None:
    await timed.run(HIDE, True)
    await pass_minutes(timed, 20)
    timed.collector.targets = {"sales@company.com": NEXT}
    shown = await timed.run(f"() => {{ ({HIDE})(false); return document.querySelector('#link').textContent }}")
    assert shown == "sales@company.com"
    await timed.shows("#link", NEXT)
    asked = timed.collector.visits[-1]
    assert (asked["addresses"][0], asked["pageview"]) == ("sales@company.com", False)


async def test_a_new_visit_changes_the_substitute_everywhere(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    shop.collector.visit, shop.collector.targets = 101, {"sales@company.com": NEXT}
    await shop.run("() => { wherefrom.email.refresh() }")
    await shop.shows("#link", NEXT)
    assert await shop.text("#text") == f"Write to {NEXT} today."
    assert await shop.run("() => wherefrom.visit") == "101"


async def test_what_the_collector_no_longer_lends_is_no_longer_shown(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    shop.collector.targets = {}
    await shop.run("() => { wherefrom.email.refresh() }")
    await shop.shows("#link", "sales@company.com")


async def test_when_a_late_question_shows_that_another_visit_has_begun_everything_held_is_asked_for_again(
    shop: Shop,
) -> None:
    """Another tab may have begun it. What this page shows is held by the visit before, and nobody renews that."""
    shop.collector.targets = {"sales@company.com": SUBSTITUTE, "info@company.com": "info+m4n5p6q7@company.com"}
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    shop.collector.visit = 101
    shop.collector.targets = {"sales@company.com": NEXT, "info@company.com": "info+v8w9x2y3@company.com"}
    await shop.run("() => document.body.insertAdjacentHTML('beforeend', '<p id=late>info@company.com</p>')")
    await shop.shows("#late", "info+v8w9x2y3@company.com")
    await shop.shows("#link", NEXT)
    assert [visit["pageview"] for visit in shop.collector.visits] == [True, False, False]
