"""``wherefrom endpoint …``"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wherefrom.cli.common import JsonOption, SettingsOption, invoke, show, with_services
from wherefrom.cli.target import SiteArgument
from wherefrom.errors import BadInput

if TYPE_CHECKING:
    from wherefrom.services import Services

app = typer.Typer(help="Webhooks: where each letter's JSON is posted.", no_args_is_help=True)

_ENDPOINTS = "/sites/{site}/endpoints"
_ENDPOINT = "/sites/{site}/endpoints/{endpoint}"

EndpointArgument = Annotated[str, typer.Argument(help="The endpoint's id; the only one if left out.")]
Url = Annotated[str | None, typer.Option(help="Where to post.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="standard or roistat.")]
EventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        help="What is told, once for each: message.received (alone, if none is named), send.delivered, send.failed, "
        "send.bounced, send.opened, send.clicked, send.unsubscribed, send.complained. Of sends in format standard.",
    ),
]
WhichOption = Annotated[
    str | None, typer.Option(help="matched (with a visit), all, first (of a thread), or matched_first.")
]
AutomaticOption = Annotated[bool | None, typer.Option("--automatic/--no-automatic", help="Automatic letters too.")]
JunkOption = Annotated[bool | None, typer.Option("--junk/--no-junk", help="Letters found in Junk too.")]
DealPathOption = Annotated[
    str | None, typer.Option(help="Where in the answer the deal number stands, for example deal.id.")
]
RateOption = Annotated[int | None, typer.Option(help="Posts a minute at most; 0 for no limit.")]


@app.command("add")
def add(
    site: SiteArgument,
    url: Annotated[str, typer.Argument(help="Where to post.")],
    format_: FormatOption = None,
    event: EventsOption = None,
    which: WhichOption = None,
    automatic: AutomaticOption = None,
    junk: JunkOption = None,
    deal_path: DealPathOption = None,
    per_minute: RateOption = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a webhook. Its signing secret is shown once."""
    body = {"url": url, **_named(format_, event, which, automatic, junk, deal_path, per_minute)}

    async def use(services: Services) -> Any:
        return await invoke(services, "POST", _ENDPOINTS, site=site, body=body)

    def words(endpoint: dict[str, Any]) -> str:
        added = f"endpoint {endpoint['url']} added, id {endpoint['id']}"
        secret = f"signing secret, shown only now: {endpoint['secret']}"
        return f"{added}\n{secret}\nNext: wherefrom endpoint test {site} {endpoint['id']}"

    show(with_services(settings, use), as_json, words)


@app.command("list")
def list_(site: SiteArgument, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the site's webhooks and how they stand."""

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", _ENDPOINTS, site=site)

    def words(page: dict[str, Any]) -> str:
        return "\n".join(map(_line, page["data"])) or f"no endpoint yet; add one: wherefrom endpoint add {site} URL"

    show(with_services(settings, use), as_json, words)


@app.command("set")
def set_(
    site: SiteArgument,
    endpoint: EndpointArgument = "",
    url: Url = None,
    format_: FormatOption = None,
    event: EventsOption = None,
    which: WhichOption = None,
    automatic: AutomaticOption = None,
    junk: JunkOption = None,
    deal_path: DealPathOption = None,
    per_minute: RateOption = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Switch it on (again), or pause it.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a webhook; what is not named stays."""
    body = _named(format_, event, which, automatic, junk, deal_path, per_minute)
    if url is not None:
        body["url"] = url
    if on is not None:
        body["status"] = "enabled" if on else "paused"
    if not body:
        raise BadInput("nothing was named that should change", hint="see wherefrom endpoint set --help")

    async def use(services: Services) -> Any:
        chosen = await _choose(services, site, endpoint)
        return await invoke(services, "PATCH", _ENDPOINT, site=site, endpoint=chosen, body=body)

    show(with_services(settings, use), as_json, _line)


@app.command("test")
def try_out(
    site: SiteArgument,
    endpoint: EndpointArgument = "",
    letter: Annotated[bool, typer.Option("--letter", help="Send a sample letter: the CRM makes a lead of it.")] = False,
    click: Annotated[bool, typer.Option("--click", help="Send a sample of send.clicked, in format standard.")] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Post a sample now and show request and answer. Exit status 1 when it is not accepted."""

    async def use(services: Services) -> Any:
        chosen = await _choose(services, site, endpoint)
        body = {"sample": "letter" if letter else "click" if click else "ping"}
        return await invoke(services, "POST", _ENDPOINT + "/test", site=site, endpoint=chosen, body=body)

    trial = with_services(settings, use)
    show(trial, as_json, _trial_words)
    if not trial.ok:
        raise typer.Exit(1)


@app.command("resend")
def resend(
    site: SiteArgument,
    delivery: Annotated[str, typer.Argument(help="One delivery's id; all that were given up if left out.")] = "",
    endpoint: Annotated[str, typer.Option(help="Of this endpoint only.")] = "",
    since: Annotated[str, typer.Option(help="Made at or after this moment: 2026-11-02T09:00:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Made before this moment.")] = "",
    status: Annotated[str, typer.Option(help="exhausted (given up), pending, delivered or any.")] = "exhausted",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send deliveries again: one, those of a span of time, or all that were given up."""
    named = {"endpoint": endpoint, "since": since, "until": until}
    body = {name: value for name, value in named.items() if value} | {"status": status}

    async def use(services: Services) -> Any:
        if delivery:
            path = "/sites/{site}/deliveries/{delivery}/resend"
            return await invoke(services, "POST", path, site=site, delivery=delivery)
        return await invoke(services, "POST", "/sites/{site}/deliveries/resend", site=site, body=body)

    def words(answer: dict[str, Any]) -> str:
        count = 1 if delivery else answer["count"]
        return f"{count} {'delivery is' if count == 1 else 'deliveries are'} due again; the service sends them"

    show(with_services(settings, use), as_json, words)


@app.command("deliveries")
def deliveries(
    site: SiteArgument,
    endpoint: Annotated[str, typer.Option(help="Of this endpoint only.")] = "",
    status: Annotated[str, typer.Option(help="pending, delivered, exhausted (given up) or cancelled.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most, up to 200.")] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, the newest first, and what came of each."""
    named = {"endpoint": endpoint, "status": status}
    query = {name: value for name, value in named.items() if value} | {"limit": limit}

    async def use(services: Services) -> Any:
        return await invoke(services, "GET", "/sites/{site}/deliveries", site=site, query=query)

    def words(page: dict[str, Any]) -> str:
        return "\n".join(map(_delivery_line, page["data"])) or "no such delivery"

    show(with_services(settings, use), as_json, words)


@app.command("secret")
def secret(
    site: SiteArgument,
    endpoint: EndpointArgument = "",
    overlap_hours: Annotated[int, typer.Option(help="Hours the old secret signs beside the new one.")] = 24,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new signing secret. It is shown once."""

    async def use(services: Services) -> Any:
        chosen = await _choose(services, site, endpoint)
        body = {"overlap_hours": overlap_hours}
        return await invoke(services, "POST", _ENDPOINT + "/secret", site=site, endpoint=chosen, body=body)

    def words(changed: dict[str, Any]) -> str:
        until = changed["old_secret_until"]
        old = f"the old one signs beside it until {until}" if until else "the old one is worthless now"
        return f"signing secret, shown only now: {changed['secret']}\n{old}"

    show(with_services(settings, use), as_json, words)


@app.command("remove")
def remove(
    site: SiteArgument,
    endpoint: Annotated[str, typer.Argument(help="The endpoint's id.")],
    settings: SettingsOption = None,
) -> None:
    """Remove a webhook and call off what waits for it."""

    async def use(services: Services) -> Any:
        return await invoke(services, "DELETE", _ENDPOINT, site=site, endpoint=endpoint)

    with_services(settings, use)
    typer.echo(f"endpoint {endpoint} removed")


def _named(
    format_: str | None, events: list[str] | None, which: str | None, automatic: bool | None, junk: bool | None,
    deal_path: str | None, per_minute: int | None,
) -> dict[str, Any]:  # fmt: skip
    values = {
        "format": format_, "events": events or None, "which": which, "automatic": automatic, "junk": junk,
        "deal_path": deal_path, "per_minute": per_minute,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value is not None}


async def _choose(services: Services, site: str, endpoint: str) -> str:
    """``endpoint``, or the only one the site has."""
    if endpoint:
        return endpoint
    page = await invoke(services, "GET", _ENDPOINTS, site=site)
    if len(page.data) != 1:
        raise BadInput(
            f"the site has {len(page.data)} endpoints", hint=f"name one by its id: wherefrom endpoint list {site}"
        )
    return str(page.data[0].id)


def _line(one: dict[str, Any]) -> str:
    state = one["status"] if one["breaker"] == "closed" else f"{one['status']}, breaker {one['breaker']}"
    line = f"{one['id']:<20} {one['format']:<9} {state:<8} {one['url']}"
    if one["waiting"]:
        line += f"  ({one['waiting']} waiting)"
    return line + (f"\n{'':20} {one['status_reason']}" if one["status_reason"] else "")


def _delivery_line(one: dict[str, Any]) -> str:
    last = one["last_attempt"]
    answer = "not tried yet" if last is None else last["error"] or f"answered {last['status_code']}"
    tries = f"{one['attempts']} {'try' if one['attempts'] == 1 else 'tries'}"
    again = f", again at {one['next_at']}" if one["next_at"] else ""
    return f"{one['id']:<20} {one['created_at']}  {one['status']:<9} {_subject(one)}: {tries}, {answer}{again}"


def _subject(one: dict[str, Any]) -> str:
    """What a delivery tells: ``letter 7``, or ``send 7 opened``."""
    thing, _, happened = one["event_type"].partition(".")
    return f"letter {one['subject_id']}" if thing == "message" else f"{thing} {one['subject_id']} {happened}"


def _trial_words(trial: dict[str, Any]) -> str:
    request, answer = trial["request"], trial["answer"]
    lines = [f"POST {request['url']}", *_exchange(request), ""]
    if answer is not None:
        lines += [f"answered {answer['status_code']} in {trial['milliseconds']} ms", *_exchange(answer), ""]
    if trial["deal_number"]:
        lines.append(f"The deal number of a letter would be {trial['deal_number']}.")
    remark = f": {trial['words']}" if trial["words"] else ""
    lines.append(f"accepted{remark}" if trial["ok"] else f"NOT ACCEPTED{remark}")
    if trial["hint"]:
        lines.append(f"try: {trial['hint']}")
    return "\n".join(lines)


def _exchange(side: dict[str, Any]) -> list[str]:
    """Headers and body of one side; JSON laid out to be read."""
    try:
        body = json.dumps(json.loads(side["body"]), indent=2, ensure_ascii=False)
    except ValueError:
        body = side["body"]
    return [
        *(f"  {one['name']}: {one['value']}" for one in side["headers"]),
        "",
        *(f"  {x}" for x in body.splitlines()),
    ]
