"""The management API of contacts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from wherefrom.contacts import store
from wherefrom.contacts.contact import (
    LONGEST_METHOD,
    LONGEST_NAME,
    LONGEST_REFERENCE,
    Consent,
    Contact,
    Mode,
    parse_email,
    parse_line,
)
from wherefrom.errors import BadInput
from wherefrom.web.api import Call, Operation


class AddContact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``consent_method``: how it was said, in your words ("form on /newsletter")."""

    email: str
    name: str = ""
    reference: str = ""
    consent: Consent = "unknown"
    consent_method: str = ""
    mode: Mode = "all"


class ChangeContact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is. ``consent`` "denied" ends the measuring of letters sent before, too; ``mode``
    "open_date" keeps of all the person does the day of the last open alone."""

    name: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    consent: Consent | UnsetType = UNSET
    consent_method: str | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET


class ListContacts(Struct, frozen=True, kw_only=True):
    """``email`` and ``reference`` keep those that are exactly so; ``cursor`` is the ``next_cursor`` of the page
    before."""

    email: str | None = None
    reference: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ContactView(Struct, frozen=True, kw_only=True):
    """``emails_opened_count`` and ``emails_clicked_count`` count letters that a person opened or clicked in, once each;
    machines are not counted. Of mode "open_date" ``last_email_opened_at`` is the beginning (UTC) of the day."""

    id: str
    email: str
    name: str
    reference: str
    consent: Consent
    consent_at: datetime | None
    consent_method: str
    mode: Mode
    emails_sent_count: int
    emails_opened_count: int
    emails_clicked_count: int
    last_email_sent_at: datetime | None
    last_email_opened_at: datetime | None
    last_email_clicked_at: datetime | None
    created_at: datetime


class ContactPage(Struct, frozen=True, kw_only=True):
    data: list[ContactView]
    next_cursor: str | None = None


async def _add(call: Call) -> ContactView:
    body: AddContact = call.body
    now = call.services.clock.now()
    new = Contact(
        site_id=call.site_id,
        id=call.services.ids.next(),
        email=parse_email(body.email),
        name=parse_line(body.name, "name", LONGEST_NAME),
        reference=parse_line(body.reference, "reference", LONGEST_REFERENCE),
        consent=body.consent,
        consent_at=None if body.consent == "unknown" else now,
        consent_method=parse_line(body.consent_method, "consent_method", LONGEST_METHOD),
        mode=body.mode,
        created_at=now,
    )
    async with call.services.db.write() as tx:
        await store.append_contact(tx, new)
    return view(new)


async def _change(call: Call) -> ContactView:
    body: ChangeContact = call.body
    async with call.services.db.write() as tx:
        known = await store.get_contact(tx, call.site_id, call.id("contact"))
        changed = _changed(known, body, call.services.clock.now())
        await store.replace_contact(tx, changed)
    return view(changed)


def _changed(known: Contact, body: ChangeContact, now: datetime) -> Contact:
    changed = known
    if body.name is not UNSET:
        changed = replace(changed, name=parse_line(body.name, "name", LONGEST_NAME))
    if body.reference is not UNSET:
        changed = replace(changed, reference=parse_line(body.reference, "reference", LONGEST_REFERENCE))
    if body.mode is not UNSET:
        changed = replace(changed, mode=body.mode)
    if body.consent is not UNSET:
        method = "" if body.consent_method is UNSET else body.consent_method
        if (body.consent, method) != (known.consent, known.consent_method):  # saying the same again moves no time
            line = parse_line(method, "consent_method", LONGEST_METHOD)
            changed = replace(changed, consent=body.consent, consent_at=now, consent_method=line)
    elif body.consent_method is not UNSET:
        raise BadInput("consent_method says how consent was given: name consent, too", field="consent")
    return changed


async def _get(call: Call) -> ContactView:
    async with call.services.db.read() as tx:
        return view(await store.get_contact(tx, call.site_id, call.id("contact")))


async def _list(call: Call) -> ContactPage:
    query: ListContacts = call.query
    async with call.services.db.read() as tx:
        found = await store.list_contacts(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=parse_id_cursor(query.cursor),
            email=None if query.email is None else query.email.strip().lower(),
            reference=query.reference,
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return ContactPage(data=[view(one) for one in shown], next_cursor=cursor)


def parse_id_cursor(cursor: str | None) -> int | None:
    """A cursor that is the last id shown; BadInput for what was not given out here."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 19 and int(cursor) < 2**63):
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin with the newest",
            field="cursor",
        )
    return int(cursor)


def view(one: Contact) -> ContactView:
    """The contact as the API shows it."""
    own = {"id", "last_email_opened_at"}
    same = {name: getattr(one, name) for name in ContactView.__struct_fields__ if name not in own}
    return ContactView(id=str(one.id), last_email_opened_at=one.opened_at, **same)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites/{site}/contacts", "Add a contact", _add,
        body=AddContact, answer=ContactView, status=201, tag="contacts",
    ),
    Operation(
        "GET", "/sites/{site}/contacts", "List contacts, the newest first", _list,
        query=ListContacts, answer=ContactPage, tag="contacts",
    ),
    Operation(
        "GET", "/sites/{site}/contacts/{contact}", "A contact with what they opened and clicked, in sums", _get,
        answer=ContactView, tag="contacts",
    ),
    Operation(
        "PATCH", "/sites/{site}/contacts/{contact}", "Change a contact: name, reference, consent, mode", _change,
        body=ChangeContact, answer=ContactView, tag="contacts",
    ),
)  # fmt: skip
