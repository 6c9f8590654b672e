"""What may be said of a contact when it is added or changed. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from wherefrom.contacts.contact import (
    LONGEST_METHOD,
    LONGEST_NAME,
    LONGEST_REFERENCE,
    Consent,
    Contact,
    Mode,
    Said,
    parse_email,
    parse_line,
)
from wherefrom.errors import BadInput


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
    "open_date" keeps of all the person does the day of the last open alone, and what was measured before is forgotten
    but for that day."""

    name: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    consent: Consent | UnsetType = UNSET
    consent_method: str | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET


def made(site_id: int, contact_id: int, wish: AddContact, now: datetime) -> Contact:
    """The new contact; BadInput for an address that is none, or a line that is too long."""
    return Contact(
        site_id=site_id,
        id=contact_id,
        email=parse_email(wish.email),
        name=parse_line(wish.name, "name", LONGEST_NAME),
        reference=parse_line(wish.reference, "reference", LONGEST_REFERENCE),
        consent=wish.consent,
        consent_at=None if wish.consent == "unknown" else now,
        consent_method=parse_line(wish.consent_method, "consent_method", LONGEST_METHOD),
        mode=wish.mode,
        created_at=now,
    )


def changed(known: Contact, wish: ChangeContact, now: datetime) -> Contact:
    """The contact as it is wished. Saying again what is known moves no time. BadInput as ``made``, and for a method
    without a consent."""
    after = known
    if wish.name is not UNSET:
        after = replace(after, name=parse_line(wish.name, "name", LONGEST_NAME))
    if wish.reference is not UNSET:
        after = replace(after, reference=parse_line(wish.reference, "reference", LONGEST_REFERENCE))
    if wish.mode is not UNSET:
        after = replace(after, mode=wish.mode)
    if wish.consent is not UNSET:
        method = "" if wish.consent_method is UNSET else wish.consent_method
        line = parse_line(method, "consent_method", LONGEST_METHOD)
        if (wish.consent, line) != (known.consent, known.consent_method):
            after = replace(after, consent=wish.consent, consent_at=now, consent_method=line)
    elif wish.consent_method is not UNSET:
        raise BadInput("consent_method says how consent was given: name consent, too", field="consent")
    return after


def says(before: Contact | None, after: Contact) -> bool:
    """Whether ``after`` is a word for the history: it says something, and not what was known."""
    if before is None:
        return after.consent != "unknown" or after.mode != "all"
    return _word(before) != _word(after)


def said(after: Contact, id: int, by: str, now: datetime) -> Said:
    """The word itself."""
    return Said(
        site_id=after.site_id, id=id, contact_id=after.id, consent=after.consent, mode=after.mode,
        method=after.consent_method, by=by, at=now,
    )  # fmt: skip


def _word(one: Contact) -> tuple[object, ...]:
    return one.consent, one.consent_at, one.consent_method, one.mode
