"""``wherefrom endpoint …``"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, show, with_services
from wherefrom.cli.target import SiteArgument
from wherefrom.management import invoke
from wherefrom.services import Services

app = typer.Typer(help="Webhooks: where each letter's JSON is posted.", no_args_is_help=True)


@app.command("add")
def add(
    site: SiteArgument,
    url: Annotated[str, typer.Argument(help="Where to post.")],
    format_: Annotated[str, typer.Option("--format", help="standard or roistat.")] = "standard",
    which: Annotated[str, typer.Option(help="matched (with a visit), all, or first (of a thread).")] = "matched",
    deal_path: Annotated[
        str, typer.Option(help="Where in the answer the deal number stands, for example deal.id.")
    ] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a webhook. Its signing secret is shown once."""
    body = {"url": url, "format": format_, "which": which, "deal_path": deal_path}

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", "/sites/{site}/endpoints", site=site, body=body)

    def words(endpoint: dict[str, Any]) -> str:
        added = f"endpoint {endpoint['url']} added, id {endpoint['id']}"
        return f"{added}\nsigning secret, shown only now: {endpoint['secret']}"

    show(with_services(settings, use), as_json, words)


@app.command("list")
def list_(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the site's webhooks."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/endpoints", site=site)

    def words(page: dict[str, Any]) -> str:
        lines = [f"{one['id']:<20} {one['format']:<9} {one['status']:<8} {one['url']}" for one in page["data"]]
        return "\n".join(lines) or f"no endpoint yet; add one: wherefrom endpoint add {site} URL"

    show(with_services(settings, use), as_json, words)
