"""``wherefrom site …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.service import read_settings
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput

if TYPE_CHECKING:
    from wherefrom.services import Services

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
        from wherefrom.visits.script import script_tag  # late: see wherefrom.cli

        return (
            f"site {site['name']} added, key {site['key']}\n\n"
            "Put this into every page, as early in <head> as you can:\n\n"
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


@app.command("show")
def show_(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show a site with all its options."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}", site=site)

    show(with_services(settings, use), as_json, _options)


@app.command("set")
def set_(
    site: SiteArgument,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="A host the site runs on; those given replace the old ones.")
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="Substitute addresses, or leave all pages.")
    ] = None,
    compat: Annotated[str | None, typer.Option(help="roistat: the script answers to its names too; or none.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="What a substitute stands for: visits, or source (of persons nothing is kept)."),
    ] = None,
    without_consent: Annotated[
        str | None,
        typer.Option(help="Shown to who has not agreed: the real address, or one that stands for the source."),
    ] = None,
    off_path: Annotated[
        list[str] | None,
        typer.Option(
            "--off-path",
            help="A path whose pages keep the real address, such as '/imprint*'; those given replace the old ones.",
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="The time zone in which the site's days begin, such as Europe/Berlin.")
    ] = None,
    no_off_paths: Annotated[bool, typer.Option("--no-off-paths", help="No page is exempt.")] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a site; what is not named stays as it is. Open pages know of it within seconds."""
    if off_path and no_off_paths:
        raise BadInput("--off-path and --no-off-paths do not go together", hint="leave one of them out")
    given: dict[str, Any] = {
        "name": name,
        "hosts": host or None,
        "enabled": enabled,
        "compat": "" if compat == "none" else compat,
        "mode": mode,
        "without_consent": without_consent,
        "off_paths": [] if no_off_paths else off_path or None,
        "zone": zone,
    }
    body = {key: value for key, value in given.items() if value is not None}
    if not body:
        raise BadInput("nothing was named that should change", hint="“wherefrom site set --help” lists the options")

    async def use(services: Services) -> Any:
        return await invoke(services, "PATCH", "/sites/{site}", site=site, body=body)

    show(with_services(settings, use), as_json, _options)


def _options(site: dict[str, Any]) -> str:
    by_source = {
        "visits": "a visit (of persons what the settings say is kept)",
        "source": "a source, that is everybody who came by it (of persons nothing is kept)",
    }
    without = {"real": "the real address", "source": "a substitute that stands for the source"}
    lines = {
        "site": f"{site['name']}, {'on' if site['enabled'] else 'off'}, key {site['key']}, id {site['id']}",
        "hosts": ", ".join(site["hosts"]),
        "stands in for": site["compat"] or "nothing else",
        "a substitute is for": by_source[site["mode"]],
        "without consent": without[site["without_consent"]],
        "real address on": ", ".join(site["off_paths"]) or "no page by rule",
        "days begin in": site["zone"],
    }
    return "\n".join(f"{label:<20} {words}" for label, words in lines.items())
