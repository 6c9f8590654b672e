"""Choosing folders: what the server has, by the names to choose it by."""

from typing import Any

import pytest

from tests.inbox.watching import until, watching
from tests.mail.scripted import ImapScript, ScriptedServer
from tests.support.dovecot import Dovecot
from wherefrom.errors import NotFound
from wherefrom.inbox.mailbox import AddMailbox, ChangeMailbox, FolderChoice, add_mailbox, change_mailbox
from wherefrom.inbox.server_folders import ServerFolder, folder_choices, list_server_folders
from wherefrom.mail.failures import ConnectionRefused, LoginFailed
from wherefrom.services import Services

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the server is what is asked here


async def offered(services: Services, listed: bytes, *chosen: str) -> list[ServerFolder]:
    """What is offered of the folders a server lists."""
    with ScriptedServer(ImapScript({"LIST": listed})) as server:
        account = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "anna", "password": "x"}
        wanted: dict[str, Any] = {**account, "folders": folder_choices(chosen)}
        one = await add_mailbox(services, 1, AddMailbox(**wanted))
        return await list_server_folders(services, 1, one.id)


LISTED = (
    b'* LIST (\\HasNoChildren) "/" "Archive"\r\n* LIST () "/" INBOX\r\n* LIST (\\Junk) "/" "Unerw&APw-nscht"\r\n'
    b'* LIST (\\Sent) "/" "Gesendet"\r\n* LIST (\\Noselect) "/" "[Gmail]"\r\n* LIST () "/" "Spam"\r\n'
)


async def test_the_inbox_and_the_junk_folder_come_first_and_what_cannot_be_opened_not_at_all(
    services: Services,
) -> None:
    found = await offered(services, LISTED, "INBOX", "\\Junk")
    assert [(one.name, one.shown, one.kind, one.chosen) for one in found] == [
        ("INBOX", "INBOX", "inbox", True),
        ("Spam", "Spam", "junk", False),
        ("\\Junk", "Unerwünscht", "junk", True),
        ("Archive", "Archive", "other", False),
        ("Gesendet", "Gesendet", "sent", False),
    ]


async def test_a_name_no_program_can_read_hides_no_other_folder(services: Services) -> None:
    """Names are in a kind of UTF-7, and some servers forget it; the inbox must be read all the same."""
    found = await offered(services, b'* LIST () "/" "R&D"\r\n* LIST () "/" "\xff&"\r\n' + LISTED, "INBOX")
    assert [one.shown for one in found][:3] == ["INBOX", "Spam", "Unerwünscht"]


async def test_a_junk_folder_that_was_chosen_by_its_name_stays_so(services: Services) -> None:
    found = {one.name: one.chosen for one in await offered(services, LISTED, "INBOX", "Unerwünscht")}
    assert found["Unerwünscht"]
    assert not found["\\Junk"]


async def test_a_chosen_folder_the_server_does_not_have_is_shown_as_missing(services: Services) -> None:
    found = await offered(services, b'* LIST () "/" INBOX\r\n', "INBOX", "Leads", "\\Junk")
    assert {(one.name, one.missing) for one in found} == {("INBOX", False), ("Leads", True), ("\\Junk", True)}


def test_a_chosen_name_says_what_kind_of_folder_it_is(engine: str) -> None:
    assert folder_choices(["inbox", "\\Junk", "Leads", "Leads"]) == (
        FolderChoice(name="inbox", kind="inbox"),
        FolderChoice(name="\\Junk", kind="junk"),
        FolderChoice(name="Leads", kind="other"),
    )


async def test_a_real_servers_folders_are_listed_beside_its_watcher(services: Services, dovecot: Dovecot) -> None:
    async with watching(services, dovecot) as box:
        await box.connect()
        box.start()
        await box.settled()
        await box.append("Leads", b"Subject: x\r\n\r\nx\r\n")
        found = await list_server_folders(box.services, 1, box.mailbox_id)
        assert [(one.name, one.chosen) for one in found] == [("INBOX", True), ("\\Junk", True), ("Leads", False)]
        chosen = folder_choices([*(one.name for one in found), "Leads"])
        await change_mailbox(box.services, 1, box.mailbox_id, ChangeMailbox(folders=chosen))
        await box.append("Leads", b"From: a@b.example\r\nSubject: y\r\n\r\ny\r\n")

        async def read() -> bool:
            return "y" in await box.sort()

        await until(read, "letter of the folder that was chosen")


async def test_why_the_server_cannot_be_asked_is_told(services: Services) -> None:
    closed = await add_mailbox(services, 1, AddMailbox(host="127.0.0.1", port=1, username="a", password="b"))
    with pytest.raises(ConnectionRefused):
        await list_server_folders(services, 1, closed.id)
    with ScriptedServer(ImapScript({"LOGIN": b"NO [AUTHENTICATIONFAILED] no"})) as server:
        refusing = await add_mailbox(
            services, 1,
            AddMailbox(host="127.0.0.1", port=server.port, security="none", username="a", password="b"),
        )  # fmt: skip
        with pytest.raises(LoginFailed):
            await list_server_folders(services, 1, refusing.id)
    with pytest.raises(NotFound):
        await list_server_folders(services, 1, 5)
