"""Connecting a mailbox by signing in at its provider, in the browser.

    button ─▶ begin ─▶ a page that goes on to the provider ─▶ … ─▶ /oauth/callback/{provider} ─▶ setup

The sign-in belongs to the session it was begun in: what comes back in another browser connects nothing. One that was
begun on the command line or by the API ends here too, since providers know this one address; its owner is told what to
paste there. A page leads on, and not a redirect, because our pages' forms may post to ourselves alone.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wherefrom.console import session
from wherefrom.console.desk import Call, Desk, wanted
from wherefrom.console.setup import Outcome, setup_page
from wherefrom.errors import BadInput, WherefromError
from wherefrom.grants.ask import find_open
from wherefrom.inbox.connect import ConnectMailbox, begin, complete
from wherefrom.mail.oauth import Redirected, read_query
from wherefrom.services import Services
from wherefrom.tokens import hash_token

_BY_SESSION = "session "


async def connect_form(call: Call) -> Response:
    """Begins to connect the mailbox the form names."""
    fields = call.fields
    try:
        wish = ConnectMailbox(
            provider=wanted(fields, "provider"),
            username=wanted(fields, "username"),
            since=fields.get("since", "") or "new",
        )
        return await _lead_on(call, wish)
    except WherefromError as problem:
        return await setup_page(call, Outcome("connect", problem, fields))


async def connect_again_form(call: Call) -> Response:
    """Begins to connect a mailbox that is there anew, with whoever granted it before."""
    try:
        return await _lead_on(call, ConnectMailbox(mailbox=str(call.id("mailbox"))))
    except WherefromError as problem:
        return await setup_page(call, Outcome("connect", problem))


async def show_callback(desk: Desk, request: Request) -> Response:
    """Where providers send people back."""
    services, back = desk.services, read_query(request.query_params)
    reader = await session.find_reader(services, request)
    open_ = await find_open(services, back.state)
    if open_ is not None and open_.provider != request.path_params["provider"]:
        open_, back = None, Redirected()  # a code of one provider must not reach another (RFC 9700 4.4)
    if open_ is not None and not open_.holder.startswith(_BY_SESSION):
        return desk.pages.show("callback.html", pasted=str(request.url)[:20_000], problem=None)
    if reader is None:
        problem: WherefromError = BadInput(
            "this browser is not logged in, so the mailbox was not connected", hint="log in and connect it once more"
        )
        return desk.pages.show("callback.html", problem.status, pasted="", problem=problem)
    try:
        found = await complete(services, _holder(services, request), back.state, back)
    except WherefromError as error:
        return desk.pages.show("callback.html", error.status, pasted="", problem=error)
    return RedirectResponse(
        f"/sites/{found.site_id}/setup?connected={found.id}#mailboxes", 303, headers={"cache-control": "no-store"}
    )


async def _lead_on(call: Call, wish: ConnectMailbox) -> Response:
    asked = await begin(call.services, call.site.id, _holder(call.services, call.request), wish)
    return call.desk.pages.show("leave.html", url=asked.url)


def _holder(services: Services, request: Request) -> str:
    return _BY_SESSION + hash_token(session.session_token(services, request))
