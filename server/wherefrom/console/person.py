"""One contact: who it is, what it agreed to, whether it may be mailed, all that happened, and forgetting it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.responses import RedirectResponse, Response

from wherefrom.audience.change import change_contact, erase_contact
from wherefrom.audience.contact_api import parse_place, write_place
from wherefrom.audience.export import export_contact
from wherefrom.audience.people import with_flags
from wherefrom.audience.timeline import Moment, list_moments
from wherefrom.console.desk import Call, wanted
from wherefrom.console.page import HEADERS
from wherefrom.console.people import flag_words
from wherefrom.console.setup import convert_form
from wherefrom.console.words import UTC_ZONE, channel_words
from wherefrom.contacts.change import ChangeContact
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import get_contact, list_said
from wherefrom.db import Tx
from wherefrom.errors import BadInput, WherefromError
from wherefrom.outbound.store.suppressions import get_suppression, list_suppressions, mark_undone
from wherefrom.outbound.suppression import Suppression

ON_A_PAGE = 50
_MOST_SUPPRESSIONS = 50
_LONGEST_BY = 80
CONSENTS = (("unknown", "Never asked"), ("granted", "Agreed"), ("denied", "Does not agree"))
MODES = (("all", "Opens and clicks, each"), ("open_date", "Only the day of the last open"))
_CONSENT_WORDS = dict(CONSENTS)
_REASONS = {
    "unsubscribed": "Unsubscribed", "complained": "Reported mail as spam", "bounced": "Mail came back for good",
    "manual": "Set by the owner",
}  # fmt: skip
_DECIDED = {
    "person": "the person", "mailbox": "a report in a mailbox", "server": "their mail server", "api": "a notice",
}  # fmt: skip
_VERDICTS = {
    "human": ("by a person", ""), "proxy": ("by a person, through their provider", ""),
    "prefetch": ("by a machine, ahead of the reader", "machine"), "scanner": ("by a scanner", "machine"),
    "unknown": ("by nobody knows whom", "machine"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the timeline. ``href`` leads to the letter; ``kind`` draws it."""

    at: Any
    kind: str
    headline: str
    words: str
    detail: str
    href: str = ""


async def show_person(call: Call) -> Response:
    """The page. ``?cursor=`` shows what happened before."""
    return await _page(call, None)


async def change_form(call: Call) -> Response:
    """Sets name, own reference, consent, how it was said, and how much is kept; a field that is missing stays."""
    fields = call.fields
    given = {name: fields[name] for name in ("name", "reference", "consent", "mode") if name in fields}
    if "consent" in given:
        given["consent_method"] = fields.get("consent_method", "")
    try:
        wish = convert_form(given, ChangeContact)
        if wish.consent is not UNSET and not (fields.get("consent_method") or "").strip():
            wish = await _same_method(call, wish)
        await change_contact(call.services, call.site.id, call.id("contact"), wish, call.reader.user.email)
    except WherefromError as problem:
        return await _page(call, problem)
    return _back(call, "?saved=1#consent")


async def _same_method(call: Call, wish: ChangeContact) -> ChangeContact:
    """A form that leaves the consent as it was says nothing new about how it was given."""
    async with call.services.db.read() as tx:
        known = await get_contact(tx, call.site.id, call.id("contact"))
    if known.consent != wish.consent:
        return wish
    return msgspec.structs.replace(wish, consent=UNSET, consent_method=UNSET)


async def undo_form(call: Call) -> Response:
    """Lets the address be mailed again, as far as one suppression goes."""
    now, by = call.services.clock.now(), call.reader.user.email[:_LONGEST_BY]
    async with call.services.db.write() as tx:
        contact = await get_contact(tx, call.site.id, call.id("contact"))
        one = await get_suppression(tx, call.site.id, call.id("suppression"))
        if one.email != contact.email:
            raise BadInput("this suppression is of another address", hint="open that contact")
        await mark_undone(tx, call.site.id, one.id, now, by)
    return _back(call, "#mail")


async def serve_export(call: Call) -> Response:
    """All that is kept of the person, as a file. ``?letters=1``: with the letters that came from the address."""
    letters = bool(call.request.query_params.get("letters"))
    told = await export_contact(call.services, call.site.id, call.id("contact"), letters=letters)
    name = f"contact-{call.id('contact')}.json"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    body = msgspec.json.format(msgspec.json.encode(told), indent=2)
    return Response(body, headers=headers, media_type="application/json")


async def erase_form(call: Call) -> Response:
    """Erases the person. The address has to be typed, so that nobody does it by a slip of the hand."""
    async with call.services.db.read() as tx:
        contact = await get_contact(tx, call.site.id, call.id("contact"))
    try:
        if wanted(call.fields, "email").strip().lower() != contact.email:
            raise BadInput(
                "this is not the contact's address, nothing was erased",
                hint=f"type {contact.email} to confirm",
                field="email",
            )
    except WherefromError as problem:
        return await _page(call, problem, "erase")
    own_letters = call.fields.get("letters") == "on"
    await erase_contact(call.services, call.site.id, contact.id, call.reader.user.email, own_letters=own_letters)
    return RedirectResponse(f"/sites/{call.site.id}/contacts?erased=1", 303)


def _back(call: Call, where: str) -> Response:
    return RedirectResponse(f"/sites/{call.site.id}/contacts/{call.id('contact')}{where}", 303)


async def _page(call: Call, problem: WherefromError | None, form: str = "consent") -> Response:
    cursor = call.request.query_params.get("cursor") if call.request.method == "GET" else None
    async with call.services.db.read() as tx:
        contact = await get_contact(tx, call.site.id, call.id("contact"))
        ((_, flags),) = [(one.contact, one.flags) for one in await with_flags(tx, call.site.id, [contact])]
        context = await _history(call, tx, contact, cursor)
    here = f"/sites/{call.site.id}/contacts/{contact.id}"
    answer = call.show(
        "person.html",
        "contacts",
        contact=contact,
        flags=flag_words(flags),
        here=here,
        consents=CONSENTS,
        modes=MODES,
        consent_words=_CONSENT_WORDS,
        utc_zone=UTC_ZONE,
        problem=problem,
        form=form,
        saved=bool(call.request.query_params.get("saved")) and problem is None,
        first_page=not cursor,
        **context,
    )
    answer.status_code = problem.status if problem else 200
    return answer


async def _history(call: Call, tx: Tx, contact: Contact, cursor: str | None) -> dict[str, Any]:
    found = await list_moments(tx, contact, limit=ON_A_PAGE + 1, before=parse_place(cursor))
    shown = found[:ON_A_PAGE]
    barred = await list_suppressions(tx, call.site.id, limit=_MOST_SUPPRESSIONS, email=contact.email)
    return {
        "lines": [_line(call, one) for one in shown],
        "after": write_place(shown[-1].at, shown[-1].id) if len(found) > ON_A_PAGE else "",
        "said": await list_said(tx, call.site.id, contact.id),
        "active": [(one, _bar_words(one)) for one in barred if one.undone_at is None],
        "past": [(one, _bar_words(one)) for one in barred if one.undone_at is not None],
    }


def _bar_words(one: Suppression) -> str:
    return f"{_REASONS.get(one.reason, one.reason)}, {f'list {one.scope}' if one.scope else 'all mail'}"


def _line(call: Call, one: Moment) -> Line:
    subject = one.subject or "(no subject)"
    if one.kind == "letter":
        words = f"from visit {one.visit_id}" if one.visit_id else "visit not known"
        return Line(
            one.at, "letter", "Wrote to you", subject, words, f"/sites/{call.site.id}/messages/{one.message_id}"
        )
    if one.kind == "visit":
        return Line(one.at, "visit", f"Came to the site, visit {one.visit_id}", channel_words(one.word), one.detail)
    if one.kind == "consent":
        return Line(one.at, "consent", "Consent", _consent_line(one.word), one.detail)
    if one.kind in ("ended", "again"):
        headline = "Mail ended" if one.kind == "ended" else "Mail allowed again"
        scope = f"list {one.subject}" if one.subject else "all mail"
        by = f"by {_DECIDED.get(one.detail, one.detail)}" if one.detail else ""
        return Line(one.at, one.kind, headline, f"{scope}, {_REASONS.get(one.word, one.word).lower()}", by)
    if one.kind == "notice":
        return Line(one.at, "notice", one.word.capitalize(), subject, one.detail)
    if one.kind == "sent":
        return Line(one.at, "sent", "Letter sent", subject, "")
    words, machine = _VERDICTS.get(one.word, (one.word, ""))
    did = "Opened" if one.kind == "open" else "Clicked"
    return Line(one.at, machine or one.kind, did, f"{subject}, {words}", one.detail)


def _consent_line(word: str) -> str:
    consent, _, mode = word.partition(", ")
    return _CONSENT_WORDS.get(consent, consent) + (f", {mode}" if mode else "")
