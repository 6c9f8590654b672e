"""Who of the site's address book wrote a letter (feature H09). Pure.

    the sender's address is a contact's ─────────────────▶ that contact, by "sender"
    else the visit came by a letter to a contact ────────▶ that contact, by "click"
    else ────────────────────────────────────────────────▶ nobody that is known

The address comes first: a link that was forwarded and followed by a friend brings a visit that is taken for the
contact's, but the friend's own address says who writes. By "click" the answer is as sure as the letter's match is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from wherefrom.addresses import find_address

By = Literal["click", "sender"]


class Person(Struct, frozen=True):
    """A contact, as far as a letter tells of it."""

    id: int
    email: str
    name: str
    reference: str


class Writer(Struct, frozen=True):
    """``send_id``: the letter whose link led the person's visit to the site; None where none did."""

    person: Person
    by: By
    send_id: int | None


def address_key(address: str) -> str:
    """The form contacts are told apart by; "" for what is no address."""
    found = find_address(address)
    return found.key if found else ""


def choose_writer(
    people: Iterable[Person], from_address: str, contact_id: int | None, send_id: int | None
) -> Writer | None:
    """The writer among ``people``; ``contact_id`` and ``send_id`` are the visit's."""
    known = list(people)
    key = address_key(from_address)
    for one in known:
        if key and one.email == key:
            return Writer(one, "sender", send_id if one.id == contact_id else None)
    return next((Writer(one, "click", send_id) for one in known if one.id == contact_id), None)
