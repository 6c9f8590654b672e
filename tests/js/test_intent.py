"""Signs that a visitor is about to write (feature E03)."""

from __future__ import annotations

import pytest

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"


def told(shop: Shop, kind: str) -> list[str]:
    return [signal["address"] for signal in shop.collector.signals if signal["kind"] == kind]


@pytest.fixture
async def swapped(shop: Shop) -> Shop:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    return shop


async def test_a_click_on_a_substituted_link_is_told(swapped: Shop) -> None:
    await swapped.run(
        "() => document.addEventListener('click', event => { event.preventDefault(); event.stopPropagation() })"
    )
    await swapped.page.click("#link")
    await swapped.wait(lambda: told(swapped, "mailto") == [SUBSTITUTE])
    signal = swapped.collector.signals[-1]
    assert (signal["site"], signal["token"], signal["page"]) == (
        "KEY",
        "token-100",
        swapped.collector.url("/plain.html"),
    )
    request = swapped.collector.all_told()[-1]
    assert request.headers["content-type"].startswith("text/plain")
    assert "cookie" not in request.headers


async def test_a_click_inside_a_link_counts_and_one_elsewhere_does_not(swapped: Shop) -> None:
    await swapped.run(
        """() => {
            document.body.insertAdjacentHTML("beforeend", `<p id=none>Nothing</p><a id=web href="#x">Web</a>
                <a id=deep href="mailto:sales@company.com?subject=100%25"><b><i id=inner>Write</i></b></a>
                <a id=foreign href="mailto:press@elsewhere.org">Press</a>`);
            document.addEventListener("click", event => event.preventDefault());
        }"""
    )
    for selector in ("#none", "#web", "#foreign", "#inner"):
        await swapped.page.click(selector)
    await swapped.wait(lambda: told(swapped, "mailto") == [SUBSTITUTE])


async def test_a_copied_substitute_is_told(swapped: Shop) -> None:
    await swapped.run("() => getSelection().selectAllChildren(document.querySelector('#text'))")
    await swapped.page.keyboard.press("Control+C")
    await swapped.wait(lambda: told(swapped, "copy") == [SUBSTITUTE])


async def test_a_selected_substitute_is_told_when_the_selection_rests(swapped: Shop) -> None:
    await swapped.run(  # in one go, so that none but the last has time to rest
        """async () => {
            for (const selector of ["#text", "#other", "#text"]) await new Promise(done => {
                document.addEventListener("selectionchange", () => done(), { once: true });
                getSelection().selectAllChildren(document.querySelector(selector));
            });
        }"""
    )
    await swapped.wait(lambda: bool(told(swapped, "select")))
    await swapped.quiet()
    assert told(swapped, "select") == [SUBSTITUTE]


async def test_copying_something_else_is_nobodys_business(swapped: Shop) -> None:
    await swapped.run("() => getSelection().selectAllChildren(document.querySelector('#other'))")
    await swapped.page.keyboard.press("Control+C")
    await swapped.page.wait_for_timeout(600)  # a selection counts when it has rested for half a second
    await swapped.quiet()
    assert told(swapped, "copy") + told(swapped, "select") == []


async def test_signs_in_a_frame_of_the_pages_own_count_where_frames_are_swapped(shop: Shop) -> None:
    shop.collector.attributes = {"data-frames": ""}
    shop.collector.pages["/framed"] = (
        "<!doctype html><title>Framed</title><!--wherefrom--><iframe srcdoc='<a id=inner href=mailto:sales@company.com>"
        "Write</a><script>onclick = event => event.preventDefault()</script>'></iframe>"
    )
    await shop.open("framed")
    frame = shop.page.frames[1]
    await frame.wait_for_selector("a[href*=k7f3q9x2]")
    await frame.click("#inner")
    await shop.wait(lambda: told(shop, "mailto") == [SUBSTITUTE])


async def test_a_link_around_a_shadow_root_is_a_link(swapped: Shop) -> None:
    await swapped.run(
        """() => {
            const link = "<a id=card href='mailto:sales@company.com'><span id=icon></span></a>";
            document.body.insertAdjacentHTML("beforeend", link);
            document.querySelector("#icon").attachShadow({ mode: "open" }).innerHTML = "<i>Write</i>";
            document.addEventListener("click", event => event.preventDefault());
        }"""
    )
    await swapped.until("() => document.querySelector('#card').href.includes('k7f3q9x2')")
    await swapped.page.click("#icon")
    await swapped.wait(lambda: told(swapped, "mailto") == [SUBSTITUTE])
