"""``wherefrom mailbox …``"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import to_builtins

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.connect import connect, providers
from wherefrom.cli.password import PasswordFile, read_password
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput
from wherefrom.mail.folders import THE_JUNK

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="IMAP accounts the letters come into.", no_args_is_help=True)

app.command("connect")(connect)
app.command("providers")(providers)

_BAR = 30
_USUAL_FOLDERS = ("INBOX", THE_JUNK)
_VARIABLE = "WHEREFROM_MAILBOX_PASSWORD"

MailboxArgument = Annotated[str, typer.Argument(help="The mailbox's id; the only one if left out.")]


@app.command("add")
def add(
    site: SiteArgument,
    host: Annotated[str, typer.Option(help="The IMAP server.")],
    user: Annotated[str, typer.Option(help="The account's user name.")],
    port: Annotated[int | None, typer.Option(help="993 with tls, 143 otherwise.")] = None,
    security: Annotated[str, typer.Option(help="tls, starttls or none.")] = "tls",
    password_file: PasswordFile = None,
    since: Annotated[
        str, typer.Option(help="now: only letters that come from now on; 30d: those of the last 30 days too; or all.")
    ] = "now",
    folder: Annotated[
        list[str] | None,
        typer.Option(help="A folder to read, besides INBOX and the server's junk folder; may be given again."),
    ] = None,
    ca_file: Annotated[str, typer.Option(help="Certificates to trust instead of the system's.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Connect a mailbox. The password comes from a prompt, a file or $WHEREFROM_MAILBOX_PASSWORD."""
    body: dict[str, Any] = {
        "host": host, "username": user, "security": security, "since": since, "ca_file": ca_file,
        "port": port or (993 if security == "tls" else 143), "password": read_password(password_file, _VARIABLE),
    }  # fmt: skip
    if folder:
        body["folders"] = _choices(folder)

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", "/sites/{site}/mailboxes", site=site, body=body)

    def words(mailbox: dict[str, Any]) -> str:
        return (
            f"mailbox {mailbox['name']} added, id {mailbox['id']}\nNext: wherefrom mailbox test {site} {mailbox['id']}"
        )

    show(with_services(settings, use), as_json, words)


@app.command("list")
def list_(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the site's mailboxes and how they are."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/mailboxes", site=site)

    def words(page: dict[str, Any]) -> str:
        lines = [line for one in page["data"] for line in (_line(one), *_old_mail(one))]
        return "\n".join(lines) or f"no mailbox yet; add one: wherefrom mailbox add {site} --host HOST --user USER"

    show(with_services(settings, use), as_json, words)


@app.command("show")
def show_one(
    site: SiteArgument, mailbox: MailboxArgument = "", settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Show a mailbox, its folders, and how far old mail is read."""

    async def use(services: Services) -> Any:
        chosen = mailbox or await _only(services, site)
        return await invoke(services, "GET", "/sites/{site}/mailboxes/{mailbox}", site=site, mailbox=chosen)

    def words(one: dict[str, Any]) -> str:
        account = f"{one['username']} at {one['host']}:{one['port']} ({one['security']})"
        return "\n".join([_line(one), account, *(_folder(folder) for folder in one["folders"]), *_old_mail(one)])

    show(with_services(settings, use), as_json, words)


@app.command("folders")
def folders(
    site: SiteArgument, mailbox: MailboxArgument = "", settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Ask the server which folders it has, and show which of them are read."""

    async def use(services: Services) -> Any:
        chosen = mailbox or await _only(services, site)
        return await invoke(services, "POST", "/sites/{site}/mailboxes/{mailbox}/folders", site=site, mailbox=chosen)

    def words(page: dict[str, Any]) -> str:
        lines = [
            f"{'read' if one['chosen'] else '    '} {one['shown']:<40} {one['kind']}"
            + (" (not on the server)" if one["missing"] else "")
            for one in page["data"]
        ]
        return "\n".join([*lines, f"Change it: wherefrom mailbox set {site} --folder NAME"])

    show(with_services(settings, use), as_json, words)


@app.command("set")
def change(
    site: SiteArgument,
    mailbox: MailboxArgument = "",
    on: Annotated[bool | None, typer.Option("--on/--off", help="Read it, or leave it alone.")] = None,
    name: Annotated[str | None, typer.Option(help="What it is called here.")] = None,
    folder: Annotated[
        list[str] | None,
        typer.Option(help="A folder to read besides INBOX and the server's junk folder, in place of those so far."),
    ] = None,
    no_folders: Annotated[bool, typer.Option("--no-folders", help="No folder besides these two.")] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a mailbox; what is not given stays."""
    if folder and no_folders:
        raise BadInput("--folder and --no-folders do not go together")
    body: dict[str, Any] = {key: value for key, value in (("enabled", on), ("name", name)) if value is not None}
    if folder or no_folders:
        body["folders"] = _choices(folder or ())

    async def use(services: Services) -> Any:
        chosen = mailbox or await _only(services, site)
        path = "/sites/{site}/mailboxes/{mailbox}"
        return await invoke(services, "PATCH", path, site=site, mailbox=chosen, body=body)

    show(with_services(settings, use), as_json, lambda one: "\n".join([_line(one), *map(_folder, one["folders"])]))


@app.command("sync")
def sync(
    site: SiteArgument, mailbox: MailboxArgument = "", settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Look into the mailbox once, here and now, whether or not the service watches it; old mail is read to its end."""
    from wherefrom.inbox.sync import sync_once  # late, both: see wherefrom.cli
    from wherefrom.management import find_site_id

    async def use(services: Services) -> Any:
        chosen = mailbox or await _only(services, site)
        one = await invoke(services, "GET", "/sites/{site}/mailboxes/{mailbox}", site=site, mailbox=chosen)
        await sync_once(services, await find_site_id(services, site), int(one.id))
        return await invoke(services, "GET", "/sites/{site}/mailboxes/{mailbox}", site=site, mailbox=chosen)

    show(with_services(settings, use), as_json, lambda one: "\n".join([_line(one), *map(_folder, one["folders"])]))


@app.command("send-old")
def send_old(
    site: SiteArgument, mailbox: MailboxArgument = "", settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Send the letters of before the mailbox was connected to the site's webhooks, each once."""

    async def use(services: Services) -> Any:
        chosen = mailbox or await _only(services, site)
        return await invoke(services, "POST", "/sites/{site}/mailboxes/{mailbox}/send-old", site=site, mailbox=chosen)

    def words(done: dict[str, Any]) -> str:
        told = f"{done['told']} old letters are told to the webhooks that want them"
        return told + (f"; {done['waiting']} are not sorted yet, ask again" if done["waiting"] else "")

    show(with_services(settings, use), as_json, words)


@app.command("test")
def diagnose(
    site: SiteArgument,
    mailbox: MailboxArgument = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Connect step by step and say in words what works. Exit status 1 when something does not."""

    async def use(services: Services) -> Any:
        chosen = mailbox or await _only(services, site)
        return await invoke(services, "POST", "/sites/{site}/mailboxes/{mailbox}/test", site=site, mailbox=chosen)

    answer = with_services(settings, use)
    show(answer, as_json, _steps)
    if not answer.ok:
        raise typer.Exit(1)


async def _only(services: Services, site: str) -> str:
    page = await invoke(services, "GET", "/sites/{site}/mailboxes", site=site)
    if len(page.data) != 1:
        raise BadInput(
            f"the site has {len(page.data)} mailboxes", hint=f"name one by its id: wherefrom mailbox list {site}"
        )
    return str(page.data[0].id)


def _choices(folders: Iterable[str]) -> Any:
    from wherefrom.inbox.server_folders import folder_choices  # late: see wherefrom.cli

    return to_builtins(folder_choices([*_USUAL_FOLDERS, *folders]))


def _line(one: dict[str, Any]) -> str:
    return f"{one['id']:<20} {one['name']:<36} {one['status']:<12} {one['status_detail']}"


def _folder(one: dict[str, Any]) -> str:
    count = "not looked at yet" if one["letters"] is None else f"{one['letters']} letters on the server"
    begin = {"new": "read from when it was added", "all": "read from its first letter"}
    words = begin.get(one["since"], f"read from {one['since']} days before it was added")
    old = f", {one['old_read']} old ones read" if one["old_read"] else ""
    return f"  {one['name']} ({one['kind']}): {count}{old}, {words}"


def _old_mail(mailbox: dict[str, Any]) -> list[str]:
    """How far old mail is read, while it is."""
    lines = []
    for one in mailbox["folders"]:
        if one["reading_old"] and one["old_letters"]:
            share = one["old_read"] / one["old_letters"]
            bar = "#" * round(share * _BAR)
            read = f"{one['old_read']} of {one['old_letters']} old letters"
            lines.append(f"  {one['name']:<18} [{bar:<{_BAR}}] {share:4.0%}  {read}")
        elif one["reading_old"]:
            lines.append(f"  {one['name']:<18} old letters are not counted yet: is the service running?")
    return lines


def _steps(diagnosis: dict[str, Any]) -> str:
    lines = []
    for step in diagnosis["steps"]:
        state = "--  " if step["skipped"] else "ok  " if step["ok"] else "FAIL"
        lines.append(f"{state} {step['name']:<8} {step['detail']}")
        if step.get("hint"):
            lines.append(f"     {'':<8} try: {step['hint']}")
    return "\n".join(lines)
