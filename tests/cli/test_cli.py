"""The command line as a newcomer types it: each command in a process of its own, on a real database."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.commands import run_command
from tests.support.dovecot import Dovecot
from tests.support.receiver import Receiver
from tests.support.smtp_sink import SmtpSink


class Shell:
    """Runs commands in ``folder``, where settings.toml is found by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run_command(self.folder, *arguments, environment=environment)

    def json(self, *arguments: str, **environment: str) -> Any:
        done = self.run(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path, database_url: str) -> Shell:
    (tmp_path / "settings.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    return Shell(tmp_path)


def test_a_site_is_set_up_from_nothing_to_a_script_tag(shell: Shell, dovecot: Dovecot) -> None:
    told = shell.run("site", "add", "shop", "--host", "company.example", "--host", "company.test")
    assert told.returncode == 0, told.stderr
    site = shell.json("site", "list")["data"][0]
    assert f'<script async src="http://127.0.0.1:8025/wf.js" data-site="{site["key"]}"></script>' in told.stdout
    assert "wherefrom target add shop" in told.stdout
    assert site["hosts"] == ["company.example", "company.test"]

    plus = shell.json("target", "add", "shop", "sales@company.example", "--separator", "-")
    assert (plus["strategy"], plus["separator"]) == ("plus", "-")
    (shell.folder / "pool.txt").write_text("# lent to visits\nhelp-1@company.example\nhelp-2@company.example\n")
    pool = shell.json("target", "add", "shop", "help@company.example", "--strategy", "pool", "--pool", "pool.txt")
    assert pool["pool"]["size"] == 2
    shell.json("target", "add", "shop", "j@company.example", "--strategy", "catchall", "--domain", "in.company.example")
    assert [one["strategy"] for one in shell.json("target", "list", "shop")["data"]] == ["plus", "pool", "catchall"]

    account = dovecot.add_user()
    shell.json(
        "mailbox", "add", "shop", "--host", "localhost", "--port", str(dovecot.imaps_port), "--user", account.user,
        "--ca-file", str(dovecot.ca_file), WHEREFROM_MAILBOX_PASSWORD=account.password,
    )  # fmt: skip
    steps = shell.json("mailbox", "test", "shop")["steps"]
    assert [one["name"] for one in steps][:4] == ["dns", "tcp", "tls", "login"]
    assert all(one["ok"] for one in steps)

    endpoint = shell.json("endpoint", "add", "shop", "https://crm.company.example/hook", "--format", "roistat")
    assert endpoint["secret"].startswith("whsec_")
    assert "secret" not in shell.json("endpoint", "list", "shop")["data"][0]
    assert endpoint["events"] == ["message.received"]
    opened = ("--event", "send.opened")
    assert "format roistat" in shell.run("endpoint", "set", "shop", *opened).stderr
    changed = shell.json("endpoint", "set", "shop", "--format", "standard", "--event", "send.bounced", *opened)
    assert changed["events"] == ["send.bounced", "send.opened"]
    changed = shell.json("endpoint", "set", "shop", "--per-minute", "60", "--junk", "--off")
    assert (changed["per_minute"], changed["junk"], changed["status"]) == (60, True, "paused")
    assert shell.json("endpoint", "secret", "shop", "--overlap-hours", "48")["old_secret_until"]
    assert shell.json("endpoint", "resend", "shop", "--since", "2026-11-02T09:00:00Z") == {"count": 0}
    shell.json("user", "add", "me@company.example", WHEREFROM_USER_PASSWORD="a long enough password")
    assert shell.json("key", "add", "shop")["secret"] != shell.json("key", "add", "--operator")["secret"]
    assert "ready to serve" in shell.run("check").stdout


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the operation below is tested on both
def test_a_sites_options_are_set_one_by_one_and_shown(shell: Shell) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    site = shell.json(
        "site", "set", "shop", "--off-path", "/imprint*", "--off-path", "/über-uns", "--mode", "source", "--off",
        "--without-consent", "source", "--compat", "roistat",
    )  # fmt: skip
    assert (site["off_paths"], site["mode"], site["without_consent"]) == (
        ["/imprint*", "/über-uns"],
        "source",
        "source",
    )
    assert (site["enabled"], site["compat"], site["hosts"]) == (False, "roistat", ["company.example"])
    told = shell.run("site", "show", site["key"]).stdout
    for words in ("shop, off", "roistat", "everybody who came by it", "stands for the source", "/imprint*, /über-uns"):
        assert words in told
    changed = shell.json("site", "set", "shop", "--no-off-paths", "--on", "--compat", "none", "--host", "a.example")
    assert changed == site | {"off_paths": [], "enabled": True, "compat": "", "hosts": ["a.example"]}
    refused = shell.run("site", "set", "shop", "--off-path", "/a", "--no-off-paths")
    assert (refused.returncode, "do not go together" in refused.stderr) == (1, True)


def test_a_mailbox_with_a_wrong_password_fails_the_test_in_words(shell: Shell, dovecot: Dovecot) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    account = dovecot.add_user()
    (shell.folder / "password").write_text("wrong\n")
    shell.json(
        "mailbox", "add", "shop", "--host", "localhost", "--port", str(dovecot.imaps_port), "--user", account.user,
        "--ca-file", str(dovecot.ca_file), "--password-file", "password",
    )  # fmt: skip
    told = shell.run("mailbox", "test", "shop")
    assert told.returncode == 1
    assert "FAIL login" in told.stdout
    assert "try:" in told.stdout
    assert "wrong\n" not in told.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["target", "add", "nowhere", "a@b.example"], ["nowhere"]),
        (["site", "add", "shop2", "--host", "not a host"], ["not a host"]),
        (["target", "add", "shop", "no-address"], ["no-address", "@"]),
        (["target", "add", "shop", "a@b.example", "--strategy", "magic"], ["strategy"]),
        (["target", "add", "shop", "a@b.example", "--strategy", "pool"], ["--pool"]),
        (
            ["target", "add", "shop", "a@b.example", "--strategy", "pool", "--pool", "absent.txt"],
            ["absent.txt", "No such file", "one a line"],
        ),
        (["endpoint", "add", "shop", "http://10.0.0.7/hook"], ["10.0.0.7", "webhooks.allow"]),
        (["endpoint", "add", "shop", "ftp://crm.example/hook"], ["ftp"]),
        (["mailbox", "add", "shop", "--host", "imap.example", "--user", "u"], ["WHEREFROM_MAILBOX_PASSWORD"]),
        (["user", "add", "me@company.example", "--password-file", "short"], ["10"]),
        (["target", "add", "shop", "a@b.example", "--domain", "in.b.example"], ["domain"]),
        (["target", "add", "shop", "a@b.example", "--pool", "pool.txt"], ["pool"]),
        (["key", "add"], ["--operator"]),
        (["site", "add", "shop", "--host", "company.example"], ["shop"]),
        (["mailbox", "test", "shop"], ["0 mailboxes"]),
        (["endpoint", "test", "shop"], ["0 endpoints"]),
        (["endpoint", "set", "shop"], ["nothing was named", "--help"]),
        (["endpoint", "resend", "shop", "--status", "lost"], ["status"]),
        (["endpoint", "resend", "shop", "--since", "yesterday"], ["since"]),
        (["site", "set", "shop"], ["nothing was named", "--help"]),
        (["site", "set", "shop", "--off-path", "imprint"], ["imprint", "/imprint"]),
        (["site", "set", "shop", "--mode", "nobody"], ["nobody", "source"]),
    ],
)
def test_a_wrong_command_says_what_is_wrong_and_leaves_with_status_1(
    shell: Shell, arguments: list[str], words: list[str]
) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    (shell.folder / "short").write_text("short")
    (shell.folder / "pool.txt").write_text("b@b.example\n")
    told = shell.run(*arguments)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("error: ")
    assert "Traceback" not in told.stderr
    for word in words:
        assert word in told.stderr


def test_a_wrong_setting_stops_the_start_and_is_named(shell: Shell) -> None:
    (shell.folder / "settings.toml").write_text("[server]\nprot = 1\n")
    told = shell.run("serve")
    assert told.returncode == 1
    assert "settings.toml: unknown setting server.prot" in told.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("WHEREFROM_GEO_FILE", "/nowhere.mmdb", "geo.file: /nowhere.mmdb"),
        ("WHEREFROM_DATA_KEY_FILE", "/proc/nowhere/secret.key", "data.key_file: /proc/nowhere/secret.key"),
    ],
)
def test_a_file_that_cannot_be_had_is_told_by_serve_and_by_check(
    shell: Shell, variable: str, value: str, words: str
) -> None:
    for command in ("serve", "check"):
        told = shell.run(command, **{variable: value})
        assert told.returncode == 1
        assert words in told.stderr
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/nothing",
        "postgresql://nobody@127.0.0.1:1/nothing?sslmode=require",
        "postgresql://nobody@127.0.0.1:po/nothing",
        "sqlite:////proc/nowhere/wherefrom.db",
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # neither engine's database is reached
def test_a_database_that_cannot_be_reached_is_told_as_the_setting_it_is(shell: Shell, url: str) -> None:
    for command in ("migrate", "check"):
        told = shell.run(command, WHEREFROM_DATABASE_URL=url)
        assert told.returncode == 1
        assert "database.url" in told.stderr
        assert "Traceback" not in told.stderr


def test_a_port_that_is_taken_stops_the_start_and_is_named(shell: Shell) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = shell.run("serve", WHEREFROM_SERVER_PORT=str(port))
    assert told.returncode == 1
    assert f"port {port}" in told.stderr


def test_a_database_nobody_migrated_is_told_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("")
    told = Shell(tmp_path).run("site", "list")
    assert told.returncode == 1
    assert "wherefrom migrate" in told.stderr
    assert Shell(tmp_path).run("migrate").returncode == 0
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert "wherefrom site add" in Shell(tmp_path).run("site", "list").stdout


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the operation is tested on both
def test_endpoint_test_shows_what_went_what_came_and_what_to_do(shell: Shell, receiver: Receiver) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    with (shell.folder / "settings.toml").open("a") as file:
        file.write('\n[webhooks]\nallow = ["127.0.0.0/8"]\n')
    added = shell.json("endpoint", "add", "shop", receiver.url + "/hook", "--deal-path", "deal.id")
    receiver.answer(200, {"deal": {"id": "D-7"}}, {"X-Seen": "yes"})
    told = shell.run("endpoint", "test", "shop", "--letter")
    assert told.returncode == 0, told.stderr
    request = receiver.requests[0]
    Webhook(added["secret"]).verify(request.body, dict(request.headers))
    for words in (f"POST {receiver.url}/hook", f"webhook-signature: {request.headers['webhook-signature']}",
                  '"type": "message.received"', "answered 200 in", "yes", "would be D-7"):  # fmt: skip
        assert words in told.stdout
    receiver.answer(401)
    told = shell.run("endpoint", "test", "shop", added["id"])
    assert told.returncode == 1
    assert "NOT ACCEPTED: answered 401 Unauthorized\ntry: the receiver does not accept the signature" in told.stdout
    assert shell.run("endpoint", "deliveries", "shop").stdout == "no such delivery\n"  # a test is none
    receiver.stop()
    shown = shell.run("endpoint", "test", "shop", "--json")
    assert (shown.returncode, json.loads(shown.stdout)["words"]) == (1, "no connection: Connection refused")


def test_who_may_log_in_is_listed_by_address_and_how_to_begin_where_nobody_may(shell: Shell) -> None:
    nobody = "nobody may log in yet; add somebody: wherefrom user add EMAIL\n"
    assert shell.run("user", "list").stdout == nobody
    assert shell.json("user", "list")["data"] == []
    password = {"WHEREFROM_USER_PASSWORD": "a long enough password"}
    bob = shell.json("user", "add", "bob@company.example", **password)
    anna = shell.json("user", "add", "Anna@company.example", **password)
    assert shell.json("user", "list")["data"] == [anna, bob]
    told = shell.run("user", "list")
    assert (told.returncode, told.stderr) == (0, "")
    lines = [line.split() for line in told.stdout.splitlines()]
    assert lines == [[one["id"], one["created_at"][:16], one["email"]] for one in (anna, bob)]
    assert anna["email"] == "anna@company.example"


def test_a_forgotten_password_is_replaced_and_who_left_is_let_in_no_more(shell: Shell) -> None:
    old, new = "a long enough password", "quite another password"
    shell.json("user", "add", "anna@company.example", WHEREFROM_USER_PASSWORD=old)
    told = shell.run("user", "password", "Anna@Company.example", WHEREFROM_USER_PASSWORD=new)
    assert (told.returncode, told.stderr) == (0, "")
    assert "anna@company.example" in told.stdout.lower()
    weak = shell.run("user", "password", "anna@company.example", WHEREFROM_USER_PASSWORD="short")
    assert weak.returncode == 1
    for command in ("password", "remove"):
        told = shell.run("user", command, "bob@company.example", WHEREFROM_USER_PASSWORD=new)
        assert told.returncode == 1
        assert told.stderr == "error: nobody logs in as bob@company.example\n  try: wherefrom user list says who may\n"
    assert shell.run("user", "remove", "anna@company.example").returncode == 0
    assert shell.json("user", "list")["data"] == []


def test_keys_of_all_sites_are_listed_and_one_is_revoked_by_its_id(shell: Shell) -> None:
    assert shell.run("key", "list").stdout == "no keys yet; make one: wherefrom key add SITE\n"
    shell.json("site", "add", "shop", "--host", "company.example")
    made = [shell.json("key", "add", "shop", "--name", "CRM"), shell.json("key", "add", "--operator")]
    listed = shell.json("key", "list")["data"]
    assert {one["id"] for one in listed} == {one["id"] for one in made}
    assert not any("secret" in one for one in listed)
    shown = shell.run("key", "list").stdout
    assert [one["hint"] in shown and one["secret"] not in shown for one in made] == [True, True]
    assert "of shop" in shown
    assert "of all sites" in shown
    assert "never used" in shown
    for one in made:
        assert shell.run("key", "remove", one["id"]).returncode == 0
    assert shell.json("key", "list")["data"] == []
    again = shell.run("key", "remove", made[0]["id"])
    assert again.returncode == 1
    assert "wherefrom key list" in again.stderr


def test_help_names_every_command(shell: Shell) -> None:
    told = shell.run("--help").stdout
    for command in ("serve", "web", "work", "migrate", "check", "demo", "site", "target", "mailbox", "endpoint",
                    "user", "key"):  # fmt: skip
        assert re.search(rf"^\s+{command}\s", told, re.MULTILINE), command


def test_d01_mailbox_test_shows_a_probe_s_round_trip(shell: Shell, dovecot: Dovecot, smtp_sink: SmtpSink) -> None:
    account = dovecot.add_user(catchall_domain="probed-by-hand.example")
    smtp_sink.pass_on = dovecot.deliver
    with (shell.folder / "settings.toml").open("a") as file:
        file.write(
            f'\n[smtp]\nhost = "127.0.0.1"\nport = {smtp_sink.port}\nsecurity = "none"\n'
            'sender = "probes@elsewhere.example"\n[probes]\nwait_seconds = 10\n'
        )
    shell.json("site", "add", "shop", "--host", "company.example")
    shell.json("target", "add", "shop", "sales@probed-by-hand.example")
    assert "waits for its probe to come back" in shell.run("target", "list", "shop").stdout
    shell.json(
        "mailbox", "add", "shop", "--host", "127.0.0.1", "--port", str(dovecot.imap_port), "--user", account.user,
        "--security", "none", WHEREFROM_MAILBOX_PASSWORD=account.password,
    )  # fmt: skip
    told = shell.run("mailbox", "test", "shop")
    assert told.returncode == 0, told.stdout
    assert re.search(
        r"ok   probe    A letter to sales\+\w{8}@probed-by-hand\.example came back, into INBOX", told.stdout
    )
    assert "waits" not in shell.run("target", "list", "shop").stdout
    sent = shell.json("target", "probe", "shop", "SALES@probed-by-hand.example")
    assert [one["status"] for one in sent["data"]] == ["sent"]
    assert "the site has no target nobody@x.example" in shell.run("target", "probe", "shop", "nobody@x.example").stderr


def test_without_an_outgoing_server_the_probe_is_told_as_not_tried(shell: Shell, dovecot: Dovecot) -> None:
    account = dovecot.add_user()
    shell.json("site", "add", "shop", "--host", "company.example")
    shell.json("target", "add", "shop", "sales@company.example")
    shell.json(
        "mailbox", "add", "shop", "--host", "127.0.0.1", "--port", str(dovecot.imap_port), "--user", account.user,
        "--security", "none", WHEREFROM_MAILBOX_PASSWORD=account.password,
    )  # fmt: skip
    told = shell.run("mailbox", "test", "shop")
    assert told.returncode == 0
    assert re.search(r"--   probe    Not tried: no outgoing mail server is set", told.stdout)
    refused = shell.run("target", "probe", "shop", "sales@company.example")
    assert refused.returncode == 1
    assert "group [smtp]" in refused.stderr


def test_an_smtp_group_without_a_sender_stops_the_start_and_names_the_key(shell: Shell) -> None:
    with (shell.folder / "settings.toml").open("a") as file:
        file.write('\n[smtp]\nhost = "smtp.company.example"\n')
    told = shell.run("site", "list")
    assert told.returncode != 0
    assert "smtp.sender" in told.stderr


def test_b01_pool_size_says_how_many_addresses_would_do(shell: Shell) -> None:
    shell.json("site", "add", "shop", "--host", "company.example")
    (shell.folder / "pool.txt").write_text("help-1@company.example\n")
    shell.json("target", "add", "shop", "help@company.example", "--strategy", "pool", "--pool", "pool.txt")
    told = shell.run("pool", "size", "shop", "help@company.example")
    assert told.returncode == 0, told.stderr
    assert "recommended size 4: add 3 addresses" in told.stdout
    assert "cannot be replayed yet" in told.stdout
    answer = shell.json("pool", "size", "shop", "help@company.example", "--days", "1")
    assert (answer["recommended"], len(answer["hours"]), len(answer["curve"])) == (4, 24, 6)
