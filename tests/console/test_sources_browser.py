"""The page of sources in Chromium: wide names and many currencies, right-to-left ones, on a desk and on a phone."""

from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.console.scene import open_session
from tests.console.test_browser import READABLE
from wherefrom.webhooks.told import ChangeDeal, change_deal

NAMES = (
    "google",
    "\u05e9\u05dc\u05d5\u05dd (\u05e7\u05de\u05e4\u05d9\u05d9\u05df)",
    "a" * 255,
    "facebook / " + "spring sale " * 20,
    "<b>x</b>",
)
SEEN = """elements => elements.map(element => {
  const box = element.getBoundingClientRect(), card = element.closest(".card").getBoundingClientRect();
  return box.width > 0 && box.left >= card.left && box.right <= card.right;
})"""
LINES = """links => links.map(link => {
  const words = document.createRange();
  words.selectNodeContents(link);
  return words.getClientRects().length;
})"""

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is looked at are pages, not statements


@pytest_asyncio.fixture
async def sources(page, console, scene, services, clock):
    """Five sources, one with deals in four currencies as dear as they may be; somebody looks at them."""
    for number, name in enumerate(NAMES, 1):
        await scene.add_visit(number, source_levels=[name], marker=name, utm_campaign=name)
        letter = await scene.add_letter(visit_number=number, at=clock.now())
        worth = ChangeDeal(
            deal_value=Decimal("9999999999999"), deal_currency=("EUR", "USD", "JPY", "KWD", "EUR")[number - 1]
        )
        await change_deal(services, scene.site.id, letter, worth)
    clock.advance(timedelta(hours=1))
    (name, token) = next(iter((await open_session(services)).items()))
    await page.context.add_cookies([{"name": name, "value": token, "url": console}])
    await page.goto(f"{console}/sites/{scene.site.id}/sources")
    return page


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
async def test_g04_sources_are_readable_and_no_word_of_the_navigation_is_broken(sources, scheme, width):
    await sources.emulate_media(color_scheme=scheme)
    await sources.set_viewport_size({"width": width, "height": 844})
    for by in ("source", "channel", "utm_campaign"):
        await sources.goto(sources.url.split("?")[0] + f"?by={by}&days=90")
        assert await sources.evaluate(READABLE) == {"weak": [], "nameless": [], "twice": [], "wider": 0}
        for navigation in ("Pages", "Period", "By what"):
            links = sources.get_by_role("navigation", name=navigation).get_by_role("link")
            assert await links.evaluate_all(LINES) == [1] * await links.count(), navigation


async def test_g04_on_a_desk_every_figure_is_seen_without_moving_the_table(sources):
    await sources.set_viewport_size({"width": 1280, "height": 844})
    cells = sources.locator(".totals td.number")
    assert await cells.count() == 7 * (len(NAMES) + 1)
    assert all(await cells.evaluate_all(SEEN))
    in_all = sources.locator(".totals tfoot td").last.locator(".one")
    most = "9 999 999 999 999.00"
    sums = ["19 999 999 999 998.00 EUR", *(f"{most} {one}" for one in ("JPY", "KWD", "USD"))]
    await expect(in_all).to_have_text([one.replace(" ", "\u00a0", one.count(" ") - 1) for one in sums])


async def test_g04_on_a_phone_names_stay_beside_the_numbers(sources):
    await sources.set_viewport_size({"width": 390, "height": 844})
    names, visits = sources.locator(".totals tbody th"), sources.locator(".totals tbody td:nth-child(2)")
    assert all(await visits.evaluate_all(SEEN))
    assert max(await names.evaluate_all("cells => cells.map(cell => cell.offsetHeight)")) < 100
    await sources.locator(".scroll").evaluate("region => region.scrollLeft = region.scrollWidth")
    worth = sources.locator(".totals tbody td:last-child")
    assert all(await worth.evaluate_all(SEEN))
    assert all(await names.locator(".cut").evaluate_all(SEEN))


async def test_g04_a_name_from_right_to_left_is_written_as_its_own_script_is(sources):
    name = sources.locator(".totals .cut", has_text="\u05e9\u05dc\u05d5\u05dd")
    assert await name.evaluate("element => getComputedStyle(element).direction") == "rtl"
    assert (
        await sources.get_by_text("google", exact=True).evaluate("element => getComputedStyle(element).direction")
        == "ltr"
    )


async def test_g04_a_source_leads_to_its_letters_by_keyboard(sources):
    await sources.get_by_role("navigation", name="By what").get_by_role("link").last.focus()
    await sources.keyboard.press("Tab")
    await expect(sources.get_by_role("region", name="Visits, letters and deals by Source")).to_be_focused()
    await sources.keyboard.press("Tab")
    assert await sources.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await sources.keyboard.press("Enter")
    await sources.wait_for_url("**/messages?**")
    await expect(sources.locator("a.subject")).to_have_count(1)
