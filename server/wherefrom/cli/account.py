"""``wherefrom user …`` and ``wherefrom key …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.password import PasswordFile, read_password
from wherefrom.errors import BadInput

if TYPE_CHECKING:
    from wherefrom.services import Services

user = typer.Typer(help="People who may log in to the console.", no_args_is_help=True)
key = typer.Typer(help="Keys for the management API.", no_args_is_help=True)

_VARIABLE = "WHEREFROM_USER_PASSWORD"


@user.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    password_file: PasswordFile = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person. The password comes from a prompt, a file or $WHEREFROM_USER_PASSWORD."""
    body = {"email": email, "password": read_password(password_file, _VARIABLE, twice=True)}

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", "/users", body=body)

    show(with_services(settings, use), as_json, lambda one: f"{one['email']} may log in now")


@user.command("list")
def list_users(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List who may log in, and since when."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/users")

    def words(page: dict[str, Any]) -> str:
        lines = [f"{one['id']:<20} {one['created_at'][:16]} {one['email']}" for one in page["data"]]
        return "\n".join(lines) or "nobody may log in yet; add somebody: wherefrom user add EMAIL"

    show(with_services(settings, use), as_json, words)


@key.command("add")
def add_key(
    site: Annotated[str, typer.Argument(metavar="[SITE]", help="The site the key opens.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="A key for all sites.")] = False,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. It is shown once."""
    if bool(site) == operator:
        raise BadInput("say for which site the key is", hint="wherefrom key add SITE, or wherefrom key add --operator")

    async def use(services: Services) -> Any:
        if operator:
            return await invoke(services, "POST", "/keys", body={"name": name})
        return await invoke(services, "POST", "/sites/{site}/keys", site=site, body={"name": name})

    show(with_services(settings, use), as_json, lambda one: f"key, shown only now: {one['secret']}")
