"""``wherefrom smtp …``: the account letters of ours go out by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from wherefrom.cli.common import SettingsOption, invoke, with_services
from wherefrom.cli.connect import ask_person

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="The account probes go out by (group [smtp] of the settings).", no_args_is_help=True)


@app.command("connect")
def connect(settings: SettingsOption = None) -> None:
    """Connect the account by signing in at its provider (smtp.oauth), without a password."""

    async def begin(services: Services) -> Any:
        return await invoke(services, "POST", "/smtp/connect"), services.settings.smtp.username

    asked, username = with_services(settings, begin)
    given = {"state": asked.state, "code": ask_person(asked.url, username)}

    async def complete(services: Services) -> Any:
        return await invoke(services, "POST", "/smtp/connect/complete", body=given)

    with_services(settings, complete)
    typer.echo(f"{username} connected; probes go out by it\nNext: wherefrom target probe SITE ADDRESS")


@app.callback()
def _group() -> None:
    """Makes a group of the one command."""
