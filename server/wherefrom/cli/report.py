"""``wherefrom report …``"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, show, with_services
from wherefrom.cli.target import SiteArgument
from wherefrom.management import invoke
from wherefrom.services import Services

app = typer.Typer(help="What the letters and visits of a site say together.", no_args_is_help=True)

_DEEDS = {"mailto": "clicked", "copy": "copied", "select": "selected"}


@app.command("lost-mail")
def lost_mail(
    site: SiteArgument,
    begin: Annotated[str, typer.Option("--from", help="First day or moment; 30 days before the end if left out.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, or a moment; now if left out.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where letters may have got lost: meant and not written, in Junk, sent to the real address."""
    query = {"date_from": begin or None, "date_to": end or None}

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/reports/lost-mail", site=site, query=query)

    show(with_services(settings, use), as_json, _words)


def _words(report: dict[str, Any]) -> str:
    lines = [f"{report['date_from'][:10]} to {report['date_to'][:10]}"]
    for one in report["intents"]:
        lines.append(f"{one['visits']:>6} visits {_DEEDS[one['kind']]} an address, {one['with_letter']} of them wrote")
    junk = report["junk"]
    lines.append(f"{junk['letters']:>6} letters of people in Junk, {junk['matched']} with a known visit")
    for one in report["bare_targets"]:
        lines.append(f"{one['letters']:>6} letters to {one['address']} itself, {one['matched']} with a known visit")
    for one in report["without_letter"]:
        perhaps = one["perhaps"]
        told = f"; perhaps letter {perhaps['id']} from {perhaps['from_address']}" if perhaps else ""
        lines.append(f"visit {one['visit']} {_DEEDS[one['kind']]} {one['address']} at {one['at']}{told}")
    return "\n".join(lines)
