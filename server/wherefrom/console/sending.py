"""The sending account of the setup page: set, tried, removed, and its DKIM keys made and removed.

Each form does what the management API does, by the same use cases. What the API alone sets (connections, a file of
certificates) stays as it is; a file of certificates goes with the server it was for.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from wherefrom.addresses import ascii_hostname
from wherefrom.console.desk import Call, wanted
from wherefrom.console.page import HEADERS, is_fragment
from wherefrom.console.sending_account import make_trial, read_sending
from wherefrom.console.setup import Outcome, back_to_setup, convert_form, setup_page
from wherefrom.errors import BadInput, NotFound, WherefromError
from wherefrom.inbox.store.mailboxes import list_mailboxes
from wherefrom.outbound import sender
from wherefrom.outbound.sender import AddKey, SetSender
from wherefrom.outbound.sender_trial import try_sender
from wherefrom.outbound.store.senders import Sender, find_sender
from wherefrom.substitution.store.targets import list_targets

_HERE = "?sending=set#sending"


async def set_sender_form(call: Call) -> Response:
    """Sets the account. A password left empty stays as it is."""
    fields = {name: value for name, value in call.fields.items() if name != "password"}
    try:
        async with call.services.db.read() as tx:
            old = await find_sender(tx, call.site.id)
        await sender.set_sender(call.services, call.site.id, _wish(call.fields, old))
    except WherefromError as problem:
        return await setup_page(call, Outcome("sender", problem, fields))
    return back_to_setup(call, _HERE)


async def test_sender_form(call: Call) -> Response:
    """Connects, logs in, asks whether the from address may send, and says in words what works. No letter is sent."""
    fragment = is_fragment(call.request)
    try:
        trial = make_trial(await try_sender(call.services, call.site.id))
    except NotFound:
        if fragment:  # what is shown is out of date
            return Response(headers={**HEADERS, "hx-refresh": "true"})
        return await setup_page(call, Outcome("sender", _gone()))
    if not fragment:
        return await setup_page(call, Outcome("sender-test", sender_trial=trial))
    async with call.services.db.read() as tx:
        mailboxes, targets = await list_mailboxes(tx, call.site.id), await list_targets(tx, call.site.id)
        sending = await read_sending(tx, call.site.id, call.services.clock.now(), mailboxes, targets)
    part = call.desk.pages.render("sender_trial.html", diagnosis=trial, sending=sending, zone=call.reader.zone)
    return Response(part, headers=HEADERS, media_type="text/html")


async def remove_sender_form(call: Call) -> Response:
    """Removes the account, when somebody has said that they are sure of it."""
    try:
        _make_sure(call.fields, "the account stays")
        await sender.remove_sender(call.services, call.site.id)
    except NotFound:
        pass  # somebody else was faster
    except WherefromError as problem:
        return await setup_page(call, Outcome("sender-remove", problem))
    return back_to_setup(call, "?sending=removed#sending")


async def add_key_form(call: Call) -> Response:
    """Makes a DKIM key; the page that follows shows what is to be published."""
    fields = call.fields
    try:
        given = {
            "selector": fields.get("selector", "").strip() or "wherefrom",
            "algorithm": fields.get("algorithm", "rsa"),
        }
        await sender.add_key(call.services, call.site.id, convert_form(given, AddKey))
    except NotFound:
        return await setup_page(call, Outcome("sender", _gone()))
    except WherefromError as problem:
        return await setup_page(call, Outcome("sender-key", problem, fields))
    return back_to_setup(call, "#sending")


async def remove_key_form(call: Call) -> Response:
    """Signs with a key no more, when somebody has said that they are sure of it."""
    try:
        _make_sure(call.fields, "the key stays")
        await sender.remove_key(call.services, call.site.id, wanted(call.fields, "selector"))
    except NotFound:
        pass  # somebody else was faster
    except WherefromError as problem:
        return await setup_page(call, Outcome("sender-key", problem))
    return back_to_setup(call, "#sending")


def _wish(fields: Mapping[str, str], old: Sender | None) -> SetSender:
    host = wanted(fields, "host")
    same_host = old is not None and old.host == (ascii_hostname(host) or host)
    wish: SetSender = convert_form(
        {
            "host": host,
            "port": _number(fields, "port", 65_535),
            "security": fields.get("security", "starttls"),
            "username": fields.get("username", ""),
            "password": fields.get("password") or None,
            "from_address": wanted(fields, "from_address"),
            "from_name": fields.get("from_name", ""),
            "bounce_address": fields.get("bounce_address", ""),
            "per_hour": _number(fields, "per_hour", 1_000_000),
            "connections": old.connections if old is not None else 2,
            "ca_file": old.ca_file if old is not None and same_host else "",
        },
        SetSender,
    )
    return wish


def _number(fields: Mapping[str, str], name: str, most: int) -> int | None:
    """None for an empty field; BadInput for what is no number from 1 to ``most``."""
    text = fields.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 7 and 1 <= int(text) <= most):
        raise BadInput(f"{name} “{text[:40]}” is no number from 1 to {most}", hint="or leave it empty", field=name)
    return int(text)


def _make_sure(fields: Mapping[str, str], otherwise: str) -> None:
    if fields.get("sure") != "1":
        raise BadInput(f"nothing was removed, {otherwise}", hint="tick the box to confirm", field="sure")


def _gone() -> NotFound:
    return NotFound("the account was removed meanwhile", hint="set one below")
