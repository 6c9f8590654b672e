"""``wherefrom suppression …``"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="Addresses that are not to be mailed: why, since when, by whom.", no_args_is_help=True)
_MOST_BYTES = 1_000_000
_LIST = "/sites/{site}/suppressions"

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The address.")]
FormatOption = Annotated[Literal["csv", "jsonl"], typer.Option("--format", help="The file's form.")]


@app.command("list")
def list_(
    site: SiteArgument,
    email: Annotated[str, typer.Option(help="Only this address.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Also what was undone.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a site's suppressions, the newest first."""
    query = {"email": email or None, "active": None if all_ else True, "limit": limit}
    _show_page(site, _LIST, query, settings, as_json, _line)


@app.command()
def history(
    site: SiteArgument,
    email: Annotated[str, typer.Option(help="Only this address.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was suppressed and undone, when and by whom."""
    _show_page(site, f"{_LIST}/changes", {"email": email or None, "limit": limit}, settings, as_json, _change)


@app.command()
def bounces(
    site: SiteArgument,
    email: Annotated[str, typer.Option(help="Only of letters to this address.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what came back of letters, and what was made of it; complaints, too."""
    query = {"email": email or None, "limit": limit}
    _show_page(site, "/sites/{site}/bounces", query, settings, as_json, _bounce, "nothing came back")


@app.command()
def add(
    site: SiteArgument,
    email: EmailArgument,
    list_: Annotated[str, typer.Option("--list", help="Mail of this list alone; without it all mail.")] = "",
    detail: Annotated[str, typer.Option(help="Why, in your words.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep an address from being mailed."""
    body = {"email": email, "list": list_, "detail": detail}

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", _LIST, site=site, body=body)

    show(with_services(settings, use), as_json, _line)


@app.command()
def undo(
    site: SiteArgument,
    suppression: Annotated[str, typer.Argument(metavar="SUPPRESSION", help="Its id, as “list” shows it.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let an address be mailed again; that it was not is kept."""

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", _LIST + "/{suppression}/undo", site=site, suppression=suppression)

    show(with_services(settings, use), as_json, _line)


@app.command("import")
def import_(
    site: SiteArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its encoding is UTF-8.")],
    form: FormatOption = "csv",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over a list of addresses that are not to be mailed."""
    content = _read(file)

    async def use(services: Services) -> Any:
        body = {"content": content, "format": form}
        return await invoke(services, "POST", _LIST + "/import", site=site, body=body)

    show(with_services(settings, use), as_json, _imported)


@app.command()
def export(
    site: SiteArgument,
    form: FormatOption = "csv",
    all_: Annotated[bool, typer.Option("--all", help="Also what was undone.")] = False,
    settings: SettingsOption = None,
) -> None:
    """Write all suppressions to standard output."""

    from starlette.responses import StreamingResponse  # late: see wherefrom.cli

    async def use(services: Services) -> None:
        path = _LIST + "/export/{format}"
        answer = await invoke(services, "GET", path, site=site, format=form, query={"active": not all_})
        assert isinstance(answer, StreamingResponse)
        async for piece in answer.body_iterator:
            sys.stdout.write(piece if isinstance(piece, str) else bytes(piece).decode())

    with_services(settings, use)


def _show_page(
    site: str,
    path: str,
    query: dict[str, Any],
    settings: Path | None,
    as_json: bool,
    line: Callable[[dict[str, Any]], str],
    none: str = "nothing is suppressed",
) -> None:
    asked = {name: value for name, value in query.items() if value is not None}

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", path, site=site, query=asked)

    def words(page: dict[str, Any]) -> str:
        return "\n".join(line(one) for one in page["data"]) or none

    show(with_services(settings, use), as_json, words)


def _read(file: Path) -> str:
    try:
        raw = file.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise BadInput(f"{file} is larger than {_MOST_BYTES} bytes", hint="split it into parts")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8", hint="save it with the encoding UTF-8") from None


def _line(one: dict[str, Any]) -> str:
    scope = one["list"] or "all mail"
    undone = f"  undone {one['undone_at'][:16]} by {one['undone_by']}" if one["undone_at"] else ""
    by = one["created_by"] or "?"
    return f"{one['id']:<20} {one['created_at'][:16]} {one['email']:<32} {one['reason']:<12} {scope}  by {by}{undone}"


def _change(one: dict[str, Any]) -> str:
    of = one["suppression"]
    by, scope = one["by"] or "?", of["list"] or "all mail"
    return f"{one['at'][:16]} {one['what']:<7} {of['email']:<32} {of['reason']:<12} {scope}  by {by}"


def _bounce(one: dict[str, Any]) -> str:
    ended = "  mail ended" if one["ended"] else ""
    return f"{one['happened_at'][:16]} {one['email']:<32} {one['weight']:<10} {one['reason']}{ended}"


def _imported(told: dict[str, Any]) -> str:
    lines = [f"{told['added']} added, {told['known']} known already, {told['bad']} not understood"]
    return "\n".join(lines + [f"  line {one['line']}: {one['text']} {one['why']}" for one in told["problems"]])
