"""What the management API shows of people: a contact with its flags, its history, its timeline, and all of it at once.

Shapes and how values become them; no rule, no database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.audience.people import Person
from wherefrom.audience.timeline import Moment
from wherefrom.contacts.api import ContactView, view
from wherefrom.contacts.contact import Consent, Mode, Said
from wherefrom.outbound.suppression import Reason, Suppression
from wherefrom.outbound.views import HitView, NoticeView, SendView


class PersonView(ContactView, frozen=True, kw_only=True):
    """A contact, and whether mail to it has ended: ``unsubscribed`` from all of it by its own will
    (``unsubscribed_lists``: from those), ``suppressed`` for the reasons in ``suppressed_for``."""

    unsubscribed: bool
    unsubscribed_lists: list[str]
    suppressed: bool
    suppressed_for: list[Reason]


class PersonPage(Struct, frozen=True, kw_only=True):
    """``total`` is how many fit in all, if it was asked for."""

    data: list[PersonView]
    next_cursor: str | None = None
    total: int | None = None


class SaidView(Struct, frozen=True, kw_only=True):
    """What a contact agreed to from ``at`` on. ``by``: who wrote it down: an API key as "key 7", "operator", or the
    address of a person who was logged in."""

    at: datetime
    consent: Consent
    mode: Mode
    method: str
    by: str


class SaidPage(Struct, frozen=True, kw_only=True):
    data: list[SaidView]
    next_cursor: str | None = None


class ActivityView(Struct, frozen=True, kw_only=True):
    """A letter sent, opened or clicked, a notice of what became of it, a visit that came by a click, a letter that came
    from the contact's address or from such a visit, a change of what it agreed to, or mail to it ended or allowed
    again.

    ``word`` is the verdict of an open or click (human, proxy, prefetch, scanner, unknown), the status of a notice, the
    channel of a visit, the consent, the reason why mail ended; ``detail`` the link, the landing page, what was told,
    the rule that matched a letter, who ended mail; ``subject`` the letter's, or the list whose mail ended, "" for all.
    ``send_id``, ``message_id`` and ``visit`` are null where it concerns none."""

    at: datetime
    kind: Literal["sent", "open", "click", "notice", "visit", "letter", "consent", "ended", "again"]
    send_id: str | None
    subject: str
    word: str
    detail: str
    message_id: str | None = None
    visit: str | None = None


class ActivityPage(Struct, frozen=True, kw_only=True):
    data: list[ActivityView]
    next_cursor: str | None = None


class KeptSend(Struct, frozen=True, kw_only=True):
    """A letter to the person, its links, every request for its pixel and links, and what was told of it."""

    send: SendView
    links: list[str]
    hits: list[HitView]
    notices: list[NoticeView]


class KeptBounce(Struct, frozen=True, kw_only=True):
    """What came back of a letter."""

    at: datetime
    send_id: str
    weight: str
    code: str
    reason: str
    detail: str


class KeptSuppression(Struct, frozen=True, kw_only=True):
    """That the address is, or was, not to be mailed. ``list`` "" is all mail."""

    list: str
    reason: Reason
    detail: str
    created_at: datetime
    created_by: str
    undone_at: datetime | None
    undone_by: str


class KeptLetter(Struct, frozen=True, kw_only=True):
    """A letter that came from the person's address. ``visit`` is the stay on the site it was written from."""

    id: str
    arrived_at: datetime
    to_address: str
    from_name: str
    subject: str
    text: str
    attachments: list[str]
    visit: str | None


class KeptVisit(Struct, frozen=True, kw_only=True):
    """A stay on the site that came by a link of a letter to the person, with what is kept of who came."""

    number: str
    send_id: str | None
    started_at: datetime
    last_seen_at: datetime
    landing_page: str
    referrer: str
    country: str | None
    city: str | None
    ip: str | None
    user_agent: str


class PersonExport(Struct, frozen=True, kw_only=True):
    """All that is kept of one person. ``letters`` is null unless they were asked for."""

    exported_at: datetime
    site: str
    contact: PersonView
    consents: list[SaidView]
    sends: list[KeptSend]
    bounces: list[KeptBounce]
    suppressions: list[KeptSuppression]
    visits: list[KeptVisit]
    letters: list[KeptLetter] | None


class ErasedView(Struct, frozen=True, kw_only=True):
    """``letters`` to the person now are to nobody; ``own_letters`` that came from the address are gone;
    ``suppressions`` still hold for it, as a keyed hash."""

    contact_id: str
    letters: int
    own_letters: int
    suppressions: int


def person_view(one: Person) -> PersonView:
    shown = view(one.contact)
    same = {name: getattr(shown, name) for name in ContactView.__struct_fields__}
    return PersonView(
        **same,
        unsubscribed=one.flags.unsubscribed,
        unsubscribed_lists=list(one.flags.lists),
        suppressed=one.flags.suppressed,
        suppressed_for=list(one.flags.reasons),
    )


def said_view(one: Said) -> SaidView:
    return SaidView(at=one.at, consent=one.consent, mode=one.mode, method=one.method, by=one.by)


def activity_view(one: Moment) -> ActivityView:
    return ActivityView(
        at=one.at,
        kind=one.kind,
        send_id=_text(one.send_id),
        subject=one.subject,
        word=one.word,
        detail=one.detail,
        message_id=_text(one.message_id),
        visit=_text(one.visit_id),
    )


def kept_suppression(one: Suppression) -> KeptSuppression:
    own = {"list"}
    same = {name: getattr(one, name) for name in KeptSuppression.__struct_fields__ if name not in own}
    return KeptSuppression(list=one.scope, **same)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
