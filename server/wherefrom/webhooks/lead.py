"""Whose letter it is, so that a receiver can put the letters of one lead in order; and whose send.

No order of arrival is promised: a delivery that failed comes after younger ones. So each letter has its number among
the letters of its lead to this endpoint, 1, 2, 3 … without gaps. A lead is a visit; where there is none (or it stands
for everybody who came by a source) it is the sender, told by a keyed digest and not by the address, because it is kept
longer than the letter. What becomes of sends is in the order of the contact they went to.

The count of a visit, or a contact, ends when that is forgotten or erased: no letter can be of it again. That of a
sender never does, while the endpoint is there. Who wrote years ago may write tomorrow, and a receiver that heard of
numbers 1 to 7 would take another 1 for one it has, and could not tell a missing letter.
"""

from __future__ import annotations

from collections.abc import Callable

from wherefrom.events.snapshots import MessageReceived, OfSend

SENDER_PURPOSE = "lead"


def lead_of(letter: MessageReceived | OfSend, pseudonym: Callable[[str, str], str]) -> str:
    """The lead's name, at most 40 characters: ``visit-123456``, ``sender-…`` or ``contact-…``. ``pseudonym``:
    ``Tokens.pseudonym``."""
    if isinstance(letter, OfSend):
        return contact_lead(letter.contact_id)
    if letter.visit is not None and letter.visit.kind == "visit":
        return visit_lead(letter.visit.id)
    return f"sender-{pseudonym(SENDER_PURPOSE, letter.message.from_address.lower())}"


def visit_lead(visit_id: int | str) -> str:
    """The lead's name of letters from a visit."""
    return f"visit-{visit_id}"


def contact_lead(contact_id: int | str) -> str:
    """The lead's name of sends to a contact."""
    return f"contact-{contact_id}"


def sequence_headers(lead: str, sequence: int | None) -> dict[str, str]:
    """The headers that say which letter of its lead this is; none for a test."""
    if sequence is None:
        return {}
    return {"wherefrom-lead": lead, "wherefrom-sequence": str(sequence)}
