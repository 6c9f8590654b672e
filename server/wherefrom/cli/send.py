"""``wherefrom send …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="Letters you sent: who opened them, who followed their links.", no_args_is_help=True)


@app.command("list")
def list_(
    site: SiteArgument,
    opened: Annotated[
        bool | None, typer.Option("--opened/--not-opened", help="Only those a person opened, or did not.")
    ] = None,
    clicked: Annotated[
        bool | None, typer.Option("--clicked/--not-clicked", help="Only those a person followed a link of, or did not.")
    ] = None,
    reference: Annotated[str, typer.Option(help="Your own reference of the send.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a site's sends, the newest first."""
    given = {"opened": opened, "clicked": clicked, "reference": reference or None, "limit": limit}
    query = {name: value for name, value in given.items() if value is not None}

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/sends", site=site, query=query)

    def words(page: dict[str, Any]) -> str:
        return "\n".join(_line(one) for one in page["data"]) or "no such send"

    show(with_services(settings, use), as_json, words)


@app.command("show")
def show_(
    site: SiteArgument,
    send: Annotated[str, typer.Argument(metavar="SEND", help="The send's id.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what became of one letter: each request for its pixel and links, and whether that was a person."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/sends/{send}", site=site, send=send)

    show(with_services(settings, use), as_json, _details)


def _line(one: dict[str, Any]) -> str:
    return f"{one['id']:<20} {one['created_at'][:16]} {one['status']:<12} {one['subject'][:60]}".rstrip()


def _details(told: dict[str, Any]) -> str:
    send = told["send"]
    lines = [f"{send['subject'] or 'a letter'} to {told['email']}: {send['status']} since {send['status_at'][:19]}"]
    if send["note"]:
        lines.append(f"  {send['note']}")
    hits = sorted([*told["opens"], *told["clicks"]], key=lambda one: str(one["at"]))
    for one in hits:
        verdict = f"{one['verdict']} ({one['reason']})" if one["reason"] else one["verdict"]
        lines.append(f"  {one['at'][:19]} {one['kind']:<6} {verdict:<24} {one['url'] or ''}".rstrip())
    lines += [f"  {one['at'][:19]} {one['status']:<6} {one['detail']}".rstrip() for one in told["notices"]]
    return "\n".join(lines)
