"""``wherefrom mailbox connect`` and ``mailbox providers``: mailboxes that are read by signing in at their provider."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput

if TYPE_CHECKING:
    from wherefrom.services import Services

_VARIABLE = "WHEREFROM_CLIENT_SECRET"


def connect(
    site: SiteArgument,
    provider: Annotated[str, typer.Option(help="google, microsoft, yandex, mailru or custom.")] = "",
    user: Annotated[str, typer.Option(help="The account's address.")] = "",
    mailbox: Annotated[str, typer.Option(help="The id of a mailbox to connect again.")] = "",
    client_id: Annotated[str, typer.Option(help=f"An OAuth client of your own; its secret in ${_VARIABLE}.")] = "",
    tenant: Annotated[str, typer.Option(help="Microsoft's, with a client of your own.")] = "",
    authorize_url: Annotated[str, typer.Option(help="Of a custom provider, like the next ones.")] = "",
    token_url: Annotated[str, typer.Option()] = "",
    scopes: Annotated[str, typer.Option()] = "",
    host: Annotated[str, typer.Option(help="The IMAP server.")] = "",
    port: Annotated[int | None, typer.Option(help="993 with tls, 143 otherwise.")] = None,
    security: Annotated[str, typer.Option(help="tls, starttls or none.")] = "tls",
    ca_file: Annotated[str, typer.Option(help="Certificates to trust instead of the system's.")] = "",
    since: Annotated[
        str, typer.Option(help="new: only letters that come from now on; all; or a number of days.")
    ] = "new",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Connect a mailbox by signing in at its provider, without a password. Prints an address to open in a browser, and
    reads the code it leads to."""
    body = {
        "provider": provider, "username": user, "mailbox": mailbox, "client_id": client_id, "tenant": tenant,
        "client_secret": os.environ.get(_VARIABLE, "") if client_id else "", "authorize_url": authorize_url,
        "token_url": token_url, "scopes": scopes, "host": host, "port": port or (993 if security == "tls" else 143),
        "security": security, "ca_file": ca_file, "since": since,
    }  # fmt: skip

    async def begin(services: Services) -> Any:
        return await invoke(services, "POST", "/sites/{site}/mailboxes/connect", site=site, body=body)

    asked = msgspec.to_builtins(with_services(settings, begin))
    pasted = ask_person(asked["url"], user or "the mailbox")

    async def complete(services: Services) -> Any:
        given = {"state": asked["state"], "code": pasted}
        return await invoke(services, "POST", "/sites/{site}/mailboxes/connect/complete", site=site, body=given)

    def words(made: dict[str, Any]) -> str:
        return f"mailbox {made['name']} connected, id {made['id']}\nNext: wherefrom mailbox test {site} {made['id']}"

    show(with_services(settings, complete), as_json, words)


def providers(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the providers, what to register with each, and which are set up."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/oauth/providers")

    show(with_services(settings, use), as_json, lambda page: "\n\n".join(_words(one) for one in page["data"]))


def ask_person(url: str, username: str) -> str:
    """Shows where to agree, and reads what is pasted. Not on standard output, which --json keeps for the answer."""
    typer.echo(f"Open this address in a browser, sign in as {username}, and agree:\n\n{url}", err=True)
    typer.echo("\nThen paste the whole address the browser ended at, or the code it shows.", err=True)
    try:
        return input("> " if os.isatty(0) else "")
    except EOFError:
        raise BadInput("nothing was pasted", hint="run it again, and paste what the browser ended at") from None


def _words(one: dict[str, Any]) -> str:
    state = (
        "set up" if one["ready"] else f"not set up: put client_id into settings.toml, group [oauth.{one['provider']}]"
    )
    lines = [f"{one['provider']:<10} {one['name']}, {state}"]
    if one["register_at"]:
        lines.append(f"  register at       {one['register_at']}")
    lines += [f"  {number}. {step}" for number, step in enumerate(one["register"], 1)]
    lines.append(f"  redirect address  {one['redirect_url']}")
    lines += [f"  see {source}" for source in one["sources"]]
    return "\n".join(lines)
