"""Setting a site up, and seeing what is not well: script, addresses, exempt pages, consent, mailboxes, webhooks, the
sending account, hits that were dropped. The forms of webhooks are in ``receivers.py``, those of the account in
``sending.py``.

Each form does what the management API does, by the same use cases. A form that is refused comes back with its fields
as they were (but for passwords) and the reason beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from wherefrom.console import checkup
from wherefrom.console.desk import Call, wanted
from wherefrom.console.old_mail import read_line
from wherefrom.console.page import HEADERS, is_fragment
from wherefrom.console.sending_account import Trial, read_sending
from wherefrom.db import Tx
from wherefrom.errors import BadInput, WherefromError
from wherefrom.grants.client import list_offers
from wherefrom.grants.store import list_grants
from wherefrom.inbox.mailbox import AddMailbox, add_mailbox, test_mailbox
from wherefrom.inbox.store.mailboxes import Mailbox, list_mailboxes
from wherefrom.outbound.sender import MOST_KEYS
from wherefrom.sites.add import set_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.lease import SubstituteStatus, Terms
from wherefrom.substitution.store.substitutes import count_pool
from wherefrom.substitution.store.targets import list_targets
from wherefrom.substitution.target import Options, Target
from wherefrom.substitution.use import read_pool_use
from wherefrom.visits.script import script_tag
from wherefrom.visits.store import find_last_seen, list_drops
from wherefrom.webhooks.store.endpoints import list_endpoints, list_given_up, list_waiting
from wherefrom.webhooks.views import TrialView

_DROP_DAYS = 7
_PAST = (
    ("new", "are left alone"),
    ("30", "of the last 30 days are read"),
    ("365", "of the last year are read"),
    ("all", "are all read"),
)


class Outcome(msgspec.Struct, frozen=True):
    """What the last form led to. ``form`` is its name; ``secret`` is shown this once. ``trial`` and ``secret``
    may be of the endpoint ``endpoint_id``."""

    form: str = ""
    problem: WherefromError | None = None
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    secret: str = ""
    diagnosis: checkup.Result | None = None
    trial: TrialView | None = None
    endpoint_id: int = 0
    folders: checkup.FolderForm | None = None
    sender_trial: Trial | None = None


async def show_setup(call: Call) -> Response:
    """The page."""
    return await setup_page(call, Outcome())


async def set_enabled(call: Call) -> Response:
    """Switches substitution for the site on or off."""
    await set_site(call.services, call.site.id, enabled=wanted(call.fields, "enabled") == "on")
    return back_to_setup(call)


async def set_options(call: Call) -> Response:
    """Sets where the real address stands, what a substitute stands for, and what is shown without consent. A line of
    the paths that is empty says nothing."""
    fields = call.fields
    rules = [line for line in fields.get("off_paths", "").splitlines() if line.strip()]
    try:
        await set_site(
            call.services,
            call.site.id,
            off_paths=rules,
            mode=wanted(fields, "mode"),
            without_consent=wanted(fields, "without_consent"),
        )
    except WherefromError as problem:
        return await setup_page(call, Outcome("options", problem, fields))
    return back_to_setup(call, "?saved=1#pages")


async def add_target_form(call: Call) -> Response:
    """Adds an address to be substituted."""
    fields = call.fields
    options = Options(
        strategy=fields.get("strategy", "plus"),  # checked by the use case
        separator=fields.get("separator") or None if fields.get("strategy", "plus") == "plus" else None,
        domain=fields.get("domain") or None if fields.get("strategy") == "catchall" else None,
    )
    pool = fields.get("pool", "") if fields.get("strategy") == "pool" else ""
    try:
        await add_target(call.services, call.site.id, wanted(fields, "address"), options, pool)
    except WherefromError as problem:
        return await setup_page(call, Outcome("target", problem, fields))
    return back_to_setup(call, "#addresses")


async def add_mailbox_form(call: Call) -> Response:
    """Connects a mailbox; it is read from this moment on, and old mail as far back as is asked for."""
    fields = {name: value for name, value in call.fields.items() if name != "password"}
    try:
        wish = convert_form(
            {
                "host": wanted(fields, "host"),
                "username": wanted(fields, "username"),
                "password": wanted(call.fields, "password"),
                "security": fields.get("security", "tls"),
                "port": fields.get("port", "").strip() or _usual_port(fields.get("security", "tls")),
                "since": fields.get("since", "") or "new",
            },
            AddMailbox,
        )
        await add_mailbox(call.services, call.site.id, wish)
    except WherefromError as problem:
        return await setup_page(call, Outcome("mailbox", problem, fields))
    return back_to_setup(call, "#mailboxes")


async def test_mailbox_form(call: Call) -> Response:
    """Connects to the mailbox step by step and says in words what works."""
    mailbox_id = call.id("mailbox")
    result = checkup.make_result(mailbox_id, await test_mailbox(call.services, call.site.id, mailbox_id))
    if is_fragment(call.request):
        return Response(
            call.desk.pages.render("diagnosis.html", diagnosis=result), headers=HEADERS, media_type="text/html"
        )
    return await setup_page(call, Outcome("test", diagnosis=result))


def back_to_setup(call: Call, where: str = "") -> Response:
    """To the page by GET, so that loading it again repeats nothing."""
    return RedirectResponse(f"/sites/{call.site.id}/setup{where}", 303)


async def setup_page(call: Call, outcome: Outcome) -> Response:
    """The page after a form; with the problem's status when there is one."""
    async with call.services.db.read() as tx:
        context = await _state(call, tx)
    answer = call.show(
        "setup.html",
        "setup",
        outcome=outcome,
        snippet=script_tag(call.services.settings, call.site.key),
        steady_snippet=script_tag(call.services.settings, call.site.key, before_paint=True),
        resent=call.request.query_params.get("resent", "") if call.request.method == "GET" else "",
        told=call.request.query_params.get("told", "") if call.request.method == "GET" else "",
        sending_told=call.request.query_params.get("sending", "") if call.request.method == "GET" else "",
        saved=bool(call.request.query_params.get("saved")),
        **context,
    )
    answer.status_code = outcome.problem.status if outcome.problem else 200
    return answer


async def _state(call: Call, tx: Tx) -> dict[str, Any]:
    site_id, now, settings = call.site.id, call.services.clock.now(), call.services.settings
    targets = await list_targets(tx, site_id)
    pools = {}
    if any(one.strategy == "pool" for one in targets):
        pools = await count_pool(tx, site_id, now, Terms.of(settings).cool_before(now))
    mailboxes = await list_mailboxes(tx, site_id)
    offers = list_offers(settings)
    names = {one.key: one.name for one in offers}
    providers = {key: names.get(one.provider, "its provider") for key, one in (await list_grants(tx, site_id)).items()}
    endpoints = await list_endpoints(tx, site_id)
    waiting, given_up = await list_waiting(tx, site_id), await list_given_up(tx, site_id)
    since = (now - timedelta(days=_DROP_DAYS - 1)).date().isoformat()
    seen_at = await find_last_seen(tx, site_id)
    return {
        "seen_at": seen_at,
        "targets": [await _target_line(call, tx, one, pools.get(one.id, {})) for one in targets],
        "offers": offers,
        "past": _PAST,
        "connected": bool(call.request.query_params.get("connected")),
        "mailboxes": [await _mailbox_line(tx, one, providers) for one in mailboxes],
        "endpoints": [
            checkup.endpoint_line(one, waiting.get(one.id, 0), given_up.get(one.id, 0), now) for one in endpoints
        ],
        "event_words": checkup.EVENT_WORDS,
        "sending": await read_sending(tx, site_id, now, mailboxes, targets),
        "most_keys": MOST_KEYS,
        "drops": checkup.sum_drops(await list_drops(tx, site_id, since)),
        "needs": checkup.list_needs(seen_at, targets, mailboxes, endpoints),
    }


async def _mailbox_line(tx: Tx, one: Mailbox, providers: Mapping[int, str]) -> checkup.MailLine:
    line = await read_line(tx, one)
    return checkup.signed_in(line, providers[one.id]) if one.id in providers else line


async def _target_line(call: Call, tx: Tx, one: Target, pool: dict[SubstituteStatus, int]) -> checkup.Line:
    line = checkup.target_line(one, pool)
    if one.strategy != "pool" or not one.enabled:
        return line
    if call.site.mode == "source":
        return checkup.rest_pool(line)
    return checkup.with_use(line, await read_pool_use(tx, call.services, one, pool))


def convert_form(values: Mapping[str, Any], shape: type[Any]) -> Any:
    """A form's text in the shape the use case wants; BadInput names the field."""
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"the form does not fit: {error}") from None


def _usual_port(security: str) -> str:
    return "993" if security == "tls" else "143"
