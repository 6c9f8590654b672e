"""``wherefrom pool …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from wherefrom.cli import simulate
from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument, find_target

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="Pools: how large they should be, and how right they would be.", no_args_is_help=True)
simulate.add_to(app)

_BAR = 40


@app.command("size")
def size(
    site: SiteArgument,
    address: Annotated[str, typer.Argument(help="The target's real address.")],
    days: Annotated[int, typer.Option(min=1, max=31, help="How many days of traffic to go by.")] = 3,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how large a pool the target needs, by its traffic of the last days."""

    async def use(services: Services) -> Any:
        target = await find_target(services, site, address)
        path = "/sites/{site}/targets/{target}/pool"
        found = await invoke(services, "GET", path, site=site, target=target.id, query={"days": days})
        curve = await invoke(services, "GET", f"{path}/curve", site=site, target=target.id, query={"days": days})
        return msgspec.to_builtins(found) | {"curve": msgspec.to_builtins(curve)["sizes"]}

    show(with_services(settings, use), as_json, _words)


def _words(use: dict[str, Any]) -> str:
    lines = [f"recommended size {use['recommended']}: {use['advice']}"]
    lines.append(f"at most {use['peak']} were wanted at one time; {use['size']} take part in lending now")
    if use["refused"] or use["shared"]:
        lines.append(f"{use['refused']} visits found nothing free, {use['shared']} shared an address that was held")
    most = max((one["peak"] for one in use["hours"]), default=0)
    for one in use["hours"] if most else []:
        short = f"  {one['refused'] + one['shared']} short" if one["refused"] or one["shared"] else ""
        lines.append(
            f"{one['begin'][:13].replace('T', ' ')}h {one['peak']:>5} {'#' * (one['peak'] * _BAR // most)}{short}"
        )
    return "\n".join([*lines, *_curve(use["curve"])])


def _curve(points: list[dict[str, Any]]) -> list[str]:
    """What other sizes would have made of the same days; nothing without letters."""
    if not points or not points[0]["letters"]:
        return ["no letter of these days is known to be of a visit: what other sizes would do cannot be replayed yet"]
    lines = [f"replayed with other sizes, {points[0]['letters']} letters:"]
    for one in points:
        share = one["right"] / one["letters"]
        lines.append(f"{one['size']:>6} addresses  {share:>6.1%} right, {one['refused'] / one['letters']:.1%} refused")
    return lines
