"""Single-page apps and pages that come back: every page shown is told once (feature A09)."""

from __future__ import annotations

import pytest

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"


@pytest.fixture
async def app(shop: Shop) -> Shop:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    return shop


def told(shop: Shop) -> list[tuple[str, str]]:
    base = shop.collector.url("")
    return [(view["page"].removeprefix(base), view["referrer"].removeprefix(base)) for view in shop.collector.pageviews]


@pytest.mark.parametrize("name", ["pushState", "replaceState"])
async def test_a_page_change_through_history_is_told_with_the_page_before_it_and_its_own_title(
    app: Shop, name: str
) -> None:
    await app.run(f"() => {{ history.{name}({{}}, '', '/b?utm_source=x'); document.title = 'Page B' }}")
    await app.wait(lambda: len(app.collector.pageviews) == 2)
    assert told(app) == [("/plain.html", ""), ("/b?utm_source=x", "/plain.html")]
    second = app.collector.pageviews[1]
    assert (second["title"], second["visit"], second["visitor"]) == ("Page B", "token-100", "visitor-1")


async def test_what_is_held_is_asked_for_again_on_the_next_page(app: Shop) -> None:
    app.collector.targets = {}
    await app.run("() => history.pushState({}, '', '/imprint')")
    await app.shows("#link", "sales@company.com")
    assert "sales@company.com" in app.collector.pageviews[1]["addresses"]
    app.collector.targets = {"sales@company.com": SUBSTITUTE}
    await app.run("() => history.pushState({}, '', '/contact')")
    await app.shows("#link", SUBSTITUTE)


async def test_back_and_forward_are_pages_too(app: Shop) -> None:
    await app.run("() => history.pushState({}, '', '/b')")
    await app.wait(lambda: len(app.collector.pageviews) == 2)
    await app.run("() => history.back()")
    await app.wait(lambda: len(app.collector.pageviews) == 3)
    assert told(app)[2] == ("/plain.html", "/b")


async def test_a_fragment_is_no_page_unless_it_routes(app: Shop) -> None:
    await app.run("() => { location.hash = 'prices'; history.replaceState({ scroll: 5 }, '') }")
    await app.quiet()
    assert len(app.collector.pageviews) == 1
    await app.run("() => { location.hash = '#/prices' }")
    await app.wait(lambda: len(app.collector.pageviews) == 2)
    await app.run("() => { location.hash = '#!prices' }")
    await app.wait(lambda: len(app.collector.pageviews) == 3)
    assert [page for page, _ in told(app)] == ["/plain.html", "/plain.html#/prices", "/plain.html#!prices"]


async def test_a_redirect_inside_the_app_is_one_page(app: Shop) -> None:
    await app.run("() => { history.pushState({}, '', '/b'); history.replaceState({}, '', '/c') }")
    await app.wait(lambda: len(app.collector.pageviews) == 2)
    await app.quiet()
    assert [page for page, _ in told(app)] == ["/plain.html", "/c"]


async def test_history_still_works_for_the_app(app: Shop) -> None:
    state = await app.run(
        """() => {
            history.pushState({ n: 1 }, "", "/b");
            try { history.pushState({}, "", "https://elsewhere.org/") } catch (error) { window.refused = error.name }
            return [history.state.n, location.pathname, refused];
        }"""
    )
    assert state == [1, "/b", "SecurityError"]
    await app.wait(lambda: len(app.collector.pageviews) == 2)


async def test_a_page_restored_from_the_back_forward_cache_is_shown_again(app: Shop) -> None:
    await app.run("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false }))")
    await app.quiet()
    assert len(app.collector.pageviews) == 1
    await app.run("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await app.wait(lambda: len(app.collector.pageviews) == 2)
    assert told(app)[1] == ("/plain.html", "")


async def test_the_referrer_of_a_loaded_page_is_told(shop: Shop) -> None:
    await shop.open("plain.html", host="elsewhere.example")
    await shop.run(
        "url => { const a = document.createElement('a'); a.href = url; document.body.append(a); a.click() }",
        shop.collector.url("/late.html"),
    )
    await shop.wait(lambda: len(shop.collector.pageviews) == 2)
    assert shop.collector.pageviews[1]["referrer"] == shop.collector.url("/", "elsewhere.example")
    assert shop.collector.pageviews[1]["visit"] is None if "visit" in shop.collector.pageviews[1] else True
