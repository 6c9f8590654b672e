"""``wherefrom sender …``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.password import PasswordFile, read_password
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="The account a site's letters go out by.", no_args_is_help=True)
dkim = typer.Typer(help="Keys that sign the site's letters.", no_args_is_help=True)
app.add_typer(dkim, name="dkim")

_VARIABLE = "WHEREFROM_SENDER_PASSWORD"
_PATH = "/sites/{site}/sender"


@app.command("set")
def set_(
    site: SiteArgument,
    host: Annotated[str, typer.Option(help="The SMTP server.")],
    sender: Annotated[str, typer.Option("--from", help="The address letters are from.")],
    name: Annotated[str, typer.Option(help="The name shown beside it.")] = "",
    user: Annotated[str, typer.Option(help="The account's user name; none for a server that asks for no login.")] = "",
    port: Annotated[int | None, typer.Option(help="465 with tls, 587 with starttls, 25 with none.")] = None,
    security: Annotated[str, typer.Option(help="tls, starttls or none.")] = "starttls",
    password_file: PasswordFile = None,
    keep_password: Annotated[bool, typer.Option("--keep-password", help="The one that is set already.")] = False,
    bounces: Annotated[
        str, typer.Option(help="Letters return to addresses made of this one (bounce+…@), read by a mailbox here.")
    ] = "",
    per_hour: Annotated[int | None, typer.Option(help="How many letters the provider allows.")] = None,
    connections: Annotated[int, typer.Option(help="How many letters go at once.")] = 2,
    ca_file: Annotated[str, typer.Option(help="Certificates to trust instead of the system's.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the account, in place of the one there was. The password comes from a prompt, a file or
    $WHEREFROM_SENDER_PASSWORD."""
    body: dict[str, Any] = {
        "host": host, "from_address": sender, "from_name": name, "username": user, "port": port, "security": security,
        "bounce_address": bounces, "per_hour": per_hour, "connections": connections, "ca_file": ca_file,
        "password": read_password(password_file, _VARIABLE) if user and not keep_password else None,
    }  # fmt: skip

    async def use(services: Services) -> Any:
        return await invoke(services, "PUT", _PATH, site=site, body=body)

    def words(one: dict[str, Any]) -> str:
        return f"{_account(one)}\nNext: wherefrom sender test {site}"

    show(with_services(settings, use), as_json, words)


@app.command("show")
def show_(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show the account, how it is, and how many letters wait."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", _PATH, site=site)

    show(with_services(settings, use), as_json, _details)


@app.command("test")
def diagnose(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Connect, log in, and say in words what is wrong; no letter is sent. Exit status 1 when something is."""

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", f"{_PATH}/test", site=site)

    answer = with_services(settings, use)
    show(answer, as_json, _steps)
    if not answer.ok:
        raise typer.Exit(1)


@app.command("remove")
def remove(site: SiteArgument, settings: SettingsOption = None) -> None:
    """Remove the account; letters that wait go on waiting for another one, until they are given up."""

    async def use(services: Services) -> Any:
        return await invoke(services, "DELETE", _PATH, site=site)

    with_services(settings, use)
    typer.echo("removed")


@dkim.command("add")
def add_key(
    site: SiteArgument,
    selector: Annotated[str, typer.Option(help="What the record is called.")] = "wherefrom",
    domain: Annotated[str, typer.Option(help="That of the sender's address if left out.")] = "",
    algorithm: Annotated[str, typer.Option(help="rsa or ed25519, which not all receivers read yet.")] = "rsa",
    key_file: Annotated[Path | None, typer.Option(help="A private key you have (PEM); else one is made.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a key, and show the DNS record to publish. All keys sign; remove the old one when the new one is known."""
    body = {"selector": selector, "domain": domain, "algorithm": algorithm, "private_key": _read(key_file)}

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", f"{_PATH}/dkim", site=site, body=body)

    def words(key: dict[str, Any]) -> str:
        return f"publish this record, then: wherefrom sender test {site}\n{key['zone_line']}"

    show(with_services(settings, use), as_json, words)


@dkim.command("remove")
def remove_key(
    site: SiteArgument,
    selector: Annotated[str, typer.Argument(help="What its record is called.")],
    settings: SettingsOption = None,
) -> None:
    """Remove a key: letters are not signed by it any more."""

    async def use(services: Services) -> Any:
        return await invoke(services, "DELETE", _PATH + "/dkim/{selector}", site=site, selector=selector)

    with_services(settings, use)
    typer.echo("removed")


def _read(file: Path | None) -> str:
    try:
        return file.read_text(encoding="ascii") if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: cannot be read: {error}") from None


def _account(one: dict[str, Any]) -> str:
    who = f"{one['username']} at " if one["username"] else ""
    shown = f"{one['from_name']} <{one['from_address']}>" if one["from_name"] else one["from_address"]
    return f"{shown} by {who}{one['host']}:{one['port']} ({one['security']})"


def _details(one: dict[str, Any]) -> str:
    lines = [_account(one), f"  {one['status']}{': ' + one['detail'] if one['detail'] else ''}"]
    if one["hint"]:
        lines.append(f"  try: {one['hint']}")
    if one["next_try_at"]:
        lines.append(f"  tried again at {one['next_try_at'][:19]}")
    waiting = f"  {one['waiting']} letters wait"
    lines.append(waiting + (f", the oldest since {one['waiting_since'][:19]}" if one["waiting_since"] else ""))
    lines.append(f"  letters return to {one['bounce_address'] or one['from_address']}")
    if one["per_hour"]:
        lines.append(f"  {one['per_hour']} letters an hour at most")
    lines += [f"  signed by {key['record_name']} ({key['algorithm']}, {key['bits']} bits)" for key in one["dkim"]]
    return "\n".join(lines if one["dkim"] else [*lines, "  not signed: wherefrom sender dkim add"])


def _steps(told: dict[str, Any]) -> str:
    lines = []
    for step in told["steps"]:
        lines.append(f"{'ok  ' if step['ok'] else 'FAIL'} {step['name']:<8} {step['detail']}")
        if step["hint"]:
            lines.append(f"     {'':<8} try: {step['hint']}")
    return "\n".join(lines)
