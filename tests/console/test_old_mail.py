"""Old mail on the setup page: how far back, how far it is read, and whether webhooks hear of it."""

import re

import pytest
from sqlalchemy import update

from tests.console.scene import make_scene
from tests.console.test_setup import post
from tests.console.test_setup import setup as setup
from tests.events.samples import letter
from wherefrom.events.store import append_event, list_events
from wherefrom.events.types import EventType
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.store.mailboxes import get_mailbox, list_mailboxes, set_folder
from wherefrom.inbox.tables import message
from wherefrom.webhooks.change import AddEndpoint, add_endpoint


@pytest.fixture
async def reading(scene, services):
    """A mailbox that has read 250 of 1,000 old letters."""
    wanted = AddMailbox(host="imap.example", username="u", password="p", since="all")
    one = await add_mailbox(services, scene.site.id, wanted)
    behind = {"baselined": True, "backlog_end": 900, "backlog_letters": 1000, "backlog_read": 250}
    async with services.db.write() as tx:
        await set_folder(tx, scene.site.id, one.folders[0].id, behind)
    return one


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # only what the form sends is looked at
@pytest.mark.parametrize("since", ["new", "30", "365", "all"])
async def test_how_far_back_is_chosen_when_a_mailbox_is_connected(client, scene, setup, services, since):
    page = (await client.get(setup)).text
    choices = re.findall(r'<option value="(\w+)"', page[page.index('name="since"') :].partition("</select>")[0])
    assert choices == ["new", "30", "365", "all"], "from now on is what is chosen unless somebody chooses"
    fields = {"host": "imap.example", "username": "u", "password": "p", "security": "tls", "since": since}
    assert (await post(client, setup, "mailboxes", **fields)).status_code == 303
    async with services.db.read() as tx:
        (one,) = await list_mailboxes(tx, scene.site.id)
    assert {folder.since for folder in one.folders} == {since}


async def test_the_page_shows_how_far_old_mail_is_read_and_asks_again_until_it_is(
    client, scene, setup, services, reading
):
    page = (await client.get(setup)).text
    assert '<progress max="1000" value="250" aria-label="Old letters of INBOX">' in page
    assert "250 of 1000 old letters of INBOX are read" in page
    assert "Old letters of Junk are being counted" in page
    part = f"{setup}/mailboxes/{reading.id}/old"
    assert f'hx-get="{part}" hx-trigger="every 2s"' in page
    answer = await client.get(part, headers={"hx-request": "true"})
    assert "250 of 1000" in answer.text
    assert "<html" not in answer.text
    async with services.db.write() as tx:
        for folder in reading.folders:
            await set_folder(tx, scene.site.id, folder.id, {"baselined": True, "backlog_end": None})
    assert "hx-get" not in (await client.get(part, headers={"hx-request": "true"})).text


async def test_old_letters_are_sent_to_webhooks_by_a_button_and_once(client, scene, setup, services, reading):
    letter_id = await scene.add_letter(subject="From long ago")
    async with services.db.write() as tx:
        await tx.execute(update(message).where(message.c.id == letter_id).values(historic=True, mailbox_id=reading.id))
        await append_event(
            tx, id=services.ids.next(), site_id=scene.site.id, type=EventType.MESSAGE_RECEIVED,
            subject_id=letter_id, data=letter("From long ago"), now=services.clock.now(),
        )  # fmt: skip
    page = (await client.get(setup)).text
    assert "1 old letter is in the history; no webhook was told of it." in page
    before = await _told(services, scene)
    answer = await post(client, setup, f"mailboxes/{reading.id}/send-old")
    assert answer.headers["location"].endswith("/setup?told=1#mailboxes")
    assert "1 old letter is on the way" in (await client.get(answer.headers["location"])).text
    assert await _told(services, scene) == before + 1
    assert "no webhook was told" not in (await client.get(setup)).text
    again = await post(client, setup, f"mailboxes/{reading.id}/send-old")
    assert again.headers["location"].endswith("told=0#mailboxes")


async def test_old_letters_are_marked_in_the_list_and_say_why_no_webhook_was_told(client, scene, services):
    await add_endpoint(services, scene.site.id, AddEndpoint(url="https://crm.example/hook", which="all"))
    letter_id = await scene.add_letter(subject="From long ago", historic=True)
    here = f"/sites/{scene.site.id}/messages"
    assert "old mail" in (await client.get(here)).text
    assert "it came before its mailbox was connected" in (await client.get(f"{here}/{letter_id}")).text


async def test_what_stands_in_the_address_is_never_taken_for_words(client, setup):
    assert "<b>x" not in (await client.get(setup + "?told=<b>x")).text


async def test_another_sites_old_mail_is_out_of_reach(client, scene, services, reading):
    other = await make_scene(services, "Blog", "blog.example")
    assert (await client.get(f"/sites/{other.site.id}/setup/mailboxes/{reading.id}/old")).status_code == 404
    async with services.db.read() as tx:
        assert (await get_mailbox(tx, scene.site.id, reading.id)).id == reading.id


async def _told(services, scene):
    async with services.db.read() as tx:
        return len(await list_events(tx, scene.site.id, limit=100))
