"""All SQL of the contacts room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, case, delete, or_, select, update

from wherefrom.contacts.contact import Contact, Counts, Said
from wherefrom.contacts.tables import consent, contact
from wherefrom.db import Moment, Prepared, Tx, insert
from wherefrom.errors import Conflict, NotFound

_COLUMNS = tuple(column.name for column in contact.c)
_AT: BindParameter[datetime] = bindparam("at", type_=Moment())
_SITE: BindParameter[int] = bindparam("of_site")
_OWN = (contact.c.site_id == _SITE, contact.c.id == bindparam("of_id"))
_LAST = contact.c.last_email_sent_at
_FIND = Prepared(select(contact).where(*_OWN))
_LOCK = Prepared(select(contact).where(*_OWN).with_for_update())
_FIND_BY_EMAIL = Prepared(select(contact).where(contact.c.site_id == _SITE, contact.c.email == bindparam("of_email")))
_COUNT_SENT = Prepared(
    update(contact)
    .where(*_OWN)
    .values(
        emails_sent_count=contact.c.emails_sent_count + 1,
        last_email_sent_at=case((or_(_LAST.is_(None), _LAST < _AT), _AT), else_=_LAST),
    )
)
_COUNT = Prepared(
    update(contact)
    .where(*_OWN)
    .values(
        emails_opened_count=bindparam("opened"),
        emails_clicked_count=bindparam("clicked"),
        last_email_opened_at=bindparam("last_opened_at"),
        last_email_clicked_at=bindparam("last_clicked_at"),
    )
)
_CHANGEABLE = ("name", "reference", "consent", "consent_at", "consent_method", "mode")


async def find_contact(tx: Tx, site_id: int, contact_id: int) -> Contact | None:
    return _first(await tx.fetch(_FIND, {"of_site": site_id, "of_id": contact_id}))


async def find_contact_by_email(tx: Tx, site_id: int, email: str) -> Contact | None:
    """``email`` in the form of ``contact.parse_email``."""
    return _first(await tx.fetch(_FIND_BY_EMAIL, {"of_site": site_id, "of_email": email}))


async def get_contact(tx: Tx, site_id: int, contact_id: int) -> Contact:
    """NotFound when the site has no such contact."""
    found = await find_contact(tx, site_id, contact_id)
    if found is None:
        raise NotFound(f"there is no contact {contact_id}", hint="GET …/contacts?email=… finds a contact by address")
    return found


async def lock_contact(tx: Tx, site_id: int, contact_id: int) -> Contact | None:
    """As ``find_contact``, and keeps other writers off the row until the end of the transaction."""
    return _first(await tx.fetch(_LOCK, {"of_site": site_id, "of_id": contact_id}))


async def list_contacts(
    tx: Tx,
    site_id: int,
    *,
    limit: int,
    before: int | None = None,
    email: str | None = None,
    reference: str | None = None,
) -> list[Contact]:
    """The newest first, those with a lower id than ``before``."""
    query = select(contact).where(contact.c.site_id == site_id)
    if before is not None:
        query = query.where(contact.c.id < before)
    if email is not None:
        query = query.where(contact.c.email == email)
    if reference is not None:
        query = query.where(contact.c.reference == reference)
    return [_value(row) for row in await tx.execute(query.order_by(contact.c.id.desc()).limit(limit))]


async def add_contact(tx: Tx, new: Contact) -> bool:
    """False when the site has a contact of this address already; nothing is written then."""
    done = await tx.execute(
        insert(tx, contact)
        .values({name: getattr(new, name) for name in _COLUMNS})
        .on_conflict_do_nothing(index_elements=["site_id", "email"])
    )
    return bool(done.rowcount)


async def append_contact(tx: Tx, new: Contact) -> None:
    """Writes a new contact; Conflict when its address is there."""
    if not await add_contact(tx, new):
        raise Conflict(
            f"there is a contact {new.email} already", hint="change it with PATCH …/contacts/ID", field="email"
        )


async def replace_contact(tx: Tx, changed: Contact) -> None:
    """Writes what a person may change: neither the address nor what was counted."""
    await tx.execute(
        update(contact)
        .where(contact.c.site_id == changed.site_id, contact.c.id == changed.id)
        .values({name: getattr(changed, name) for name in _CHANGEABLE})
    )


async def append_said(tx: Tx, said: Said) -> None:
    """One more word of a contact's history."""
    names = [column.name for column in consent.c]
    await tx.execute(consent.insert().values({name: getattr(said, name) for name in names}))


async def list_said(tx: Tx, site_id: int, contact_id: int) -> list[Said]:
    """A contact's whole history, the last word first."""
    rows = await tx.execute(
        select(consent)
        .where(consent.c.site_id == site_id, consent.c.contact_id == contact_id)
        .order_by(consent.c.at.desc(), consent.c.id.desc())
    )
    return [Said(**row._mapping) for row in rows]


async def remove_contact(tx: Tx, site_id: int, contact_id: int) -> None:
    """The contact with its history."""
    await tx.execute(delete(consent).where(consent.c.site_id == site_id, consent.c.contact_id == contact_id))
    await tx.execute(delete(contact).where(contact.c.site_id == site_id, contact.c.id == contact_id))


async def record_sent(tx: Tx, site_id: int, contact_id: int, at: datetime) -> None:
    """One more letter was sent. By the database's own sum, so that sends at once are all counted. Conflict when the
    contact was erased a moment ago: nothing may be kept of a person who is not there."""
    if not await tx.change(_COUNT_SENT, {"of_site": site_id, "of_id": contact_id, "at": at}):
        raise Conflict("this contact was erased just now", hint="send again if the person is to get the letter")


async def record_counts(tx: Tx, site_id: int, contact_id: int, counts: Counts) -> None:
    """What was counted anew over all sends of the contact, whose row is locked."""
    await tx.change(
        _COUNT,
        {
            "of_site": site_id,
            "of_id": contact_id,
            "opened": counts.opened,
            "clicked": counts.clicked,
            "last_opened_at": counts.last_opened_at,
            "last_clicked_at": counts.last_clicked_at,
        },
    )


async def record_opened_on(tx: Tx, site_id: int, contact_id: int, day: datetime) -> None:
    """The last day a letter was opened, unless a later one is known."""
    known = contact.c.opened_on
    await tx.execute(
        update(contact)
        .where(contact.c.site_id == site_id, contact.c.id == contact_id, or_(known.is_(None), known < day))
        .values(opened_on=day)
    )


def _first(rows: Sequence[Sequence[Any]]) -> Contact | None:
    return Contact(**dict(zip(_COLUMNS, rows[0], strict=True))) if rows else None


def _value(row: Row[Any]) -> Contact:
    return Contact(**row._mapping)
