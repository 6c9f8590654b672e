"""``wherefrom target …``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.errors import BadInput, NotFound

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="Addresses on the site's pages, and how they are substituted.", no_args_is_help=True)

SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="The site's name, key or id.")]


@app.command("add")
def add(
    site: SiteArgument,
    address: Annotated[str, typer.Argument(help="The real address on the page.")],
    strategy: Annotated[str, typer.Option(help="plus, catchall or pool.")] = "plus",
    separator: Annotated[str, typer.Option(help="plus: what stands before the code: + - = or .")] = "",
    code: Annotated[str, typer.Option(help="code (unguessable), visit (the bare visit number) or name.")] = "",
    domain: Annotated[str, typer.Option(help="catchall: the domain whose every address arrives.")] = "",
    pool: Annotated[Path | None, typer.Option(help="pool: a file with one address a line.")] = None,
    when_empty: Annotated[str, typer.Option(help="pool: real (show the real address) or share.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a target address."""
    given = {"separator": separator, "code_form": code, "domain": domain, "when_empty": when_empty}
    body: dict[str, Any] = {"address": address, "strategy": strategy}
    body |= {name: value for name, value in given.items() if value}  # what does not fit the strategy is refused below
    if strategy == "pool" or pool is not None:
        body["pool"] = _read_pool(pool)

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", "/sites/{site}/targets", site=site, body=body)

    show(
        with_services(settings, use), as_json, lambda target: f"target {target['address']} added ({target['strategy']})"
    )


def _read_pool(path: Path | None) -> str:
    if path is None:
        raise BadInput("a pool needs its addresses", hint="name a file with one address a line: --pool FILE")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or error}",
            hint="name a text file with the pool's addresses, one a line",
            field="pool",
        ) from None
    except UnicodeDecodeError:
        raise BadInput(
            f"{path} is no text in UTF-8", hint="save it as UTF-8, one address a line", field="pool"
        ) from None


@app.command("list")
def list_(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the site's targets."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/targets", site=site)

    def words(page: dict[str, Any]) -> str:
        lines = [f"{one['address']:<36} {one['strategy']:<9} {_state(one)}".rstrip() for one in page["data"]]
        return "\n".join(lines) or f"no target yet; add one: wherefrom target add {site} ADDRESS"

    show(with_services(settings, use), as_json, words)


@app.command("probe")
def probe(
    site: SiteArgument,
    address: Annotated[str, typer.Argument(help="The target's real address.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a letter to the target's substitutes now, to see whether it comes back. “mailbox test” waits for it, too."""

    async def use(services: Services) -> Any:
        target = await find_target(services, site, address)
        path = "/sites/{site}/targets/{target}/probes"
        return await invoke(services, "POST", path, site=site, target=target.id)

    def words(page: dict[str, Any]) -> str:
        return "\n".join(f"{one['status']:<8} {one['address']}  {one['detail']}".rstrip() for one in page["data"])

    show(with_services(settings, use), as_json, words)


async def find_target(services: Services, site: str, address: str) -> Any:
    """The site's target with this address, as the API shows it; NotFound."""
    page = await invoke(services, "GET", "/sites/{site}/targets", site=site)
    found = next((one for one in page.data if one.address.lower() == address.lower()), None)
    if found is None:
        raise NotFound(f"the site has no target {address}", hint=f"“wherefrom target list {site}” shows its targets")
    return found


def _state(target: dict[str, Any]) -> str:
    """What keeps it from being substituted, if anything does."""
    if not target["enabled"]:
        return "off"
    pool = target["pool"]
    if pool is not None and pool["unverified"]:
        return (
            f"{pool['unverified']} of {pool['size'] + pool['unverified']} addresses wait for their probe to come back"
        )
    return {"waiting": "waits for its probe to come back", "lost": "its probes do not come back"}.get(
        target["proof"], ""
    )
