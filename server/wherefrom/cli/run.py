"""Commands that run the service: serve, web, work, migrate, check, demo."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from wherefrom import __version__
from wherefrom.cli.common import SettingsOption, with_services
from wherefrom.cli.service import read_settings, run_service, run_to_the_end, upgrade_database

if TYPE_CHECKING:
    from wherefrom.services import Services


def new_app() -> typer.Typer:
    """The tree of commands as far as it is told here."""
    app = typer.Typer(
        name="wherefrom",
        help="Tells a site owner which visit every e-mail came from.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in (serve, web, work, migrate, check, demo, version):
        app.command()(command)
    return app


def serve(settings: SettingsOption = None) -> None:
    """Run the service: web and background work in one process. Migrates the database first."""
    run_service(settings, web=True, work=True)


def web(settings: SettingsOption = None) -> None:
    """Run the web side only; needs a migrated database."""
    run_service(settings, web=True)


def work(settings: SettingsOption = None) -> None:
    """Run the background work only: mail in, attribution, webhooks."""
    run_service(settings, work=True)


def migrate(settings: SettingsOption = None) -> None:
    """Bring the database to the newest schema."""
    typer.echo(f"the database is at schema {asyncio.run(upgrade_database(read_settings(settings)))}")


def check(settings: SettingsOption = None) -> None:
    """Read the settings, open the database, and say whether the service could start."""
    from wherefrom.app import build_app  # late: see wherefrom.cli

    read = read_settings(settings)

    async def look(services: Services) -> None:
        build_app(services)  # reads the geo file and the script
        typer.echo(f"settings: fine\ndatabase: {read.database.url.partition(':')[0]}, newest schema\nready to serve")

    with_services(settings, look)


def demo(
    port: Annotated[
        int,
        typer.Option(min=0, max=65533, help="The service's port; site and CRM take the next two."),
    ] = 8025,
) -> None:
    """Run everything on this machine: service, mailbox, demo site, demo CRM."""
    from wherefrom.demo.run import run_demo  # late: see wherefrom.cli

    run_to_the_end(run_demo(port))


def version() -> None:
    """Print the version."""
    typer.echo(__version__)
