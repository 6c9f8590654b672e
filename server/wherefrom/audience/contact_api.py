"""The management API of one contact: added, changed, its history and timeline, exported, erased."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from wherefrom.audience import change, timeline
from wherefrom.audience.export import export_contact
from wherefrom.audience.filter import LONGEST_LINK, check_text
from wherefrom.audience.people import with_flags
from wherefrom.audience.views import (
    ActivityPage,
    ErasedView,
    PersonExport,
    PersonPage,
    PersonView,
    SaidPage,
    activity_view,
    person_view,
    said_view,
)
from wherefrom.clock import from_ms, to_ms
from wherefrom.contacts import store
from wherefrom.contacts.api import parse_id_cursor
from wherefrom.contacts.change import AddContact, ChangeContact
from wherefrom.contacts.contact import Contact
from wherefrom.errors import BadInput
from wherefrom.outbound.store.activities import Place
from wherefrom.web.api import Call, Operation


class ListContacts(Struct, frozen=True, kw_only=True):
    """``email`` and ``reference`` keep those that are exactly so; ``cursor`` is the ``next_cursor`` of the page
    before."""

    email: str | None = None
    reference: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ListActivities(Struct, frozen=True, kw_only=True):
    """``cursor`` is the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: str | None = None


class ExportQuery(Struct, frozen=True, kw_only=True):
    """``letters``: also those that came from the contact's address."""

    letters: bool = False


class EraseQuery(Struct, frozen=True, kw_only=True):
    """``letters``: also those that came from the contact's address, with their files. The mailbox keeps its own."""

    letters: bool = False


async def _list(call: Call) -> PersonPage:
    query: ListContacts = call.query
    for name in ("email", "reference"):
        check_text(getattr(query, name) or "", name, LONGEST_LINK)
    async with call.services.db.read() as tx:
        found = await store.list_contacts(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=parse_id_cursor(query.cursor),
            email=None if query.email is None else query.email.strip().lower(),
            reference=query.reference,
        )
        people = await with_flags(tx, call.site_id, found[: query.limit])
    cursor = str(people[-1].contact.id) if len(found) > query.limit else None
    return PersonPage(data=[person_view(one) for one in people], next_cursor=cursor)


async def _add(call: Call) -> PersonView:
    return await _view(call, await change.add_contact(call.services, call.site_id, call.body, _by(call)))


async def _get(call: Call) -> PersonView:
    async with call.services.db.read() as tx:
        contact = await store.get_contact(tx, call.site_id, call.id("contact"))
    return await _view(call, contact)


async def _change(call: Call) -> PersonView:
    changed = await change.change_contact(call.services, call.site_id, call.id("contact"), call.body, _by(call))
    return await _view(call, changed)


async def _view(call: Call, contact: Contact) -> PersonView:
    async with call.services.db.read() as tx:
        return person_view((await with_flags(tx, call.site_id, [contact]))[0])


async def _consents(call: Call) -> SaidPage:
    async with call.services.db.read() as tx:
        contact = await store.get_contact(tx, call.site_id, call.id("contact"))
        return SaidPage(data=[said_view(one) for one in await store.list_said(tx, call.site_id, contact.id)])


async def _activities(call: Call) -> ActivityPage:
    query: ListActivities = call.query
    async with call.services.db.read() as tx:
        contact = await store.get_contact(tx, call.site_id, call.id("contact"))
        found = await timeline.list_moments(tx, contact, limit=query.limit + 1, before=parse_place(query.cursor))
    shown = found[: query.limit]
    cursor = write_place(shown[-1].at, shown[-1].id) if len(found) > query.limit else None
    return ActivityPage(data=[activity_view(one) for one in shown], next_cursor=cursor)


async def _export(call: Call) -> PersonExport:
    query: ExportQuery = call.query
    return await export_contact(call.services, call.site_id, call.id("contact"), letters=query.letters)


async def _erase(call: Call) -> ErasedView:
    query: EraseQuery = call.query
    done = await change.erase_contact(
        call.services, call.site_id, call.id("contact"), _by(call), own_letters=query.letters
    )
    return ErasedView(
        contact_id=str(done.contact_id),
        letters=done.letters,
        own_letters=done.own_letters,
        suppressions=done.suppressions,
    )


def write_place(at: datetime, id: int) -> str:
    """Where a page of a timeline ends, as a cursor."""
    return f"{to_ms(at)}-{id}"


def parse_place(cursor: str | None) -> Place | None:
    """The place of a cursor; None for none, BadInput for what was not given out here."""
    if not cursor:
        return None
    moment, _, id_ = cursor.partition("-")
    numbers = all(part.isascii() and part.isdecimal() and len(part) <= 19 for part in (moment, id_))
    if not numbers or len(moment) > 14 or int(id_) >> 63:
        raise BadInput(
            "this cursor was not given out here",
            hint="take next_cursor of the page before, or leave it out to begin with the newest",
            field="cursor",
        )
    return from_ms(int(moment)), int(id_)


def _by(call: Call) -> str:
    return f"key {call.holder.key_id}" if call.holder.key_id else "operator"


_CONTACTS = "/sites/{site}/contacts"
_CONTACT = _CONTACTS + "/{contact}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", _CONTACTS, "Add a contact", _add, body=AddContact, answer=PersonView, status=201, tag="contacts"
    ),
    Operation(
        "GET", _CONTACTS, "List contacts, the newest first", _list,
        query=ListContacts, answer=PersonPage, tag="contacts",
    ),
    Operation(
        "GET", _CONTACT, "A contact with what they opened and clicked, in sums", _get,
        answer=PersonView, tag="contacts",
    ),
    Operation(
        "PATCH", _CONTACT, "Change a contact: name, reference, consent, mode", _change,
        body=ChangeContact, answer=PersonView, tag="contacts",
    ),
    Operation(
        "DELETE", _CONTACT, "Erase a person: all that says who it was", _erase,
        query=EraseQuery, answer=ErasedView, tag="contacts",
    ),
    Operation(
        "GET", _CONTACT + "/consents", "What a contact agreed to, each change", _consents,
        answer=SaidPage, tag="contacts",
    ),
    Operation(
        "GET", _CONTACT + "/activities", "A contact's timeline, the newest first", _activities,
        query=ListActivities, answer=ActivityPage, tag="contacts",
    ),
    Operation(
        "GET", _CONTACT + "/export", "All that is kept of one person, as one document", _export,
        query=ExportQuery, answer=PersonExport, tag="contacts",
    ),
)  # fmt: skip
