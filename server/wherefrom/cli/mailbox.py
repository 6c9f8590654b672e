"""``wherefrom mailbox …``"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, show, with_services
from wherefrom.cli.connect import connect, providers
from wherefrom.cli.password import PasswordFile, read_password
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput
from wherefrom.management import invoke
from wherefrom.services import Services

app = typer.Typer(help="IMAP accounts the letters come into.", no_args_is_help=True)

app.command("connect")(connect)
app.command("providers")(providers)

_VARIABLE = "WHEREFROM_MAILBOX_PASSWORD"


@app.command("add")
def add(
    site: SiteArgument,
    host: Annotated[str, typer.Option(help="The IMAP server.")],
    user: Annotated[str, typer.Option(help="The account's user name.")],
    port: Annotated[int | None, typer.Option(help="993 with tls, 143 otherwise.")] = None,
    security: Annotated[str, typer.Option(help="tls, starttls or none.")] = "tls",
    password_file: PasswordFile = None,
    since: Annotated[
        str, typer.Option(help="new: only letters that come from now on; all; or a number of days.")
    ] = "new",
    ca_file: Annotated[str, typer.Option(help="Certificates to trust instead of the system's.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Connect a mailbox. The password comes from a prompt, a file or $WHEREFROM_MAILBOX_PASSWORD."""
    body = {
        "host": host, "username": user, "security": security, "since": since, "ca_file": ca_file,
        "port": port or (993 if security == "tls" else 143), "password": read_password(password_file, _VARIABLE),
    }  # fmt: skip

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
        lines = [
            f"{one['id']:<20} {one['name']:<36} {one['status']:<12} {one['status_detail']}" for one in page["data"]
        ]
        return "\n".join(lines) or f"no mailbox yet; add one: wherefrom mailbox add {site} --host HOST --user USER"

    show(with_services(settings, use), as_json, words)


@app.command("test")
def diagnose(
    site: SiteArgument,
    mailbox: Annotated[str, typer.Argument(help="The mailbox's id; the only one if left out.")] = "",
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


def _steps(diagnosis: dict[str, Any]) -> str:
    lines = []
    for step in diagnosis["steps"]:
        state = "--  " if step["skipped"] else "ok  " if step["ok"] else "FAIL"
        lines.append(f"{state} {step['name']:<8} {step['detail']}")
        if step.get("hint"):
            lines.append(f"     {'':<8} try: {step['hint']}")
    return "\n".join(lines)
