"""``wherefrom user …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.addresses import parse_address
from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.password import PasswordFile, read_password
from wherefrom.errors import NotFound

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="People who may log in to the console.", no_args_is_help=True)

_VARIABLE = "WHEREFROM_USER_PASSWORD"


@app.command("add")
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


@app.command("list")
def list_users(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List who may log in, and since when."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/users")

    def words(page: dict[str, Any]) -> str:
        lines = [f"{one['id']:<20} {one['created_at'][:16]} {one['email']}" for one in page["data"]]
        return "\n".join(lines) or "nobody may log in yet; add somebody: wherefrom user add EMAIL"

    show(with_services(settings, use), as_json, words)


@app.command("password")
def change_password(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    password_file: PasswordFile = None,
    settings: SettingsOption = None,
) -> None:
    """Give a person a new password, and log out whoever is in with the old one."""
    body = {"password": read_password(password_file, _VARIABLE, twice=True)}

    async def use(services: Services) -> Any:
        return await invoke(
            services, "PUT", "/users/{user}/password", user=await _find_user(services, email), body=body
        )

    with_services(settings, use)
    typer.echo(f"{email} logs in with the new password from now on")


@app.command("remove")
def remove_user(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")], settings: SettingsOption = None
) -> None:
    """Take a person's account away, and log them out."""

    async def use(services: Services) -> Any:
        return await invoke(services, "DELETE", "/users/{user}", user=await _find_user(services, email))

    with_services(settings, use)
    typer.echo(f"{email} may not log in any more")


async def _find_user(services: Services, email: str) -> str:
    """The id; NotFound."""
    wanted = parse_address(email).key
    page = await invoke(services, "GET", "/users")
    for one in page.data:
        if one.email == wanted:
            return str(one.id)
    raise NotFound(f"nobody logs in as {email}", hint="wherefrom user list says who may")
