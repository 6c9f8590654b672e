"""``wherefrom key …``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.errors import BadInput, NotFound

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="Keys for the management API.", no_args_is_help=True)


@app.command("add")
def add_key(
    site: Annotated[str, typer.Argument(metavar="[SITE]", help="The site the key opens.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="A key for all sites.")] = False,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. It is shown once."""
    if bool(site) == operator:
        raise BadInput("say for which site the key is", hint="wherefrom key add SITE, or wherefrom key add --operator")

    async def use(services: Services) -> Any:
        if operator:
            return await invoke(services, "POST", "/keys", body={"name": name})
        return await invoke(services, "POST", "/sites/{site}/keys", site=site, body={"name": name})

    show(with_services(settings, use), as_json, lambda one: f"key, shown only now: {one['secret']}")


@app.command("list")
def list_keys(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List all keys, how each begins, and when it was last used."""

    names: dict[str | None, str] = {None: "all sites"}

    async def use(services: Services) -> Any:
        found = await _all_keys(services)
        names.update({site.id: site.name for _, site in found if site is not None})
        return {"data": [one for one, _ in found]}

    def words(page: dict[str, Any]) -> str:
        lines = [
            f"{one['id']:<20} {one['hint']}…  of {names[one['site_id']]:<20}"
            f"  {_used(one['last_used_at']):<27}  {one['name']}"
            for one in page["data"]
        ]
        return "\n".join(lines) or "no keys yet; make one: wherefrom key add SITE"

    show(with_services(settings, use), as_json, words)


@app.command("remove")
def remove_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as wherefrom key list shows it.")],
    settings: SettingsOption = None,
) -> None:
    """Revoke a key: it opens nothing from now on."""

    async def use(services: Services) -> Any:
        for one, site in await _all_keys(services):
            if one.id == key_id:
                if site is None:
                    return await invoke(services, "DELETE", "/keys/{key}", key=key_id)
                return await invoke(services, "DELETE", "/sites/{site}/keys/{key}", site=site.id, key=key_id)
        raise NotFound(f"there is no key {key_id}", hint="wherefrom key list says which there are")

    with_services(settings, use)
    typer.echo(f"key {key_id} opens nothing any more")


async def _all_keys(services: Services) -> list[tuple[Any, Any]]:
    """Each key with its site; None: an operator's."""
    found: list[tuple[Any, Any]] = [(one, None) for one in (await invoke(services, "GET", "/keys")).data]
    for site in (await invoke(services, "GET", "/sites")).data:
        page = await invoke(services, "GET", "/sites/{site}/keys", site=site.id)
        found += [(one, site) for one in page.data]
    return found


def _used(moment: str | None) -> str:
    return f"last used {moment[:16]}" if moment else "never used"
