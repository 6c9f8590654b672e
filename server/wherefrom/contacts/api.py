"""How the management API shows a contact, and its cursors. The operations are in the room ``audience``, because whoever
adds, changes or erases a contact changes what other rooms keep of it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from wherefrom.contacts.contact import Consent, Contact, Mode
from wherefrom.errors import BadInput


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
