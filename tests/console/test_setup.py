"""The setup page and its forms (A06, D01, and what a newcomer does first)."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.console.conftest import csrf_of
from tests.console.scene import SOURCE
from tests.substitution.samples import Desk, pool_text
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.store.mailboxes import list_mailboxes, record_status
from wherefrom.sites.store import get_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.store.targets import list_targets
from wherefrom.substitution.target import Options
from wherefrom.visits.store import record_drops
from wherefrom.webhooks.change import AddEndpoint, add_endpoint
from wherefrom.webhooks.store.deliveries import NewDelivery, add_deliveries
from wherefrom.webhooks.store.endpoints import list_endpoints, mark_disabled
from wherefrom.webhooks.tables import delivery


@pytest.fixture
def setup(scene):
    return f"/sites/{scene.site.id}/setup"


async def post(client, setup, path, **fields):
    token = csrf_of((await client.get(setup)).text)
    return await client.post(f"{setup}/{path}", data={"csrf": token, **fields})


async def test_a_new_site_shows_the_snippet_and_what_is_missing(client, scene, setup):
    page = (await client.get(setup)).text
    snippet = f'<script async src="http://127.0.0.1:8025/wf.js" data-site="{scene.site.key}"></script>'
    assert snippet.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in page
    steady = f'<script async blocking="render" src="http://127.0.0.1:8025/wf-full.js" data-site="{scene.site.key}">'
    assert steady.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in page
    assert page.count("none yet") == 3
    assert "not seen yet" in page


async def test_the_site_is_switched_off_and_on(client, scene, setup, services):
    async def state():
        async with services.db.read() as tx:
            return (await get_site(tx, scene.site.id)).enabled

    await post(client, setup, "enabled", enabled="off")
    assert not await state()
    assert "Substitution is off" in (await client.get(setup)).text
    await post(client, setup, "enabled", enabled="on")
    assert await state()


async def test_an_address_is_added_and_shows_what_visitors_see(client, scene, setup, services):
    answer = await post(client, setup, "targets", address="Sales@shop.example", strategy="plus", separator="-", pool="")
    assert answer.status_code == 303
    page = (await client.get(setup)).text
    assert "Visitors see Sales-CODE@shop.example" in page


async def test_a_pool_is_added_with_its_addresses(client, scene, setup):
    pool = "a1@shop.example\r\na2@shop.example\r\n"
    await post(client, setup, "targets", address="sales@shop.example", strategy="pool", separator="+", pool=pool)
    assert "Pool of 2" in (await client.get(setup)).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "no address", "strategy": "plus"}, "it has no @"),
        ({"address": "", "strategy": "plus"}, "The field “address” is empty"),
        ({"address": "sales@shop.example", "strategy": "magic"}, "magic"),
        ({"address": "sales@shop.example", "strategy": "pool", "pool": "nonsense"}, "nonsense"),
        ({"address": "sales@shop.example", "strategy": "catchall", "domain": "<b>"}, "&lt;b&gt;"),
    ],
)
async def test_a_form_that_is_refused_says_why_and_keeps_its_fields(client, scene, setup, services, fields, words):
    answer = await post(client, setup, "targets", **fields)
    assert answer.status_code == 400
    assert words in answer.text
    if fields["address"]:
        assert f'name="address" required maxlength="254" value="{fields["address"]}"' in answer.text
    async with services.db.read() as tx:
        assert await list_targets(tx, scene.site.id) == []


OPTIONS = {"off_paths": "/imprint*\r\n\r\n /über-uns \r\n", "mode": "source", "without_consent": "source"}


async def test_exempt_pages_and_privacy_are_set_and_shown_as_they_are(client, scene, setup, services):
    page = (await client.get(setup)).text
    assert checked(page) == ["visits", "real"]
    answer = await post(client, setup, "options", **OPTIONS)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{setup}?saved=1#pages")
    async with services.db.read() as tx:
        site = await get_site(tx, scene.site.id)
    assert (site.off_paths, site.mode, site.without_consent) == (("/imprint*", "/über-uns"), "source", "source")
    page = (await client.get(f"{setup}?saved=1")).text
    assert checked(page) == ["source", "source"]
    assert ">/imprint*\n/über-uns</textarea>" in page
    assert "Saved." in page
    await post(client, setup, "options", off_paths="", mode="visits", without_consent="real")
    page = (await client.get(setup)).text
    assert (checked(page), "Saved." in page) == (["visits", "real"], False)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"off_paths": "/ok\nim<b>print"}, "The path “im&lt;b&gt;print” does not begin with a slash."),
        ({"off_paths": "\n".join(f"/{n}" for n in range(101))}, "101 paths are too many"),
        ({"mode": "persons"}, "“persons”"),
        ({"without_consent": ""}, "The field “without_consent” is empty"),
    ],
)
async def test_options_that_are_refused_change_nothing_and_stay_in_the_form(
    client, scene, setup, services, changed, words
):
    fields = OPTIONS | changed
    answer = await post(client, setup, "options", **fields)
    assert answer.status_code == 400
    assert words in answer.text
    assert checked(answer.text) == [
        one for one in (fields["mode"], fields["without_consent"]) if one in ("source", "visits")
    ]
    assert fields["off_paths"].replace("<", "&lt;").replace(">", "&gt;") + "</textarea>" in answer.text
    async with services.db.read() as tx:
        assert await get_site(tx, scene.site.id) == scene.site


async def test_options_are_set_by_forms_of_our_own_pages_alone(client, scene, setup, services):
    assert (await client.post(f"{setup}/options", data={"csrf": "guessed", **OPTIONS})).status_code == 403
    async with services.db.read() as tx:
        assert await get_site(tx, scene.site.id) == scene.site


async def test_a_pool_says_that_it_rests_while_sources_only_are_known(client, scene, setup):
    await post(client, setup, "targets", address="sales@shop.example", strategy="pool", pool="a1@shop.example")
    assert "Nothing of it is lent" not in (await client.get(setup)).text
    await post(client, setup, "options", **OPTIONS)
    page = (await client.get(setup)).text
    assert "Nothing of it is lent" in page
    assert "real address stands" in page


async def test_a_source_counts_as_a_sign_that_the_script_is_there(client, scene, setup):
    await scene.add_visit(1, **SOURCE)
    page = (await client.get(setup)).text
    assert "not seen yet" not in page
    assert "last visit" in page


def checked(page):
    """The values of the radio buttons that are on."""
    return re.findall(r'type="radio"[^>]* value="(\w+)" checked', page)


async def test_a_mailbox_is_connected_with_the_usual_port_and_its_password_is_sealed(client, scene, setup, services):
    answer = await post(
        client, setup, "mailboxes",
        host="127.0.0.1", username="sales@shop.example", password="Hidden-7", security="starttls",
    )  # fmt: skip
    assert answer.status_code == 303
    async with services.db.read() as tx:
        (one,) = await list_mailboxes(tx, scene.site.id)
    assert (one.port, one.security) == (143, "starttls")
    assert "Hidden-7" not in one.password
    page = (await client.get(setup)).text
    assert "sales@shop.example at 127.0.0.1:143, STARTTLS" in page
    assert "Hidden-7" not in page


async def test_a_mailbox_that_is_refused_does_not_send_the_password_back(client, setup):
    answer = await post(client, setup, "mailboxes", host="no host!", username="u", password="Hidden-7", security="tls")
    assert answer.status_code == 400
    assert "no host!" in answer.text
    assert "Hidden-7" not in answer.text
    answer = await post(client, setup, "mailboxes", host="h.example", username="u", password="p", port="12x")
    assert answer.status_code == 400
    assert "port" in answer.text


async def test_a_mailbox_that_fails_is_marked_and_says_why(client, scene, setup, services):
    one = await add_mailbox(services, scene.site.id, AddMailbox(host="127.0.0.1", username="u", password="p"))
    async with services.db.write() as tx:
        await record_status(tx, scene.site.id, one.id, "login_failed", "the server refuses", services.clock.now())
    page = (await client.get(setup)).text
    assert "log-in refused" in page
    assert "The server refuses." in page
    assert "needs attention" in page


async def test_the_connection_to_a_real_server_is_tested_step_by_step(client, scene, setup, services, dovecot):
    account = dovecot.add_user("sales")
    one = await add_mailbox(
        services,
        scene.site.id,
        AddMailbox(
            host=dovecot.host,
            port=dovecot.imaps_port,
            username=account.user,
            password=account.password,
            ca_file=str(dovecot.ca_file),
        ),
    )
    token = csrf_of((await client.get(setup)).text)
    path = f"{setup}/mailboxes/{one.id}/test"
    part = await client.post(path, headers={"hx-request": "true", "x-csrf-token": token})
    assert "What was tried works." in part.text
    assert "<html" not in part.text
    page = await client.post(path, data={"csrf": token})  # the same without scripts
    assert "What was tried works." in page.text
    assert "<html" in page.text


async def test_a_connection_that_fails_says_at_which_step_and_what_to_do(client, scene, setup, services, dovecot):
    account = dovecot.add_user("sales")
    one = await add_mailbox(
        services,
        scene.site.id,
        AddMailbox(
            host=dovecot.host,
            port=dovecot.imaps_port,
            username=account.user,
            password="wrong",
            ca_file=str(dovecot.ca_file),
        ),
    )
    answer = await post(client, setup, f"mailboxes/{one.id}/test")
    assert "Something does not work yet" in answer.text
    assert "<b>Log-in</b>" in answer.text


async def test_a_webhooks_secret_is_shown_once(client, scene, setup, services):
    wish = {"format": "roistat", "which": "all", "event:message.received": "1"}
    answer = await post(client, setup, "endpoints", url="http://127.0.0.1:1999/hook", **wish)
    assert answer.status_code == 200
    assert "whsec_" in answer.text
    page = (await client.get(setup)).text
    assert "whsec_" not in page
    assert "Format roistat, all letters" in page
    again = await post(client, setup, "endpoints", url="http://127.0.0.1:1999/hook", **wish)
    assert again.status_code == 409
    assert "posts to this URL" in again.text
    wrong = await post(client, setup, "endpoints", url="http://10.0.0.1/hook", **wish)
    assert wrong.status_code == 400
    odd = await post(client, setup, "endpoints", url="http://127.0.0.1:1999/h2", format="xml")
    assert odd.status_code == 400


@pytest.mark.parametrize("fragment", [False, True])
async def test_a_test_of_a_webhook_shows_what_went_and_what_came(client, scene, setup, services, receiver, fragment):
    one = (await add_endpoint(services, scene.site.id, AddEndpoint(url=receiver.url + "/hook"))).endpoint
    token = csrf_of((await client.get(setup)).text)
    headers = {"hx-request": "true"} if fragment else {}

    async def test(sample):
        data = {"csrf": token, "sample": sample}
        return (await client.post(f"{setup}/endpoints/{one.id}/test", data=data, headers=headers)).text

    receiver.answer(200, {"deal_id": "D-<1>"})
    page = await test("letter")
    assert ("<html" in page) is not fragment
    assert "Accepted in" in page
    assert "would be D-&lt;1&gt;" in page
    assert "webhook-signature: v1," in page
    receiver.answer(404, "<b>not here</b>")
    page = await test("ping")
    assert "It was not accepted: answered 404 Not Found." in page
    assert "Check the path of the URL" in page
    assert "&lt;b&gt;not here&lt;/b&gt;" in page


async def test_a_webhook_that_was_switched_off_is_told_on_every_page_until_it_is_on_again(
    client, scene, setup, services, receiver
):
    one = (await add_endpoint(services, scene.site.id, AddEndpoint(url=receiver.url))).endpoint
    messages = setup.replace("setup", "messages")
    assert "is switched off" not in (await client.get(messages)).text
    async with services.db.write() as tx:
        await mark_disabled(
            tx, scene.site.id, one.id, "failed", "nothing was accepted for 5 days", services.clock.now()
        )
    page = (await client.get(messages)).text
    assert "is switched off since" in page
    assert "nothing was accepted for 5 days" in page
    page = (await client.get(setup)).text
    assert "off: failed for days" in page
    assert "Nothing was accepted for 5 days" in page
    answer = await post(client, setup, f"endpoints/{one.id}/status", status="enabled")
    assert answer.status_code == 303
    assert "is switched off" not in (await client.get(messages)).text
    await post(client, setup, f"endpoints/{one.id}/status", status="paused")
    page = (await client.get(setup)).text
    assert ">paused<" in page
    assert "is switched off" not in (await client.get(messages)).text  # somebody wanted it so


async def test_what_was_given_up_is_sent_again_from_the_page(client, scene, setup, services):
    one = (await add_endpoint(services, scene.site.id, AddEndpoint(url="http://127.0.0.1:1999/hook"))).endpoint
    new = [
        NewDelivery(scene.site.id, services.ids.next(), one.id, number, "message.received", number, "{}")
        for number in range(3)
    ]
    async with services.db.write() as tx:
        await add_deliveries(tx, new, services.clock.now())
        await tx.execute(update(delivery).values(status="exhausted"))
    assert "3 deliveries were given up and kept" in (await client.get(setup)).text
    answer = await post(client, setup, f"endpoints/{one.id}/resend")
    page = (await client.get(answer.headers["location"])).text
    assert "3 deliveries are on the way again" in page
    assert "3 deliveries wait" in page
    assert "given up" not in page
    async with services.db.write() as tx:
        await tx.execute(update(delivery).values(status="delivered"))
    today = services.clock.now().date()

    async def again(**days):
        answer = await post(client, setup, f"endpoints/{one.id}/resend", status="any", **days)
        return (await client.get(answer.headers["location"])).text if answer.status_code == 303 else answer.text

    assert "0 deliveries are" in await again(since=f"{today + timedelta(days=1)}", until="")
    assert "3 deliveries are" in await again(since=f"{today}", until=f"{today}")
    assert "is no day" in await again(since="yesterday")


async def test_a_webhook_is_added_with_its_choices_gets_a_new_secret_and_is_removed(client, scene, setup, services):
    wish = {"url": "http://127.0.0.1:1999/hook", "format": "standard", "which": "first", "automatic": "1", "junk": "1",
            "deal_path": "deal.id", "per_minute": "30", "event:message.received": "1"}  # fmt: skip
    first = await post(client, setup, "endpoints", **wish)
    async with services.db.read() as tx:
        [one] = await list_endpoints(tx, scene.site.id)
    assert (one.automatic, one.junk, one.deal_path, one.per_minute) == (True, True, "deal.id", 30)
    page = (await client.get(setup)).text
    assert "the first letter of each thread, also automatic ones and those in Junk, at most 30 a minute" in page
    second = await post(client, setup, f"endpoints/{one.id}/secret", overlap_hours="24")
    secrets = [re.search(r"whsec_[\w+/=]+", answer.text)[0] for answer in (first, second)]
    assert len(set(secrets)) == 2
    assert "the old one signs beside the new one" in (await client.get(setup)).text
    bad = await post(client, setup, "endpoints", **{**wish, "url": "http://127.0.0.1:1999/b", "per_minute": "many"})
    assert (bad.status_code, "per_minute" in bad.text) == (400, True)
    assert (await post(client, setup, f"endpoints/{one.id}/remove")).status_code == 303
    async with services.db.read() as tx:
        assert await list_endpoints(tx, scene.site.id) == []


async def test_what_a_webhook_is_told_of_is_chosen_when_it_is_added_and_changed_later(client, scene, setup, services):
    wish = {"url": "http://127.0.0.1:1999/hook", "format": "standard"}
    empty = await post(client, setup, "endpoints", **wish)
    assert (empty.status_code, "No event is chosen" in empty.text) == (400, True)
    flat = await post(client, setup, "endpoints", **wish | {"format": "roistat", "event:send.opened": "1"})
    assert flat.status_code == 400
    assert re.search(r'name="event:send.opened" value="1" checked', flat.text)
    await post(client, setup, "endpoints", **wish | {"event:message.received": "1", "event:send.clicked": "1"})
    assert "letters with a visit; of sends: clicked, the first time" in (await client.get(setup)).text
    async with services.db.read() as tx:
        [one] = await list_endpoints(tx, scene.site.id)
    refused = await post(client, setup, f"endpoints/{one.id}/events")
    assert (refused.status_code, "No event is chosen" in refused.text) == (400, True)
    assert (await post(client, setup, f"endpoints/{one.id}/events", **{"event:send.bounced": "1"})).status_code == 303
    assert "of sends: bounced" in (await client.get(setup)).text


async def test_hits_that_became_no_visit_are_counted_by_reason_in_words(client, scene, setup, services):
    today = services.clock.now().date().isoformat()
    async with services.db.write() as tx:
        await record_drops(tx, {(scene.site.id, today, "bot"): 1204, (scene.site.id, "2020-01-01", "bot"): 5})
    page = (await client.get(setup)).text
    assert "Bots and crawlers" in page
    assert ">1204<" in page


async def test_one_sites_forms_do_not_reach_another_sites_mailbox(client, scene, setup, services):
    from tests.console.scene import make_scene

    other = await make_scene(services, "Blog", "blog.example")
    await add_target(services, other.site.id, "sales@blog.example", Options())
    one = await add_mailbox(services, other.site.id, AddMailbox(host="127.0.0.1", username="u", password="p"))
    assert (await post(client, setup, f"mailboxes/{one.id}/test")).status_code == 404
    assert "sales@blog.example" not in (await client.get(setup)).text
    async with services.db.read() as tx:
        assert await list_endpoints(tx, scene.site.id) == []


async def test_b06_a_pool_shows_its_hours_and_says_when_it_is_too_small(client, scene, setup, services):
    desk = Desk(services, scene.site.id)
    await desk.add(strategy="pool", pool=pool_text(2))
    page = (await client.get(setup)).text
    assert "at most 0 were wanted at one time: 4 addresses would do" in page
    assert "too small" not in page
    for visit in (1, 2, 3, 4):
        await desk.lend(visit)
    page = (await client.get(setup)).text
    assert "at most 4 were wanted at one time: 5 addresses would do; 2 visits found nothing free" in page
    assert "too small" in page
    assert page.count("<rect") == 72
    assert page.count('class="short"') == 1
