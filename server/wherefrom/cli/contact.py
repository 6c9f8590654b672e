"""``wherefrom contact …``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput, NotFound

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(
    help="People you write to: who did what, what is known of one, and forgetting it.", no_args_is_help=True
)

ContactArgument = Annotated[str, typer.Argument(metavar="CONTACT", help="The contact's id or e-mail address.")]

_CONTACT = "/sites/{site}/contacts/{contact}"
_EVENTS = "sent, delivered, opened, clicked, failed, complained or unsubscribed"


@app.command("find")
def find(
    site: SiteArgument,
    did: Annotated[list[str] | None, typer.Option("--did", help=f"What they did: {_EVENTS}.")] = None,
    not_: Annotated[list[str] | None, typer.Option("--not", help="What they did not do.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="In the last so many days; ever, if left out.")] = None,
    mail_list: Annotated[str | None, typer.Option("--list", help="By letters of this list alone.")] = None,
    link: Annotated[str, typer.Option(help="A part of the address they clicked.")] = "",
    times: Annotated[int, typer.Option(min=1, help="Of at least so many letters.")] = 1,
    any_: Annotated[bool, typer.Option("--any/--all", help="One of the conditions is enough.")] = False,
    text: Annotated[str, typer.Option(help="A part of address, name or your reference.")] = "",
    saved: Annotated[str | None, typer.Option(help="The id of a saved filter, in place of all that.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find contacts by what they did, the newest first."""
    told = {"days": days, "list": mail_list, "times": times}
    shared = {name: value for name, value in told.items() if value is not None}
    conditions = [
        {"event": event, "happened": happened, **shared, **({"link": link} if event == "clicked" else {})}
        for happened, events in ((True, did or []), (False, not_ or []))
        for event in events
    ]
    body: dict[str, Any] = {"limit": limit, "count": True}
    if saved is not None:
        body["filter"] = saved
    else:
        body |= {"conditions": conditions, "match": "any" if any_ else "all", "text": text}

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", "/sites/{site}/contacts/search", site=site, body=body)

    show(with_services(settings, use), as_json, _list)


@app.command("show")
def show_(
    site: SiteArgument, contact: ContactArgument, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Show a contact, what it agreed to, and all that happened."""

    async def use(services: Services) -> Any:
        id_ = await _id_of(services, site, contact)
        consents = await invoke(services, "GET", _CONTACT + "/consents", site=site, contact=id_)
        activities = await invoke(services, "GET", _CONTACT + "/activities", site=site, contact=id_)
        one = await invoke(services, "GET", _CONTACT, site=site, contact=id_)
        return {"contact": one, "consents": consents.data, "activities": activities.data}

    show(with_services(settings, use), as_json, _details)


@app.command("export")
def export(
    site: SiteArgument,
    contact: ContactArgument,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write; without it to the screen.")] = None,
    letters: Annotated[bool, typer.Option("--letters", help="Also the letters that came from the address.")] = False,
    settings: SettingsOption = None,
) -> None:
    """Write all that is kept of one person as one JSON document."""

    async def use(services: Services) -> Any:
        id_, query = await _id_of(services, site, contact), {"letters": letters}
        return await invoke(services, "GET", _CONTACT + "/export", query=query, site=site, contact=id_)

    document = msgspec.json.format(msgspec.json.encode(with_services(settings, use)), indent=2)
    if to is None:
        typer.echo(document.decode())
        return
    try:
        to.write_bytes(document + b"\n")
    except OSError as error:
        raise BadInput(f"{to} cannot be written: {error.strerror or error}", hint="name another file") from None
    typer.echo(f"written to {to}")


@app.command("erase")
def erase(
    site: SiteArgument,
    contact: ContactArgument,
    letters: Annotated[bool, typer.Option("--letters", help="Also the letters that came from the address.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person from everything, for good. Old links go on working; that they want no mail stays known."""
    if not yes:
        typer.confirm(f"Erase {contact}{' and the letters they wrote' if letters else ''} for good?", abort=True)

    async def use(services: Services) -> Any:
        id_ = await _id_of(services, site, contact)
        return await invoke(services, "DELETE", _CONTACT, site=site, contact=id_, query={"letters": letters})

    def words(told: dict[str, Any]) -> str:
        kept = "; it is still not to be mailed, which a keyed hash of the address remembers"
        own = f", {told['own_letters']} they wrote are gone" if letters else ""
        return f"erased: {told['letters']} letters are now to nobody{own}{kept if told['suppressions'] else ''}"

    show(with_services(settings, use), as_json, words)


async def _id_of(services: Services, site: str, contact: str) -> str:
    """The id of a contact that is named by its id or its address."""
    if "@" not in contact:
        return contact
    page = await invoke(services, "GET", "/sites/{site}/contacts", site=site, query={"email": contact})
    if not page.data:
        raise NotFound(f"there is no contact {contact}", hint="“wherefrom contact find SITE --text …” looks for a part")
    return str(page.data[0].id)


def _list(page: dict[str, Any]) -> str:
    lines = [_line(one) for one in page["data"]]
    if page["total"] > len(lines):
        lines.append(f"{page['total']} in all")
    return "\n".join(lines) or "nobody"


def _line(one: dict[str, Any]) -> str:
    sums = "/".join(str(one[f"emails_{name}_count"]) for name in ("sent", "opened", "clicked"))
    flags = [name for name in ("unsubscribed", "suppressed") if one[name]]
    return f"{one['id']:<20} {sums:>12}  {one['email']} {one['name']} {' '.join(flags)}".rstrip()


def _details(told: dict[str, Any]) -> str:
    one = told["contact"]
    lines = [
        f"{one['email']} {one['name']}".rstrip(),
        f"  sent {one['emails_sent_count']}, opened {one['emails_opened_count']}"
        f", clicked {one['emails_clicked_count']}",
        f"  consent {one['consent']}, keeps {'everything' if one['mode'] == 'all' else 'the day of the last open'}",
    ]
    if one["unsubscribed"] or one["unsubscribed_lists"]:
        lines.append(f"  unsubscribed from {', '.join(one['unsubscribed_lists']) or 'all mail'}")
    if one["suppressed"]:
        lines.append(f"  not to be mailed: {', '.join(one['suppressed_for'])}")
    lines += [f"  {said['at'][:19]} {said['consent']} {said['method']} ({said['by']})" for said in told["consents"]]
    lines += [
        f"  {act['at'][:19]} {act['kind']:<7} {act['word']:<10} {act['subject'] or act['detail']}".rstrip()
        for act in told["activities"]
    ]
    return "\n".join(lines)
