"""``wherefrom report …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="What the letters and visits of a site say together.", no_args_is_help=True)

_COUNTED = ("sent", "delivered", "opened", "clicked", "failed", "complained", "unsubscribed")
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
        done = f"{_DEEDS[one['kind']]} an address for the first time"
        lines.append(f"{one['visits']:>6} visits {done}, {one['with_letter']} of them wrote")
    junk = report["junk"]
    lines.append(f"{junk['letters']:>6} letters of people in Junk, {junk['matched']} with a known visit")
    for one in report["bare_targets"]:
        lines.append(f"{one['letters']:>6} letters to {one['address']} itself, {one['matched']} with a known visit")
    for one in report["without_letter"]:
        perhaps = one["perhaps"]
        told = f"; perhaps letter {perhaps['id']} from {perhaps['from_address']}" if perhaps else ""
        lines.append(f"visit {one['visit']} {_DEEDS[one['kind']]} {one['address']} at {one['at']}{told}")
    return "\n".join(lines)


@app.command("totals")
def totals(
    site: SiteArgument,
    step: Annotated[str, typer.Option(help="hour, day, week or month.")] = "day",
    begin: Annotated[str, typer.Option("--from", help="First day or moment; the usual one if left out.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, or a moment; now if left out.")] = "",
    mail_list: Annotated[str | None, typer.Option("--list", help="Letters of this list alone.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count letters sent, delivered, opened, clicked and so on, over time, in the site's time zone."""
    given = {"step": step, "date_from": begin or None, "date_to": end or None, "list": mail_list}

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/reports/totals", site=site, query=given)

    show(with_services(settings, use), as_json, _totals)


def _totals(report: dict[str, Any]) -> str:
    cut = 16 if report["step"] == "hour" else 10
    rows = [(one["begin"][:cut].replace("T", " "), one) for one in report["data"]] + [("in all", report["sums"])]
    lines = [f"{report['step']:<16}" + "".join(f"{name:>13}" for name in _COUNTED)]
    lines += [f"{begin:<16}" + "".join(f"{counts[name]:>13}" for name in _COUNTED) for begin, counts in rows]
    return "\n".join(lines)
