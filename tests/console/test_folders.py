"""Choosing a mailbox's folders on the setup page."""

import pytest

from tests.console.test_setup import post
from tests.console.test_setup import setup as setup
from tests.mail.scripted import ImapScript, ScriptedServer
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox
from wherefrom.inbox.store.mailboxes import get_mailbox

LISTED = b'* LIST () "/" INBOX\r\n* LIST (\\Junk) "/" "Spam"\r\n* LIST () "/" "A <b>&- \\"lead\\""\r\n'


@pytest.fixture
def server():
    with ScriptedServer(ImapScript({"LIST": LISTED})) as running:
        yield running


@pytest.fixture
async def box(scene, services, server):
    account = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "u", "password": "p"}
    return await add_mailbox(services, scene.site.id, AddMailbox(**account))


async def names(services, box):
    async with services.db.read() as tx:
        return [(one.name, one.kind) for one in (await get_mailbox(tx, box.site_id, box.id)).folders]


async def test_the_folders_a_server_has_are_offered_and_those_ticked_are_read(client, setup, services, box):
    path = f"mailboxes/{box.id}/folders"
    assert f'hx-get="{setup}/{path}"' in (await client.get(setup)).text
    part = (await client.get(f"{setup}/{path}", headers={"hx-request": "true"})).text
    assert "<html" not in part
    assert part.count("checked") == 2
    assert 'value="\\Junk" checked' in part
    assert "A &lt;b&gt;&amp; &#34;lead&#34;" in part
    whole = (await client.get(f"{setup}/{path}")).text
    assert "Folders to read" in whole
    assert "<html" in whole
    fields = {"folder-1": "INBOX", "folder-3": 'A <b>& "lead"'}
    assert (await post(client, setup, path, **fields)).status_code == 303
    assert await names(services, box) == [("INBOX", "inbox"), ('A <b>& "lead"', "other")]


async def test_a_choice_of_nothing_is_refused_and_changes_nothing(client, setup, services, box):
    answer = await post(client, setup, f"mailboxes/{box.id}/folders")
    assert answer.status_code == 400
    assert "needs at least one folder" in answer.text
    assert len(await names(services, box)) == 2


async def test_a_server_that_cannot_be_asked_says_why_in_the_page(client, scene, setup, services):
    one = await add_mailbox(services, scene.site.id, AddMailbox(host="127.0.0.1", port=1, username="u", password="p"))
    answer = await client.get(f"{setup}/mailboxes/{one.id}/folders", headers={"hx-request": "true"})
    assert answer.status_code == 200, "else htmx shows nothing of it"
    assert "nothing listens on port 1" in answer.text
