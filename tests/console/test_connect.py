"""Connecting a mailbox by signing in at its provider, as people do it in the browser (D04)."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware

from tests.console.conftest import csrf_of
from tests.console.scene import open_session
from tests.grants.connecting import with_oauth
from tests.support.ports import free_port
from wherefrom.console.routes import routes
from wherefrom.grants.renew import valid_token
from wherefrom.inbox.account import owner_of
from wherefrom.inbox.connect import ConnectMailbox, begin
from wherefrom.inbox.store.mailboxes import list_mailboxes, record_status
from wherefrom.mail.oauth_failures import GrantEnded
from wherefrom.services import Services
from wherefrom.settings import Server
from wherefrom.web.headers import SafeHeaders
from wherefrom.web.serve import bind, serve_http


@pytest.fixture
def services(services: Services, oauth, token_dovecot) -> Services:
    """With a provider set up, and an address of the service's own that is another site than the provider's."""
    server = Server(public_url=f"http://wherefrom.example:{free_port()}")
    settings = with_oauth(msgspec.structs.replace(services.settings, server=server), oauth, token_dovecot)
    return replace(services, settings=settings)


@pytest_asyncio.fixture
async def console(services: Services) -> AsyncIterator[str]:
    port, stop = int(services.settings.server.public_url.rpartition(":")[2]), asyncio.Event()
    app = Starlette(routes=routes(services), middleware=[Middleware(SafeHeaders)])
    serving = asyncio.create_task(serve_http(app, bind("127.0.0.1", port), stop))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await serving


@pytest.fixture
def setup(scene):
    return f"/sites/{scene.site.id}/setup"


async def mailboxes(services, scene):
    async with services.db.read() as tx:
        return await list_mailboxes(tx, scene.site.id)


async def press(client, setup, path, **fields) -> str:
    """Presses a button of the setup; the address its page leads on to."""
    token = csrf_of((await client.get(setup)).text)
    answer = await client.post(f"{setup}/{path}", data={"csrf": token, **fields})
    assert answer.status_code == 200, answer.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert found, answer.text
    return found[1].replace("&amp;", "&")


def path_of(url: str) -> str:
    found = httpx.URL(url)
    return found.raw_path.decode()


async def test_d04_a_mailbox_is_connected_in_the_browser(
    page: Page, console, services, scene, setup, oauth, token_dovecot
):
    base, anna = services.settings.server.public_url, token_dovecot.add_user()
    (name, token) = next(iter((await open_session(services)).items()))
    await page.context.add_cookies([{"name": name, "value": token, "url": base, "sameSite": "Lax"}])
    await page.goto(base + setup)
    # The test's accounts have no domain, which the browser asks of an address.
    await page.get_by_label("Address of the mailbox").evaluate("element => element.type = 'text'")
    await page.get_by_label("Address of the mailbox").fill(anna.user)
    await page.get_by_label("Letters that came before now").first.select_option("all")
    await page.get_by_role("button", name="Connect with Example").click()
    await page.get_by_role("button", name="Agree").click()
    await expect(page.get_by_text("The mailbox is connected.")).to_be_visible()
    assert page.url.startswith(f"{base}{setup}?connected=")
    assert "code=" not in page.url
    await page.get_by_role("button", name="Test connection").click()
    await expect(page.get_by_text("What was tried works.")).to_be_visible()
    (found,) = await mailboxes(services, scene)
    assert (found.username, found.password) == (anna.user, "")
    assert {one.since for one in found.folders} == {"all"}


async def test_a_person_who_declines_is_told_and_nothing_is_connected(client, services, scene, setup, oauth):
    url = await press(client, setup, "mailboxes/connect", provider="custom", username="sales@shop.example")
    back = await client.get(path_of(await oauth.agree(url, decline=True)))
    assert back.status_code == 400
    assert "Example did not grant it: access_denied The user declined" in back.text
    assert await mailboxes(services, scene) == []


async def test_what_comes_back_in_another_session_connects_nothing(client, guest, services, scene, setup, oauth):
    url = await press(client, setup, "mailboxes/connect", provider="custom", username="sales@shop.example")
    back = path_of(await oauth.agree(url))
    client.cookies.clear()
    stranger = await client.get(back)
    assert (stranger.status_code, "not logged in" in stranger.text) == (400, True)
    client.cookies.update(await open_session(services))
    other = await client.get(back)
    assert (other.status_code, "begun by somebody else, or in another session" in other.text) == (400, True)
    assert await mailboxes(services, scene) == []


async def test_a_code_that_comes_by_another_provider_s_address_is_refused(client, services, scene, setup, oauth):
    url = await press(client, setup, "mailboxes/connect", provider="custom", username="sales@shop.example")
    back = path_of(await oauth.agree(url))
    mixed = await client.get(back.replace("/callback/custom", "/callback/google"))
    assert mixed.status_code == 400
    assert oauth.asked == []
    assert (await client.get(back)).status_code == 303
    assert len(await mailboxes(services, scene)) == 1


async def test_a_sign_in_of_the_command_line_is_led_back_there(guest, services, scene, oauth):
    asked = await begin(services, scene.site.id, "key 0", ConnectMailbox(provider="custom", username="a"))
    back = path_of(await oauth.agree(asked.url))
    shown = await guest.get(back + "&x=<script>")
    assert shown.status_code == 200
    assert "Paste this address there" in shown.text
    assert "<script>" not in shown.text.partition("<main")[2]
    assert httpx.URL(back).params["code"] in shown.text
    assert oauth.asked == []


async def test_an_ended_grant_is_shown_with_the_button_that_makes_it_good(
    client, services, scene, setup, oauth, token_dovecot
):
    anna = token_dovecot.add_user()
    url = await press(client, setup, "mailboxes/connect", provider="custom", username=anna.user)
    await client.get(path_of(await oauth.agree(url)))
    (found,) = await mailboxes(services, scene)
    oauth.end_grants()
    async with services.db.write() as tx:
        await record_status(tx, scene.site.id, found.id, "connect_again", "The grant ended", services.clock.now())
    page = (await client.get(setup)).text
    assert 'class="chip bad">connect again<' in page
    assert "Signed in at Example, so no password is kept" in page
    letters = (await client.get(setup.replace("setup", "messages"))).text
    assert f"The mailbox {anna.user} is not read any more" in letters
    url = await press(client, setup, f"mailboxes/{found.id}/connect")
    answer = await client.get(path_of(await oauth.agree(url)))
    assert answer.headers["location"].endswith(f"?connected={found.id}#mailboxes")
    assert "is not read any more" not in (await client.get(setup.replace("setup", "messages"))).text
    (again,) = await mailboxes(services, scene)
    assert (again.id, again.status) == (found.id, "new")
    try:
        await valid_token(services, owner_of(again))
    except GrantEnded as error:  # pragma: no cover - says why it failed
        raise AssertionError(error.detail) from None


async def test_a_wish_that_does_not_hold_comes_back_with_its_fields(client, setup):
    token = csrf_of((await client.get(setup)).text)
    fields = {"csrf": token, "provider": "google", "username": "sales@shop.example"}
    answer = await client.post(f"{setup}/mailboxes/connect", data=fields)
    assert answer.status_code == 400
    assert "Google is not set up here" in answer.text
    assert 'value="sales@shop.example"' in answer.text


async def test_providers_that_are_not_set_up_are_shown_with_what_to_register(client, setup, services):
    page = (await client.get(setup)).text
    assert "Connect with Google" not in page
    assert "Sign-in without a password: Google, Microsoft, Yandex, Mail.ru" in page
    assert f"{services.settings.server.public_url}/oauth/callback/microsoft" in page
    assert "https://console.cloud.google.com/auth/clients" in page
