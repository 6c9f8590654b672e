"""The sending account on the setup page: set, shown, tried on a real mail server, signed for, removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dns.resolver
import pytest
from dns.resolver import Resolver
from playwright.async_api import expect

from tests.console.conftest import csrf_of
from tests.console.crowded import fill
from tests.console.scene import open_session
from tests.console.test_setup import post
from tests.console.test_setup import setup as setup
from tests.support.certificates import make_certificates
from tests.support.management import OPERATOR, management_api
from tests.support.name_server import NameServer
from tests.support.submission_sink import SubmissionSink
from wherefrom.console.sending_account import bounce_hint, describe
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.store.mailboxes import list_mailboxes
from wherefrom.outbound.api import OPERATIONS
from wherefrom.outbound.sender import SetSender, set_sender
from wherefrom.outbound.store import senders
from wherefrom.outbound.store.outgoing import Queue
from wherefrom.substitution.add import add_target
from wherefrom.substitution.store.targets import list_targets
from wherefrom.substitution.target import Options

READABLE = (Path(__file__).parent / "readable.js").read_text()
ACCOUNT = {
    "host": "smtp.shop.example", "port": "", "security": "tls", "username": "news@shop.example",
    "password": "Hidden-7", "from_address": "news@shop.example", "from_name": "The <b>shop</b>",
    "bounce_address": "bounce@shop.example", "per_hour": "300",
}  # fmt: skip


@pytest.fixture
def sink() -> Iterator[SubmissionSink]:
    with SubmissionSink() as server:
        yield server


def account_at(sink, **more):
    return {"host": sink.host, "port": str(sink.port), "security": "none", "from_address": "news@shop.example", **more}


async def stored(services, scene):
    async with services.db.read() as tx:
        return await senders.find_sender(tx, scene.site.id)


def field_of(page, name):
    """The value an input of the account's form shows."""
    form = page[page.index('id="sending"') :]
    found = re.search(rf'<input[^>]* name="{name}"[^>]*>', form)
    assert found, name
    value = re.search(r' value="([^"]*)"', found[0])
    return value[1] if value else None


def section(page):
    """Its words."""
    part = page[page.index('<section class="card" id="sending"') :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part[: part.index("</section>")]))


async def test_a_site_without_an_account_says_what_one_is_for(client, setup):
    words = section((await client.get(setup)).text)
    assert "no account" in words
    assert "your own mailer" in words
    assert "Remove the account" not in words


async def test_an_account_is_set_and_shown_and_its_password_is_never(client, scene, setup, services):
    answer = await post(client, setup, "sender", **ACCOUNT)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{setup}?sending=set#sending")
    one = await stored(services, scene)
    assert (one.port, one.per_hour, one.connections) == (465, 300, 2)
    assert services.tokens.decrypt(one.password) == "Hidden-7"
    page = (await client.get(f"{setup}?sending=set")).text
    words = section(page)
    assert "The account is set." in words
    assert "not tried yet" in words
    assert "news@shop.example at smtp.shop.example:465, TLS" in words
    assert "at most 300 an hour" in words
    assert "The &lt;b&gt;shop&lt;/b&gt;" in page
    assert "<b>shop" not in page
    assert "Hidden-7" not in page
    assert one.password not in page
    shown = {name: field_of(page, name) for name in ACCOUNT if name not in ("security", "from_name")}
    assert shown == {**{name: ACCOUNT[name] for name in shown}, "password": None}
    assert '<option value="tls" selected>' in page[page.index('id="sending"') :]


async def test_what_the_form_does_not_have_and_a_password_left_empty_stay_as_they_are(
    client, scene, setup, services, tmp_path
):
    trusted = make_certificates(tmp_path).ca_file
    given = {"host": "smtp.shop.example", "username": "u", "from_address": "news@shop.example"}
    await set_sender(
        services, scene.site.id, SetSender(**given, password="Hidden-7", connections=7, ca_file=str(trusted))
    )
    before = await stored(services, scene)
    await post(client, setup, "sender", **given, security="tls", password="")
    one = await stored(services, scene)
    assert (one.port, one.connections, one.ca_file) == (465, 7, str(trusted))
    assert one.password == before.password
    await post(client, setup, "sender", **{**given, "host": "other.example", "password": "Hidden-8"})
    one = await stored(services, scene)
    assert (one.host, one.connections, one.ca_file) == ("other.example", 7, "")


REFUSED = (
    ({"host": ""}, "The field “host” is empty"),
    ({"host": "no <host>"}, "no &lt;host&gt;"),
    ({"port": "12x"}, "Port “12x” is no number from 1 to 65535."),
    ({"port": "65536"}, "no number from 1 to 65535"),
    ({"per_hour": "0"}, "no number from 1 to 1000000"),
    ({"security": "magic"}, "magic"),
    ({"from_address": "nobody"}, "it has no @"),
    ({"bounce_address": "a-very-long-name-of-bounces@shop.example"}, "too long for a return path"),
    ({"username": "", "password": "Hidden-7"}, "a password and no username"),
    ({"password": ""}, "must be given anew"),
)


async def test_a_form_that_is_refused_keeps_its_fields_but_never_the_password(client, scene, setup, services):
    token = csrf_of((await client.get(setup)).text)
    for changed, words in REFUSED:
        fields = ACCOUNT | changed
        answer = await client.post(f"{setup}/sender", data={"csrf": token, **fields})
        assert answer.status_code == 400, changed
        assert words in answer.text
        assert "Hidden-7" not in answer.text, changed
        for name in ("host", "port", "username", "from_address", "bounce_address", "per_hour"):
            assert field_of(answer.text, name) == fields[name].replace("<", "&lt;").replace(">", "&gt;"), (
                changed,
                name,
            )
    assert await stored(services, scene) is None


async def test_only_forms_of_our_own_pages_change_the_account(client, scene, setup, services):
    await post(client, setup, "sender", **ACCOUNT)
    before = await stored(services, scene)
    fields = {**ACCOUNT, "host": "thief.example", "sure": "1", "selector": "wherefrom"}
    for path in ("sender", "sender/test", "sender/remove", "sender/keys", "sender/keys/remove"):
        assert (await client.post(f"{setup}/{path}", data={"csrf": "guessed", **fields})).status_code == 403, path
    assert await stored(services, scene) == before


async def test_the_account_is_tried_on_a_real_server_step_by_step(client, scene, setup, services, sink):
    await post(client, setup, "sender", **account_at(sink))
    words = section((await post(client, setup, "sender/test")).text)
    assert "Everything works." in words
    assert "No letter was sent." in words
    assert f"127.0.0.1:{sink.port} answers, no TLS" in words
    assert "letters from news@shop.example are taken" in words.replace("Letters", "letters")
    assert sink.letters == []
    sink.answer("MAIL", "553 5.7.1 sender address rejected: not owned by user")
    words = section((await post(client, setup, "sender/test")).text)
    assert "Something does not work yet:" in words
    assert "not owned by user" in words


async def test_a_stopped_account_says_why_and_a_test_that_succeeds_says_at_once_that_it_works(
    client, scene, setup, services, sink
):
    await post(client, setup, "sender", **account_at(sink))
    now = services.clock.now()
    failing = {
        "status": "failing", "status_detail": "the server <refuses>", "status_hint": "make an app password",
        "failing_since": now - timedelta(hours=2), "quiet_until": now + timedelta(minutes=8),
    }  # fmt: skip
    async with services.db.write() as tx:
        await senders.set_sender(tx, scene.site.id, failing)
    page = (await client.get(setup)).text
    words = section(page)
    assert "Stopped because: the server &lt;refuses&gt;." in words
    assert "Make an app password." in words
    assert "The next try is at" in words
    answer = await client.post(f"{setup}/sender/test", data={"csrf": csrf_of(page)}, headers={"hx-request": "true"})
    assert "<html" not in answer.text
    assert '<div id="sender-state" hx-swap-oob="true">' in answer.text
    assert '<span class="chip good">works</span>' in answer.text
    assert "Stopped because" not in answer.text


async def test_letters_that_wait_are_counted_with_an_account_and_without_one(client, scene, setup, services, sink):
    await post(client, setup, "sender", **account_at(sink))
    async with management_api(services, OPERATIONS, OPERATOR) as api:
        for name in ("ann", "bob"):
            letter = {"contact": {"email": f"{name}@mail.example"}, "subject": "News", "html": "<p>Hi</p>"}
            answer = await api.post(f"/sites/{scene.site.id}/sends", json={**letter, "deliver": True})
            assert answer.is_success, answer.text
    words = section((await client.get(setup)).text)
    assert "2 letters wait, the oldest since" in words
    await post(client, setup, "sender/remove", sure="1")
    words = section((await client.get(setup)).text)
    assert "2 letters wait for an account, the oldest since" in words


async def test_an_account_removed_in_another_window_is_no_fault(client, scene, setup, services):
    answer = await post(client, setup, "sender/test")
    assert answer.status_code == 404
    assert "The account was removed meanwhile." in answer.text
    token = csrf_of((await client.get(setup)).text)
    part = await client.post(f"{setup}/sender/test", data={"csrf": token}, headers={"hx-request": "true"})
    assert part.headers["hx-refresh"] == "true"
    assert (await post(client, setup, "sender/remove", sure="1")).status_code == 303
    assert (await post(client, setup, "sender/keys")).status_code == 404
    assert (await post(client, setup, "sender/keys/remove", sure="1", selector="x")).status_code == 303


async def test_an_account_is_removed_only_by_who_is_sure_of_it(client, scene, setup, services):
    await post(client, setup, "sender", **ACCOUNT)
    answer = await post(client, setup, "sender/remove")
    assert answer.status_code == 400
    assert "Nothing was removed, the account stays." in answer.text
    assert await stored(services, scene) is not None
    answer = await post(client, setup, "sender/remove", sure="1")
    assert answer.headers["location"] == f"{setup}?sending=removed#sending"
    assert await stored(services, scene) is None
    assert "The account is removed." in (await client.get(f"{setup}?sending=removed")).text


async def test_a_dkim_key_is_made_shown_to_be_published_tested_and_removed(
    client, scene, setup, services, sink, monkeypatch
):
    await post(client, setup, "sender", **account_at(sink))
    assert "Letters are not signed here." in section((await client.get(setup)).text)
    answer = await post(client, setup, "sender/keys", selector="", algorithm="rsa")
    assert answer.status_code == 303
    answer = await post(client, setup, "sender/keys", selector="no selector", algorithm="rsa")
    assert answer.status_code == 400
    assert field_of(answer.text, 'selector" maxlength="100') == "no selector"
    [key] = (await stored(services, scene)).dkim
    page = (await client.get(setup)).text
    assert key.record_name == "wherefrom._domainkey.shop.example"
    assert f">{key.record_name}</pre>" in page
    assert f">{key.record.replace('+', '&#43;')}</pre>" in page.replace("+", "&#43;")
    assert key.sealed not in page
    async with NameServer() as server:
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        words = section((await post(client, setup, "sender/test")).text)
        assert "Something does not work yet:" in words
        assert "Publish the record that is shown below" in words
        server.texts = {key.record_name: key.record}
        words = section((await post(client, setup, "sender/test")).text)
    assert "Everything works." in words
    assert (await post(client, setup, "sender/keys/remove", selector="wherefrom")).status_code == 400
    assert (await stored(services, scene)).dkim == (key,)
    await post(client, setup, "sender/keys/remove", selector="wherefrom", sure="1")
    assert (await stored(services, scene)).dkim == ()


async def hint_for(services, scene, bounce, mailboxes=None):
    """With the site's own mailboxes, or with one whose user name is given."""
    wish = SetSender(host="smtp.shop.example", from_address="news@shop.example", bounce_address=bounce)
    account = await set_sender(services, scene.site.id, wish)
    async with services.db.read() as tx:
        boxes, targets = await list_mailboxes(tx, scene.site.id), await list_targets(tx, scene.site.id)
    return bounce_hint(account, boxes if mailboxes is None else mailboxes, targets)


async def test_a_mailbox_whose_user_name_fits_the_bounce_address_needs_no_hint(services, scene):
    one = await add_mailbox(services, scene.site.id, AddMailbox(host="127.0.0.1", username="u", password="p"))
    fits = (
        ("bounce@shop.example", "Bounce@Shop.example"),
        ("bounce-@shop.example", "bounce@shop.example"),
        ("sales+back@shop.example", "sales@shop.example"),
        ("bounce@shop.example", "bounce"),
        ("", "news@shop.example"),
    )
    for bounce, username in fits:
        assert await hint_for(services, scene, bounce, [one, replace(one, username=username)]) == "", username
        paused = replace(one, username=username, enabled=False)
        assert "none of the mailboxes" in await hint_for(services, scene, bounce, [one, paused])
    for username in ("bounce@other.example", "bounces", "bounce2@shop.example"):
        assert await hint_for(services, scene, "bounce@shop.example", [replace(one, username=username)]) != "", username


async def test_bounces_to_an_address_on_the_pages_or_a_catch_all_domain_need_no_hint(services, scene):
    await add_mailbox(services, scene.site.id, AddMailbox(host="127.0.0.1", username="u", password="p"))
    assert await hint_for(services, scene, "sales@shop.example") != ""
    assert await hint_for(services, scene, "any@in.shop.example") != ""
    await add_target(services, scene.site.id, "sales@shop.example", Options(strategy="plus"), "")
    catchall = Options(strategy="catchall", domain="in.shop.example")
    await add_target(services, scene.site.id, "info@shop.example", catchall, "")
    assert await hint_for(services, scene, "sales@shop.example") == ""
    assert await hint_for(services, scene, "any@in.shop.example") == ""


async def test_the_page_hints_that_bounces_may_never_be_read(client, scene, setup, services):
    await post(client, setup, "sender", **ACCOUNT)
    page = (await client.get(setup)).text
    assert "No mailbox is read, so no bounce is ever seen." in page
    await add_mailbox(
        services, scene.site.id, AddMailbox(host="127.0.0.1", username="sales@shop.example", password="p")
    )
    page = (await client.get(setup)).text
    assert "none of the mailboxes that are read is that of bounce@shop.example" in page
    await add_mailbox(
        services, scene.site.id, AddMailbox(host="127.0.0.1", username="bounce@shop.example", password="p")
    )
    assert 'id="bounce-hint"' not in (await client.get(setup)).text


async def test_what_waits_is_said_with_and_without_an_account(services, scene):
    now = services.clock.now()
    queue = Queue(3, now - timedelta(hours=1), now)
    assert describe(None, queue, now, [], []).waiting == "3 letters wait"
    account = await set_sender(
        services, scene.site.id, SetSender(host="smtp.shop.example", from_address="news@shop.example", per_hour=5)
    )
    assert describe(account, Queue(0, None, None), now, [], []).waiting == ""
    assert describe(account, Queue(1, now, now), now, [], []).waiting == "1 letter waits"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what the browser does is the same on both
async def test_in_a_browser_the_test_mends_what_is_shown_and_everything_is_readable(
    page, console, scene, services, sink, width
):
    wish = SetSender(
        host=sink.host, port=sink.port, security="none", from_address="news@shop.example",
        bounce_address="bounce@shop.example",
    )  # fmt: skip
    await set_sender(services, scene.site.id, wish)
    cookies = await open_session(services)
    await page.context.add_cookies([{"name": name, "value": value, "url": console} for name, value in cookies.items()])
    await page.set_viewport_size({"width": width, "height": 844})
    await page.goto(f"{console}/sites/{scene.site.id}/setup")
    part = page.locator("#sending")
    await expect(part.get_by_text("not tried yet")).to_be_visible()
    async with services.db.write() as tx:
        await senders.set_sender(
            tx,
            scene.site.id,
            {"status": "failing", "status_detail": "no answer", "failing_since": services.clock.now()},
        )
    await page.reload()
    await expect(part.get_by_text("Stopped because: no answer.")).to_be_visible()
    await part.get_by_role("button", name="Test the account").click()
    await expect(part.get_by_text("Everything works.")).to_be_visible()
    await expect(part.locator("#sender-state .chip")).to_have_text("works")
    await part.get_by_text("Make a DKIM key").click()
    await part.get_by_role("button", name="Make the key").click()
    await expect(part.get_by_label("Name of the TXT record")).to_have_text("wherefrom._domainkey.shop.example")
    for summary in await part.locator("details > summary").all():
        await summary.click()
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await page.evaluate(READABLE) == {"weak": [], "nameless": [], "twice": [], "wider": 0}
    await part.get_by_role("button", name="Remove the account").click()
    await expect(part.get_by_role("button", name="Test the account")).to_be_visible()  # the box is not ticked
    await part.get_by_role("checkbox", name="nothing is sent from here any more").check()
    await part.get_by_role("button", name="Remove the account").click()
    await expect(part.get_by_text("The account is removed.")).to_be_visible()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what the browser does is the same on both
async def test_on_a_phone_the_totals_never_break_a_number_or_a_word_and_scroll_in_their_own_region(
    page, console, scene, clock
):
    await fill(scene, clock)
    cookies = await open_session(scene.services)
    await page.context.add_cookies([{"name": name, "value": value, "url": console} for name, value in cookies.items()])
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"{console}/sites/{scene.site.id}/contacts/totals")
    region = page.get_by_role("region", name="Letters over time")
    one_line = "cells => cells.every((cell) => { const range = document.createRange(); range.selectNodeContents(cell);"
    one_line += " return range.getClientRects().length === 1; })"
    assert await region.locator("th, td").evaluate_all(one_line)
    assert await region.evaluate("element => element.scrollWidth > element.clientWidth")
    await region.evaluate(
        "element => { window.moved = new Promise((done) => element.addEventListener('scroll', () => done(true))); }"
    )
    await region.focus()
    await page.keyboard.press("ArrowRight")
    assert await page.evaluate("window.moved")
