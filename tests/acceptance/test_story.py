"""The whole story on real parts: a visit becomes a substitute, a letter to it a matched message, and the CRM knows.

Chromium opens a shop's page, Dovecot takes the letter by LMTP, an HTTP server is the CRM, the service is a process.
"""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.acceptance.letters import WISHES, write_letter
from tests.acceptance.shop import open_shop
from tests.acceptance.stage import ASKED_AGAIN, DEAL, Stage, log_in, start_visited
from tests.support.chromium import PATIENT

CAMPAIGN = "utm_source=google&utm_medium=cpc&utm_campaign=autumn"

SHAPES = {
    "plus": r"sales\+[a-z2-9]{8}@DOMAIN",
    "catchall": r"[a-z2-9]{8}@DOMAIN",
    "pool": r"sales-[123]@DOMAIN",
}


async def visit_shop(page: Page, stage: Stage) -> str:
    """Opens the page as somebody who clicked an advertisement; the address that the page then shows."""
    await page.add_init_script(PATIENT)
    with open_shop("shop.example", stage.service.url + "/wf.js", stage.key, stage.address) as shop:
        await page.goto(f"{shop}/chairs?{CAMPAIGN}")
        await expect(page.locator("#text")).not_to_contain_text(f"({stage.address})", timeout=ASKED_AGAIN)
        found = re.search(r"\((.+)\)", await page.locator("#text").inner_text())
        assert found
        in_links = found[1].replace("+", "%2B")  # webmail reads a bare one as a space
        assert await page.locator("#link").get_attribute("href") == f"mailto:{in_links}?subject=Chairs"
        assert "other@elsewhere.example" in await page.locator("#other").inner_text()
        return found[1]


@pytest.mark.parametrize("stage", ["plus", "catchall", "pool"], indirect=True)
async def test_a_letter_is_followed_from_the_page_to_the_crm_and_the_history(
    stage: Stage, page: Page, request: pytest.FixtureRequest
) -> None:
    strategy = request.node.callspec.params["stage"]
    stage.receiver.answer(200, DEAL)
    await start_visited(stage)

    substitute = await visit_shop(page, stage)
    domain = stage.address.partition("@")[2]
    assert re.fullmatch(SHAPES[strategy].replace("DOMAIN", re.escape(domain)), substitute)

    raw, _ = write_letter(substitute)
    stage.dovecot.deliver(substitute, raw)
    posted = await stage.receiver.next()
    body = stage.verify(posted)
    assert body["type"] == "message.received"
    message, visit, match = body["data"]["message"], body["data"]["visit"], body["data"]["match"]
    assert message["subject"] == "Four chairs, please"
    assert "four oak chairs before Christmas?" in message["text"]
    assert message["from_address"] == "anna@visitor.example"
    assert message["to_address"] == substitute
    assert visit["utm"] == {
        "source": "google", "medium": "cpc", "campaign": "autumn", "term": None, "content": None,
    }  # fmt: skip
    assert visit["landing_page"].endswith(f"/chairs?{CAMPAIGN}")
    assert match["rule"] == ("pool" if strategy == "pool" else "code")
    assert match["confidence"] > 0.9

    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        attachment = await client.get(message["attachments"][0]["url"])
    assert attachment.status_code == 200
    assert attachment.text.replace("\r\n", "\n") == WISHES
    assert "wishes.csv" in attachment.headers["content-disposition"]

    await log_in(page, stage)
    row = page.locator("tbody tr")
    await expect(row).to_have_count(1)
    for cell in ("anna@visitor.example", substitute, visit["id"], "D-77", "Four chairs, please"):
        await expect(row).to_contain_text(cell)
    assert await row.locator("time").count() >= 1
    assert stage.service.stop() == 0


async def test_a_mail_server_that_restarts_in_the_middle_delays_the_letter_only(stage: Stage, page: Page) -> None:
    await start_visited(stage)
    substitute = await visit_shop(page, stage)
    stage.dovecot.deliver(substitute, write_letter(substitute, "before")[0])
    assert stage.verify(await stage.receiver.next())["data"]["message"]["subject"] == "before"
    stage.dovecot.stop()
    stage.dovecot.start()
    stage.dovecot.deliver(substitute, write_letter(substitute, "after")[0])
    assert stage.verify(await stage.receiver.next())["data"]["message"]["subject"] == "after"
    assert len(stage.receiver.requests) == 2


async def test_a_receiver_that_is_down_for_three_attempts_gets_the_letter_at_the_fourth(
    stage: Stage, page: Page
) -> None:
    for _ in range(3):
        stage.receiver.answer(503, "down")
    stage.receiver.answer(200, DEAL)
    await start_visited(stage)
    substitute = await visit_shop(page, stage)
    stage.dovecot.deliver(substitute, write_letter(substitute)[0])
    posts = [await stage.receiver.next() for _ in range(4)]
    assert {post.headers["webhook-id"] for post in posts} == {posts[0].headers["webhook-id"]}
    assert {post.body for post in posts} == {posts[0].body}
    for post in posts:
        stage.verify(post)
    await log_in(page, stage)
    await expect(page.locator("tbody tr")).to_contain_text("D-77")


async def test_a_service_killed_between_storing_and_matching_gives_one_row_and_one_delivery(
    stage: Stage, page: Page
) -> None:
    await start_visited(stage)
    substitute = await visit_shop(page, stage)
    stage.service.kill()

    stage.dovecot.deliver(substitute, write_letter(substitute)[0])
    await stage.service.store_only(1)
    assert stage.receiver.requests == []

    await stage.service.start()
    stage.verify(await stage.receiver.next())
    await log_in(page, stage)
    await expect(page.locator("tbody tr")).to_have_count(1)
    stage.dovecot.deliver(substitute, write_letter(substitute, "the next one")[0])
    assert stage.verify(await stage.receiver.next())["data"]["message"]["subject"] == "the next one"
    assert len(stage.receiver.requests) == 2
