"""The pages of contacts as people meet them: in Chromium, by keyboard, on a phone, in the dark, without scripts."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.audience.crowd import draw, write
from tests.console.crowded import Crowd, fill
from tests.console.scene import open_session

READABLE = (Path(__file__).parent / "readable.js").read_text()


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the browser does is the same on both."""
    return str(request.param)


@pytest_asyncio.fixture
async def crowd(scene, clock) -> Crowd:
    return await fill(scene, clock)


@pytest_asyncio.fixture
async def reader(page: Page, console: str, scene, crowd):
    """The page of the contacts, by somebody who has logged in; ends without a complaint of the browser."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if said.type in ("error", "warning") else None)
    cookies = await open_session(scene.services)
    await page.context.add_cookies([{"name": name, "value": value, "url": console} for name, value in cookies.items()])
    await page.goto(f"{console}/sites/{scene.site.id}/contacts")
    yield page
    assert [one for one in found if not re.match("htmx:(sendAbort|afterRequest)", one)] == []


def names(page: Page):
    return page.locator("a.subject")


async def test_conditions_are_added_one_by_one_and_the_list_follows_without_a_new_page(reader):
    await reader.evaluate("window.same = true")
    await expect(names(reader)).to_have_count(4)
    await expect(reader.locator("fieldset.condition:visible")).to_have_count(1)
    await reader.locator("select[name=e0]").select_option("opened")
    await expect(names(reader)).to_have_text(["Dana Day", "Ann Ableton"])
    await expect(reader.locator("fieldset.condition:visible")).to_have_count(2)
    await expect(reader.locator("input[name=u0]")).to_be_hidden()
    await reader.locator("select[name=e1]").select_option("clicked")
    await expect(names(reader)).to_have_text(["Ann Ableton"])
    await expect(reader.locator("input[name=u1]")).to_be_visible()
    await expect(reader.locator("input[name=f1]")).to_be_hidden()
    await reader.locator("select[name=p1]").select_option("days")
    await expect(reader.locator("input[name=f1]")).to_be_visible()
    await reader.get_by_label("Must meet").select_option("any")
    await expect(names(reader)).to_have_count(2)
    await expect(reader.get_by_text("or who").first).to_be_visible()
    await reader.get_by_role("link", name="Remove the filter Opened").click()
    await expect(names(reader)).to_have_text(["Ann Ableton"])
    await reader.go_back()
    await expect(names(reader)).to_have_count(2)


async def test_how_many_there_are_appears_by_itself(reader, scene, services, clock):
    await write(draw(services, clock, scene.site.id, random.Random(3), people=51))
    await reader.reload()
    await expect(reader.locator("p.count")).to_have_text("55 contacts")


async def test_a_filter_is_saved_and_chosen_again_by_keyboard(reader):
    await reader.locator("select[name=e0]").select_option("not-opened")
    await reader.get_by_label("Name of the filter").focus()
    await reader.keyboard.type("Asleep")
    await reader.keyboard.press("Enter")
    await expect(reader).to_have_url(re.compile(r"\?saved=\d+$"))
    await expect(names(reader)).to_have_count(2)
    await reader.goto(reader.url.partition("?")[0])
    await reader.get_by_role("link", name="Asleep").focus()
    await reader.keyboard.press("Enter")
    await expect(reader).to_have_url(re.compile(r"\?saved=\d+$"))
    await reader.keyboard.press("j")
    await expect(names(reader).first).to_be_focused()
    await reader.keyboard.press("Enter")
    await expect(reader.get_by_role("heading", level=1)).to_have_text("<b>Eve</b>")


async def test_a_withdrawal_an_undo_and_an_erasure_by_a_person(reader, crowd):
    await names(reader).filter(has_text="Eve").click()
    await reader.locator("select[name=consent]").select_option("denied")
    await reader.get_by_label("How they said it").fill("by telephone")
    await reader.get_by_role("button", name="Save").first.click()
    await expect(reader.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    await expect(reader.locator(".said")).to_contain_text("Does not agree: by telephone")
    reader.on("dialog", lambda dialog: dialog.accept())
    await reader.get_by_role("button", name="Undo: Unsubscribed, list offers").click()
    await expect(reader.get_by_text("may be mailed")).to_be_visible()
    async with reader.expect_download() as download:
        await reader.get_by_role("link", name="Export", exact=True).click()
    assert (await download.value).suggested_filename == f"contact-{crowd.eve}.json"
    await reader.get_by_text("Erase this person…").click()
    await reader.get_by_label("to confirm").fill("eve@mail.example")
    await reader.get_by_role("button", name="Erase for good").click()
    await expect(reader.get_by_text("The person is erased")).to_be_visible()
    await expect(names(reader)).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
async def test_every_page_is_readable_named_and_no_wider_than_the_screen(reader, crowd, console, scene, scheme, width):
    await reader.emulate_media(color_scheme=scheme)
    await reader.set_viewport_size({"width": width, "height": 844})
    base = f"{console}/sites/{scene.site.id}/contacts"
    asked = "?q=&match=any&e0=opened&p0=30&e1=not-clicked&p1=days&f1=2026-10-01&l1=news&e2=clicked&u2=pricing&n2=2"
    for path in (
        "",
        asked,
        "?q=zzz",
        f"/{crowd.ann}",
        f"/{crowd.eve}",
        f"/{crowd.day}",
        "/totals",
        "/totals?step=month",
    ):
        await reader.goto(base + path)
        found = await reader.evaluate(READABLE)
        assert found == {"weak": [], "nameless": [], "twice": [], "wider": 0}, path
        assert await reader.locator("h1").count() == 1, path
    await reader.goto(base)
    row = reader.locator(".letters tbody tr").first
    shown = await row.evaluate("element => getComputedStyle(element).display")
    assert shown == ("grid" if width == 390 else "table-row")


async def test_without_scripts_the_filter_still_finds_and_a_contact_is_still_changed(chromium, console, scene, crowd):
    context = await chromium.new_context(java_script_enabled=False)
    try:
        cookies = await open_session(scene.services)
        await context.add_cookies([{"name": name, "value": value, "url": console} for name, value in cookies.items()])
        page = await context.new_page()
        await page.goto(f"{console}/sites/{scene.site.id}/contacts")
        await page.locator("select[name=e0]").select_option("clicked")
        await page.get_by_role("button", name="Find").click()
        await expect(names(page)).to_have_text(["Ann Ableton"])
        await names(page).click()
        await page.locator("select[name=consent]").select_option("granted")
        await page.get_by_role("button", name="Save").first.click()
        await expect(page.locator(".said")).to_contain_text("Agreed")
    finally:
        await context.close()
