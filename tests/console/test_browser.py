"""The console as people meet it: in Chromium, by keyboard, on a phone, in the dark (G01, G02)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.console.scene import EMAIL, PASSWORD, open_session
from tests.mail.scripted import ImapScript, ScriptedServer
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.store.mailboxes import set_folder
from wherefrom.webhooks.change import AddEndpoint, add_endpoint

READABLE = (Path(__file__).parent / "readable.js").read_text()
TWO_POLLS_DUE = """() => new Promise((resolve) => {
  let due = 0;
  document.addEventListener("htmx:beforeRequest", () => { if (++due === 2) resolve(); });
})"""
LONG = "Quote_for_forty_oak_chairs_without_a_single_space_" * 6
SUBJECTS = (
    "First letter",
    LONG,
    "استفسار عن المنتج",
    "🪑 chairs 🎉",
    "<script>document.title='owned'</script>",
    "Last letter",
)


@pytest_asyncio.fixture
async def faults(page: Page):
    """What the browser complains of: script errors, refused by the policy, failed requests."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: found.append(said.text) if said.type in ("error", "warning") else None)
    yield found
    # A poll that is under way when somebody leaves the page is broken off, which htmx mentions.
    assert [one for one in found if not re.match("htmx:(sendAbort|afterRequest)", one)] == []


@pytest_asyncio.fixture
async def letters(scene):
    """Six letters, half of them matched."""
    await scene.add_visit(1042)
    return [
        await scene.add_letter(
            subject, visit_number=1042 if number % 2 else None, deal_number=LONG[:200] if number == 1 else ""
        )
        for number, subject in enumerate(SUBJECTS)
    ]


@pytest_asyncio.fixture
async def reader(page: Page, console: str, scene, letters):
    """The page of the letters, by somebody who has logged in."""
    (name, token) = next(iter((await open_session(scene.services)).items()))
    await page.context.add_cookies([{"name": name, "value": token, "url": console}])
    await page.goto(f"{console}/sites/{scene.site.id}/messages")
    return page


def subjects(page: Page):
    return page.locator("a.subject")


# ------------------------------------------------------------------------------------------------ keyboard


async def test_everything_is_reached_by_keyboard(page, console, letters, faults):
    await page.goto(console)
    await page.keyboard.type(EMAIL)  # the first field has the focus
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/messages")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("first")
    await expect(subjects(page)).to_have_text(["First letter"])
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(subjects(page).first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("First letter")
    await page.locator("a.crumb").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/messages\?q=first$"))


async def test_j_and_k_walk_the_rows_and_the_focus_can_be_seen(reader, faults):
    for _ in range(3):
        await reader.keyboard.press("j")
    await reader.keyboard.press("k")
    second = subjects(reader).nth(1)
    await expect(second).to_be_focused()
    outline = await second.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"


async def test_keys_typed_into_a_field_are_letters(reader, faults):
    await reader.get_by_role("searchbox").fill("")
    await reader.keyboard.type("j/k")
    await expect(reader.get_by_role("searchbox")).to_have_value("j/k")


async def test_the_site_switcher_opens_by_keyboard_and_closes_on_escape(reader, faults):
    switch = reader.locator("details.switch")
    await switch.locator("summary").focus()
    await reader.keyboard.press("Enter")
    await expect(switch.get_by_role("link", name="Shop")).to_be_visible()
    await reader.keyboard.press("Escape")
    await expect(switch.get_by_role("link", name="Shop")).to_be_hidden()
    await expect(switch.locator("summary")).to_be_focused()


# ------------------------------------------------------------------------------------------------ filters


async def test_filters_work_without_loading_the_page_and_stand_in_the_address(reader, faults):
    await reader.evaluate("window.same = true")
    await reader.locator("select[name=match]").select_option("yes")
    await expect(subjects(reader)).to_have_count(3)
    await expect(reader).to_have_url(re.compile(r"/messages\?match=yes$"))
    assert await reader.evaluate("window.same")
    await expect(reader.locator("#export")).to_have_attribute("href", re.compile(r"\.csv\?match=yes$"))
    await reader.get_by_role("link", name="Remove the filter Matched").click()
    await expect(subjects(reader)).to_have_count(6)


async def test_the_back_button_brings_the_earlier_filter_back(reader, faults):
    await reader.locator("select[name=match]").select_option("yes")
    await expect(subjects(reader)).to_have_count(3)
    await reader.locator("select[name=match]").select_option("no")
    await expect(reader).to_have_url(re.compile(r"match=no$"))
    await reader.go_back()
    await expect(reader).to_have_url(re.compile(r"match=yes$"))
    await expect(reader.locator("select[name=match]")).to_have_value("yes")
    await expect(reader.locator(".chip.accent")).to_have_text(re.compile("Matched"))


async def test_a_chosen_day_takes_the_place_of_the_period_and_the_other_way_round(reader, faults):
    await reader.get_by_label("Period").select_option("7")
    await reader.get_by_text("More filters").click()
    await reader.get_by_label("From day").fill("2026-11-01")
    await expect(reader).to_have_url(re.compile(r"\?from=2026-11-01$|period=days&from=2026-11-01$"))
    await expect(reader.get_by_label("Period")).to_have_value("days")
    await reader.get_by_label("Period").select_option("30")
    await expect(reader).to_have_url(re.compile(r"\?period=30$"))
    await expect(reader.get_by_label("From day")).to_have_value("")


async def test_a_click_anywhere_on_a_row_opens_the_letter(reader, faults):
    await reader.locator(".letters tbody tr").last.locator(".c-date").click()
    await expect(reader.get_by_role("heading", level=1)).to_have_text("First letter")


# ------------------------------------------------------------------------------------------------ growing by itself


async def test_a_new_letter_appears_by_itself_and_the_focus_stays(reader, scene, faults):
    await reader.keyboard.press("j")
    await scene.add_letter("Brand new")
    await expect(subjects(reader).first).to_have_text("Brand new")
    await expect(reader.locator("tr.fresh")).to_have_count(1)
    await expect(reader.get_by_role("status")).to_have_text("One new letter")
    await expect(subjects(reader).nth(1)).to_be_focused()


async def test_a_new_letter_appears_only_when_it_fits_the_filter(reader, scene, faults):
    await reader.get_by_role("searchbox").fill("chairs")
    await expect(subjects(reader)).to_have_count(2)
    await scene.add_letter("About tables")
    await scene.add_letter("More chairs, please")
    await expect(subjects(reader)).to_have_count(3)
    await expect(subjects(reader).first).to_have_text("More chairs, please")


async def test_a_hidden_tab_asks_for_nothing_until_it_is_looked_at_again(reader, scene, faults):
    await reader.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    polls = []
    reader.on("request", lambda request: polls.append(request.url) if "/poll" in request.url else None)
    await reader.evaluate(TWO_POLLS_DUE)
    assert polls == []
    await scene.add_letter("While you were away")
    await reader.evaluate("delete document.hidden")
    await expect(subjects(reader).first).to_have_text("While you were away")


async def test_a_lost_connection_is_said_and_found_again(reader, scene):
    await reader.context.set_offline(True)
    await expect(reader.locator("#live")).to_have_text("Connection lost, trying again")
    await scene.add_letter("After the tunnel")
    await reader.context.set_offline(False)
    await expect(subjects(reader).first).to_have_text("After the tunnel")
    await expect(reader.locator("#live")).to_have_text("Live")


async def test_when_the_session_ends_the_open_page_leads_to_the_form(reader, services, clock):
    clock.advance(timedelta(days=15))
    await reader.wait_for_url("**/login")


# ------------------------------------------------------------------------------------------------ one letter


async def test_a_letters_html_cannot_run_fetch_or_reach_the_page_around_it(reader, scene, console, faults):
    raw = b"Content-Type: text/html\r\n\r\n<p id=x>Hello</p><script>parent.document.title='owned'</script><img src='http://127.0.0.1:1/x.gif'>"
    letter = await scene.add_letter("Designed", raw=raw, has_html=True)
    asked: list[str] = []
    reader.on("request", lambda request: asked.append(request.url))
    await reader.goto(f"{console}/sites/{scene.site.id}/messages/{letter}")
    await reader.get_by_role("link", name="As designed").click()
    await expect(reader.frame_locator("iframe").get_by_text("Hello")).to_be_visible()
    assert all(url.startswith(console) for url in asked)
    assert await reader.title() == "Designed · Wherefrom"
    frame = reader.frames[1]
    assert await frame.evaluate("() => window.origin") == "null"


async def test_a_subject_with_a_script_is_only_text(reader, letters, faults):
    await subjects(reader).nth(1).click()
    await expect(reader.get_by_role("heading", level=1)).to_have_text("<script>document.title='owned'</script>")
    assert "owned" in await reader.title()
    assert await reader.evaluate("document.title !== 'owned'")


# ------------------------------------------------------------------------------------------------ setup


async def test_the_snippet_is_copied_with_one_click(reader, scene, faults):
    await reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await reader.get_by_role("link", name="Setup").first.click()
    await reader.wait_for_url("**/setup*")
    # The word stands there for two seconds, which may pass between two looks of a busy machine: here it stays.
    await reader.evaluate(
        "(given => { window.setTimeout = (work, ms) => ms === 2000 ? 0 : given(work, ms) })(setTimeout)"
    )
    await reader.get_by_role("button", name="Copy").first.click()
    await expect(reader.get_by_role("button", name="Copied")).to_be_visible()
    assert scene.site.key in await reader.evaluate("navigator.clipboard.readText()")


async def test_a_form_shows_the_fields_its_strategy_has(reader, faults):
    await reader.get_by_role("link", name="Setup").first.click()
    await expect(reader.get_by_label("Separator")).to_be_visible()
    await expect(reader.get_by_label("Addresses, one a line")).to_be_hidden()
    await reader.get_by_label("Substitutes").select_option("pool")
    await expect(reader.get_by_label("Separator")).to_be_hidden()
    await expect(reader.get_by_label("Addresses, one a line")).to_be_visible()


async def test_test_connection_shows_its_steps_in_place(reader, scene, services, dovecot, faults):
    account = dovecot.add_user("sales")
    await add_mailbox(
        services,
        scene.site.id,
        AddMailbox(
            host=dovecot.host, port=dovecot.imaps_port, username=account.user, password=account.password,
            ca_file=str(dovecot.ca_file),
        ),
    )  # fmt: skip
    await reader.get_by_role("link", name="Setup").first.click()
    await reader.get_by_role("button", name="Test connection").click()
    await expect(reader.get_by_text("What was tried works.")).to_be_visible()
    await expect(reader.locator(".diagnosis li")).not_to_have_count(0)


async def test_a_webhook_is_removed_only_when_that_is_confirmed(reader, scene, services, faults):
    await add_endpoint(services, scene.site.id, AddEndpoint(url="https://crm.company.com/letters"))
    await reader.get_by_role("link", name="Setup").first.click()
    hooks, asked = reader.locator("#webhooks"), []

    async def answer(dialog):
        asked.append(dialog.message)
        await (dialog.accept() if len(asked) > 1 else dialog.dismiss())

    reader.on("dialog", answer)
    await hooks.get_by_text("More", exact=True).click()
    await hooks.get_by_role("button", name="Remove").click()
    await expect(hooks.get_by_text("crm.company.com")).to_be_visible()
    await hooks.get_by_role("button", name="Remove").click()
    await expect(hooks.get_by_text("crm.company.com")).to_have_count(0)
    assert asked == ["Remove this webhook? What waits for it is called off."] * 2


# ------------------------------------------------------------------------------------------------ every screen


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
async def test_every_page_is_readable_named_and_no_wider_than_the_screen(
    reader, scene, services, letters, console, faults, scheme, width
):
    await reader.emulate_media(color_scheme=scheme)
    await reader.set_viewport_size({"width": width, "height": 844})
    await add_mailbox(services, scene.site.id, AddMailbox(host="127.0.0.1", username="u", password="p"))
    base = f"{console}/sites/{scene.site.id}"
    for path in ("messages", "messages?q=zzz", f"messages?source={LONG[:200]}", f"messages/{letters[1]}", "setup"):
        await reader.goto(f"{base}/{path}")
        found = await reader.evaluate(READABLE)
        assert found == {"weak": [], "nameless": [], "twice": [], "wider": 0}, path
        assert await reader.locator("h1").count() == 1, path
        assert await reader.locator("main").count() == 1, path
    dark = await reader.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]) < 128")
    assert dark == (scheme == "dark")


async def test_on_a_phone_rows_are_cards_and_still_a_table_for_screen_readers(reader, faults):
    await reader.set_viewport_size({"width": 390, "height": 844})
    row = reader.locator(".letters tbody tr").first
    assert await row.evaluate("element => getComputedStyle(element).display") == "grid"
    await expect(reader.get_by_role("row")).to_have_count(len(SUBJECTS) + 1)
    await expect(row.get_by_role("cell").first).to_be_visible()
    box = await subjects(reader).filter(has_text="Quote_for").bounding_box()
    assert box["height"] < 30  # one line, cut with an ellipsis


async def test_without_scripts_the_filters_and_the_log_out_still_work(chromium, console, scene, letters):
    context = await chromium.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(f"{console}/login")
        await page.get_by_label("E-mail address").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.locator("select[name=match]").select_option("yes")
        await page.get_by_role("button", name="Filter").click()
        await expect(subjects(page)).to_have_count(3)
        await page.get_by_role("button", name="Log out").click()
        await page.wait_for_url("**/login")
    finally:
        await context.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_the_bar_of_old_mail_grows_by_itself_and_ends_as_a_button(
    reader: Page, console: str, scene, services, faults
):
    with ScriptedServer(ImapScript({"LIST": b'* LIST () "/" INBOX\r\n* LIST () "/" "Leads"\r\n'})) as server:
        account = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "u", "password": "p"}
        one = await add_mailbox(services, scene.site.id, AddMailbox(**account, since="all"))
        inbox, junk = (folder.id for folder in one.folders)

        async def have(read: int, end: int | None) -> None:
            behind = {"baselined": True, "backlog_end": end, "backlog_letters": 1000, "backlog_read": read}
            async with services.db.write() as tx:
                await set_folder(tx, scene.site.id, inbox, behind)
                await set_folder(tx, scene.site.id, junk, {"baselined": True})

        await have(250, 900)
        await reader.goto(f"{console}/sites/{scene.site.id}/setup#mailboxes")
        bar = reader.get_by_role("progressbar", name="Old letters of INBOX")
        await expect(bar).to_have_attribute("value", "250")
        await reader.get_by_role("button", name="Choose folders").click()
        await expect(reader.get_by_role("checkbox", name="Leads")).not_to_be_checked()
        await have(700, 900)
        await expect(bar).to_have_attribute("value", "700")
        await expect(reader.get_by_role("checkbox", name="INBOX")).to_be_checked()
        await scene.add_letter("From long ago", historic=True, mailbox_id=one.id)
        await have(1000, None)
        await expect(reader.get_by_role("button", name="Send it")).to_be_visible()
        await expect(bar).to_have_count(0)
