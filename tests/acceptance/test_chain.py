"""From a letter to a letter (H09): sent, opened, clicked; the page knows who came, and the CRM whose answer it is.

The owner's own mailer hands the letter to an SMTP server, Chromium shows it as webmail would, and the link in it leads
to the shop's page. What the person writes from there comes from an address that nobody knows, by LMTP into Dovecot.
"""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import aiosmtplib
from playwright.async_api import Page, expect

from tests.acceptance.letters import write_letter
from tests.acceptance.shop import open_shop
from tests.acceptance.stage import ASKED_AGAIN, Stage, log_in, start_visited
from tests.support.chromium import PATIENT
from tests.support.smtp_sink import SmtpSink
from wherefrom.app import open_services
from wherefrom.management import invoke

ANN = {"email": "ann@customer.example", "name": "Ann Buyer", "reference": "crm-42"}
EVENTS = ["message.received", "send.opened", "send.clicked"]


async def hand_in(stage: Stage, html: str) -> Any:
    """The owner asks for the letter with pixel and tracked links, and for everything to be told."""
    async with open_services(stage.service.settings) as services:
        [hook] = (await invoke(services, "GET", "/sites/{site}/endpoints", site="shop")).data
        path = "/sites/{site}/endpoints/{endpoint}"
        await invoke(services, "PATCH", path, site="shop", endpoint=hook.id, body={"events": EVENTS})
        letter = {"contact": ANN, "subject": "Oak chairs, 20 % off", "html": html, "reference": "autumn"}
        return await invoke(services, "POST", "/sites/{site}/sends", site="shop", body=letter)


async def mail(sink: SmtpSink, made: Any) -> str:
    """The owner's mailer sends the letter; its HTML as it came in."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "offers@shop.example", ANN["email"], made.send.subject
    for name, value in made.headers.items():
        letter[name] = value
    letter.set_content("See it in colours.")
    letter.add_alternative(made.html, subtype="html")
    await aiosmtplib.send(letter, hostname=sink.host, port=sink.port)
    came = message_from_bytes((await sink.next()).raw, policy=policy.default)
    body = came.get_body(("html",))
    assert body is not None
    return str(body.get_content())


async def told(stage: Stage, type_: str) -> dict[str, Any]:
    """The data of the next POST, which must be of this type."""
    body = stage.verify(await stage.receiver.next())
    assert body["type"] == type_, body
    data: dict[str, Any] = body["data"]
    return data


async def test_a_letter_that_answers_a_letter_is_of_the_contact_it_was_sent_to(
    stage: Stage,
    page: Page,
    smtp_sink: SmtpSink,
) -> None:
    await start_visited(stage)
    await page.add_init_script(PATIENT)
    with open_shop("shop.example", stage.service.url + "/wf.js", stage.key, stage.address) as shop:
        made = await hand_in(stage, f'<p>Look: <a href="{shop}/chairs?colour=oak#price">our chairs</a></p>')
        html = await mail(smtp_sink, made)

        async with page.expect_response(re.compile("/o/")) as pixel:  # opened: the pictures are fetched
            await page.set_content(html)
        assert (await pixel.value).status == 200
        opened = await told(stage, "send.opened")
        assert (opened["send_id"], opened["email"], opened["reference"]) == (made.send.id, ANN["email"], "autumn")

        await page.get_by_text("our chairs").click()
        await page.wait_for_url(f"{shop}/chairs?colour=oak&wf_click=*#price")
        await expect(page.locator("#text")).not_to_contain_text(f"({stage.address})", timeout=ASKED_AGAIN)
        found = re.search(r"\((.+)\)", await page.locator("#text").inner_text())
        assert found
    clicked = await told(stage, "send.clicked")
    assert clicked["url"] == f"{shop}/chairs?colour=oak#price"
    assert (clicked["contact_reference"], clicked["lead"]["sequence"]) == ("crm-42", 2)

    stage.dovecot.deliver(found[1], write_letter(found[1])[0])
    data = await told(stage, "message.received")
    assert data["message"]["from_address"] == "anna@visitor.example"
    assert data["contact"] == {
        "id": made.send.contact_id, "email": ANN["email"], "name": "Ann Buyer", "reference": "crm-42",
        "send_id": made.send.id, "by": "click",
    }  # fmt: skip
    assert data["visit"]["landing_page"] == f"{shop}/chairs?colour=oak"  # neither the token nor, as ever, the fragment
    assert (data["match"]["rule"], "wf_click" in str(data)) == ("code", False)

    await log_in(page, stage)
    await expect(page.locator("tbody tr")).to_contain_text("Ann Buyer")
    await page.get_by_text("Four chairs, please").click()
    await expect(page.locator(".people")).to_contain_text("Oak chairs, 20 % off")
    async with open_services(stage.service.settings) as services:
        sent = await invoke(services, "GET", "/sites/{site}/sends/{send}", site="shop", send=made.send.id)
        path = "/sites/{site}/contacts/{contact}/activities"
        done = await invoke(services, "GET", path, site="shop", contact=made.send.contact_id)
    assert [one.kind for one in done.data] == ["letter", "visit", "click", "open", "sent"]
    assert (sent.send.status, sent.send.opens, sent.send.clicks) == ("clicked", 1, 1)
    assert [(one.kind, one.verdict) for one in [*sent.opens, *sent.clicks]] == [("open", "human"), ("click", "human")]
