"""The demo as a newcomer meets it: one letter from the shop's page to the CRM and the console, in a browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import maxminddb
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.support.chromium import PATIENT
from wherefrom.demo.geo import CITIES, write_cities
from wherefrom.demo.run import open_demo
from wherefrom.demo.seed import PASSWORD, PERSON

ASKED_AGAIN = 150_000
"""Milliseconds within which the script certainly asks again, if its page was not answered: it does every minute."""


@pytest_asyncio.fixture
async def demo() -> AsyncIterator[tuple[str, str, str]]:
    async with open_demo(0, asyncio.Event()) as addresses:
        yield addresses


async def send_a_letter(page: Page, row: int, subject: str) -> str:
    """Writes to the ``row``-th address of the contact page; the address as the page showed it."""
    link = page.locator("dd a").nth(row)
    shown = (await link.inner_text()).strip()
    await link.click()
    await page.get_by_label("Subject").fill(subject)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#sent")).to_contain_text(f"Sent to {shown}")
    return shown


@pytest_asyncio.fixture
async def page(page: Page) -> Page:
    await page.add_init_script(PATIENT)
    return page


async def test_a_letter_of_each_strategy_goes_from_the_shop_to_the_crm_and_the_console(
    demo: tuple[str, str, str], page: Page
) -> None:
    service, site, crm = demo
    await page.goto(f"{site}/contact?utm_source=newsletter&utm_medium=email&utm_campaign=november")
    await expect(page.locator("#visit")).to_have_text("visit 1", timeout=ASKED_AGAIN)
    shown = [await send_a_letter(page, row, f"letter {row}") for row in range(3)]
    assert re.fullmatch(r"sales\+\w{8}@nordlicht\.example", shown[0])
    assert re.fullmatch(r"help-[1-4]@nordlicht\.example", shown[1])
    assert re.fullmatch(r"[a-z]+\.\w+@in\.nordlicht\.example", shown[2])

    await page.goto(crm)
    await expect(page.locator("#received li")).to_have_count(3)
    for row in range(3):
        await expect(page.locator("#received li", has_text=f'"letter {row}"')).to_contain_text("D-100")

    await page.goto(service)
    await page.get_by_label("E-mail").fill(PERSON)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(3)
    await expect(page.locator("tbody tr").first).to_contain_text("newsletter / email / november")


async def test_the_choice_of_a_city_shows_in_the_letter(demo: tuple[str, str, str], page: Page) -> None:
    _, site, crm = demo
    await page.goto(f"{site}/contact")
    await expect(page.locator("#visit")).to_have_text("visit 1", timeout=ASKED_AGAIN)
    await page.get_by_label("Visit from").select_option("New York")
    await expect(page.locator("#visit")).to_have_text("visit 2", timeout=ASKED_AGAIN)
    await send_a_letter(page, 0, "from afar")
    await page.goto(crm)
    await expect(page.locator("#received li")).to_contain_text('"city": "New York"')


async def test_the_imprint_and_the_guide_keep_the_real_address(demo: tuple[str, str, str], page: Page) -> None:
    _, site, _ = demo
    await page.goto(f"{site}/contact")
    await expect(page.locator("#visit")).to_have_text("visit 1", timeout=ASKED_AGAIN)
    await expect(page.locator("main > p").last).to_have_text("Imprint (never swapped): sales@nordlicht.example")


def test_the_made_up_city_database_knows_its_cities(tmp_path: Path) -> None:
    write_cities(tmp_path / "cities.mmdb")
    with maxminddb.open_database(tmp_path / "cities.mmdb") as reader:
        found = {one.name: reader.get(one.ip) for one in CITIES}
        assert reader.get("8.8.8.8") is None
    assert all(place["city"]["names"]["en"] == name for name, place in found.items())
