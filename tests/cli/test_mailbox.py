"""Old mail by the command line: as far back as was said, shown while it is read, sent when a person says so."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.test_cli import Shell
from tests.cli.test_cli import shell as shell
from tests.inbox.letters import letter
from tests.support.dovecot import Account, Dovecot

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the operations are tested on both

PASSWORD = "WHEREFROM_MAILBOX_PASSWORD"


def connect(shell: Shell, dovecot: Dovecot, account: Account, *more: str) -> str:
    added = shell.json(
        "mailbox", "add", "shop", "--host", "127.0.0.1", "--port", str(dovecot.imap_port), "--user", account.user,
        "--security", "none", *more, **{PASSWORD: account.password},
    )  # fmt: skip
    return str(added["id"])


def test_old_mail_is_read_shown_and_sent_when_asked_for(shell: Shell, dovecot: Dovecot) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    account = dovecot.add_user()
    yesterday = datetime.now(UTC) - timedelta(days=1)  # one of the very second in which the mailbox is added is new
    for number in (1, 2, 3):
        raw = letter(subject=f"Letter {number}", message_id=f"<{number}@x.example>")
        dovecot.append_to(account, "INBOX", raw, at=yesterday)
    connect(shell, dovecot, account, "--since", "30d", "--folder", "Leads")
    before = shell.run("mailbox", "show", "shop").stdout
    assert "old letters are not counted yet: is the service running?" in before
    assert "Leads (other): not looked at yet, read from 30 days before it was added" in before

    dovecot.append_to(account, "Old", letter(subject="Letter 5", message_id="<5@x.example>"))
    dovecot.append_to(account, "Leads", letter(subject="Letter 4", message_id="<4@x.example>"))
    told = shell.run("mailbox", "sync", "shop")
    assert told.returncode == 0, told.stderr
    assert "INBOX (inbox): 3 letters on the server, 3 old ones read" in told.stdout
    (inbox,) = [one for one in shell.json("mailbox", "show", "shop")["folders"] if one["name"] == "INBOX"]
    assert (inbox["letters"], inbox["old_letters"], inbox["old_read"], inbox["reading_old"]) == (3, 3, 3, False)
    there = {one["shown"]: one["chosen"] for one in shell.json("mailbox", "folders", "shop")["data"]}
    assert there == {"INBOX": True, "Junk": True, "Leads": True, "Old": False}
    changed = shell.run("mailbox", "set", "shop", "--folder", "Old", "--name", "Sales", "--off").stdout
    assert "Sales" in changed
    assert "Old (other): not looked at yet, read from when it was added" in changed
    assert "Leads" not in changed
    assert "do not go together" in shell.run("mailbox", "set", "shop", "--folder", "Old", "--no-folders").stderr

    assert shell.json("mailbox", "send-old", "shop") == {"told": 0, "waiting": 3}, "the fourth is no old one"
    assert "3 are not sorted yet, ask again" in shell.run("mailbox", "send-old", "shop").stdout


def test_a_beginning_nobody_understands_is_refused_in_words(shell: Shell, dovecot: Dovecot) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    told = shell.run(
        "mailbox", "add", "shop", "--host", "h.example", "--user", "u", "--since", "last year", **{PASSWORD: "x"}
    )
    assert told.returncode == 1
    assert "“last year” is not understood" in told.stderr
    assert "from now on" in told.stderr
