"""Commands that run the service: serve, web, work, migrate, check, demo."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom import __version__
from wherefrom.cli.common import SettingsOption, read_settings, with_services
from wherefrom.cli.lean import ServiceCommand, ServiceGroup, loading

if TYPE_CHECKING:
    from wherefrom.services import Services
    from wherefrom.settings import Settings


def new_app() -> typer.Typer:
    """The tree of commands as far as it is told here."""
    app = typer.Typer(
        name="wherefrom",
        cls=ServiceGroup,
        help="Tells a site owner which visit every e-mail came from.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command(cls=ServiceCommand)(serve)
    app.command(cls=ServiceCommand)(web)
    app.command(cls=ServiceCommand)(work)
    for command in (migrate, check, demo, version):
        app.command()(command)
    return app


def _run(main: Coroutine[Any, Any, None]) -> None:
    """uvloop where it is installed (it is, but for Windows); the difference is measured, not needed."""
    factory = None
    if importlib.util.find_spec("uvloop"):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def serve(settings: SettingsOption = None) -> None:
    """Run the service: web and background work in one process. Migrates the database first."""
    _serve(settings, web=True, work=True)


def web(settings: SettingsOption = None) -> None:
    """Run the web side only; needs a migrated database."""
    _serve(settings, web=True)


def work(settings: SettingsOption = None) -> None:
    """Run the background work only: mail in, attribution, webhooks."""
    _serve(settings, work=True)


def _serve(settings: Path | None, *, web: bool = False, work: bool = False) -> None:
    with loading():
        from wherefrom.app import log_to, serve_until_signal  # late: see wherefrom.cli

    read = read_settings(settings)
    log_to(read)
    if web and work:
        asyncio.run(_migrate(read))
    _run(serve_until_signal(read, web=web, work=work))


async def _migrate(settings: Settings) -> str:
    """The revision the database is at now."""
    from wherefrom.db.migrate import upgrade  # late: see wherefrom.cli

    return await upgrade(settings.database.url)


def migrate(settings: SettingsOption = None) -> None:
    """Bring the database to the newest schema."""
    typer.echo(f"the database is at schema {asyncio.run(_migrate(read_settings(settings)))}")


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

    _run(run_demo(port))


def version() -> None:
    """Print the version."""
    typer.echo(__version__)
