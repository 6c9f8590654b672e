"""A contact: one person's address at one site, and whether what they do with mail may be measured (feature H10).

    unknown ──granted──▶ granted ──denied──▶ denied ──granted──▶ granted …     each with its time and how it was said

Consent here is to *measuring* opens and clicks; whether a person wants mail at all is another question (suppression).
What nobody was asked for is ``unknown``, and measured; ``denied`` ends the measuring of letters sent before, too.
Every change is kept (``Said``), by the room ``audience``, which makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.addresses import parse_address
from wherefrom.errors import BadInput

Consent = Literal["unknown", "granted", "denied"]
Mode = Literal["all", "open_date"]

LONGEST_NAME = 200
LONGEST_REFERENCE = 200
LONGEST_METHOD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """``email`` in lower case; ``reference`` is the owner's own name for the person, "" for none. ``mode``
    "open_date": of all they do, the day they last opened a letter is kept (``opened_on``), and nothing else.

    ``emails_opened_count`` and ``emails_clicked_count`` count sends that a person opened or clicked in, once each."""

    site_id: int
    id: int
    email: str
    name: str = ""
    reference: str = ""
    consent: Consent = "unknown"
    consent_at: datetime | None = None
    consent_method: str = ""
    mode: Mode = "all"
    opened_on: datetime | None = None
    emails_sent_count: int = 0
    emails_opened_count: int = 0
    emails_clicked_count: int = 0
    last_email_sent_at: datetime | None = None
    last_email_opened_at: datetime | None = None
    last_email_clicked_at: datetime | None = None
    created_at: datetime

    @property
    def opened_at(self) -> datetime | None:
        """When the person last opened a letter, as exactly as it may be known."""
        known = [one for one in (self.last_email_opened_at, self.opened_on) if one is not None]
        return max(known, default=None)


class Said(Struct, frozen=True, kw_only=True):
    """One word of a contact's history: from ``at`` on it agreed to this, as ``by`` wrote down: "key 7", "operator" (the
    command line), or the address of a person who was logged in; "" of what was said before the history began."""

    site_id: int
    id: int
    contact_id: int
    consent: Consent
    mode: Mode
    method: str
    by: str
    at: datetime


class Counts(Struct, frozen=True):
    """Over all sends of a contact: how many a person opened or clicked in, and when last."""

    opened: int
    clicked: int
    last_opened_at: datetime | None
    last_clicked_at: datetime | None


def parse_email(text: str) -> str:
    """The form contacts are told apart by: a bare address in lower case. BadInput says what is wrong."""
    return parse_address(text).key


def parse_line(text: str, field: str, longest: int) -> str:
    """One line of text, trimmed; BadInput when it is too long. PostgreSQL stores no NUL, so control characters go."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    if len(line) > longest:
        raise BadInput(f"{field} has {len(line)} characters, at most {longest} are kept", field=field)
    return line
