"""``wherefrom site …``"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, read_settings, show, with_services
from wherefrom.management import invoke
from wherefrom.services import Services
from wherefrom.visits.script import script_tag

app = typer.Typer(help="Tracked websites.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A short name, for example shop.")],
    host: Annotated[list[str], typer.Option("--host", help="A host the site runs on; may be given several times.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a site and print the script tag for its pages."""

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", "/sites", body={"name": name, "hosts": host})

    read = read_settings(settings)

    def words(site: dict[str, Any]) -> str:
        return (
            f"site {site['name']} added, key {site['key']}\n\nPut this into every page, just before </body>:\n\n"
            f"  {script_tag(read, site['key'])}\n\n"
            f"Next: wherefrom target add {site['name']} sales@your-domain --strategy plus"
        )

    show(with_services(settings, use), as_json, words)


@app.command("list")
def list_(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List all sites."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites")

    def words(page: dict[str, Any]) -> str:
        lines = [
            f"{site['name']:<20} {site['key']:<28} {'on ' if site['enabled'] else 'off'} {', '.join(site['hosts'])}"
            for site in page["data"]
        ]
        return "\n".join(lines) or "no site yet; add one: wherefrom site add NAME --host HOST"

    show(with_services(settings, use), as_json, words)
