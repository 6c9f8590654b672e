"""All that happened between a site's owner and one contact (feature J02), the newest first: letters sent, opens, clicks
and notices (``outbound``), visits that came by a click (``visits``), letters that came from the contact's address or
from such a visit (``inbox``), when mail to the address was ended and allowed again, and what the contact agreed to
(``contacts``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.audience.store.letters import list_letters, list_letters_by_click
from wherefrom.contacts.contact import Contact, Said
from wherefrom.contacts.store import list_said
from wherefrom.db import Tx
from wherefrom.outbound.store.activities import Place, list_activities
from wherefrom.outbound.store.suppressions import list_changes
from wherefrom.visits.store import list_contact_visits

Kind = Literal["sent", "open", "click", "notice", "visit", "letter", "consent", "ended", "again"]
_MOST = 1000
"""Visits, and decisions whether the address may be mailed: of one contact there are few."""


class Moment(Struct, frozen=True, kw_only=True):
    """One thing that happened. ``word``: the verdict of an open or click, the status of a notice, the consent; of a
    visit its channel, of a letter "matched" or "", of mail that ended the reason. ``detail``: the link, the landing
    page, what was told, how consent was said, who ended mail. ``send_id`` and ``message_id`` are of what it concerns;
    ``visit_id`` is the visit, or the one a letter came from."""

    at: datetime
    id: int
    kind: Kind
    subject: str = ""
    word: str = ""
    detail: str = ""
    send_id: int | None = None
    message_id: int | None = None
    visit_id: int | None = None


async def list_moments(tx: Tx, contact: Contact, *, limit: int, before: Place | None = None) -> list[Moment]:
    """The newest first, those before ``before``. At most ``limit`` of each kind are read."""
    found = [
        Moment(
            at=one.at, id=one.id, kind=one.kind, subject=one.subject, word=one.word, detail=one.detail,
            send_id=one.send_id,
        )
        for one in await list_activities(tx, contact.site_id, contact.id, limit=limit, before=before)
    ]  # fmt: skip
    known = await list_contact_visits(tx, contact.site_id, contact.id, _MOST)
    letters = {
        one.id: one for one in await list_letters(tx, contact.site_id, contact.email, limit=limit, before=before)
    }
    by_click = await list_letters_by_click(
        tx, contact.site_id, contact.id, [one.id for one in known], limit=limit, before=before
    )
    letters |= {one.id: one for one in by_click}
    found += [
        Moment(
            at=one.at, id=one.id, kind="letter", subject=one.subject, message_id=one.id, visit_id=one.visit_id,
            word="" if one.visit_id is None else "matched", detail=one.rule,
        )
        for one in letters.values()
    ]  # fmt: skip
    visits = [
        Moment(
            at=one.started_at, id=one.id, kind="visit", word=one.channel, detail=one.landing_page, visit_id=one.id,
            send_id=one.send_id,
        )
        for one in known
    ]  # fmt: skip
    words = [
        Moment(at=one.at, id=one.id, kind="consent", word=_consent_words(one), detail=one.method)
        for one in await list_said(tx, contact.site_id, contact.id)
    ]
    barred = await _list_decisions(tx, contact)
    found += [one for one in (*visits, *words, *barred) if before is None or (one.at, one.id) < before]
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:limit]


async def _list_decisions(tx: Tx, contact: Contact) -> list[Moment]:
    changes = await list_changes(tx, contact.site_id, limit=_MOST, email=contact.email)
    return [
        Moment(
            at=one.at, id=one.of.id, kind="again" if one.undone else "ended", word=one.of.reason, subject=one.of.scope,
            detail=one.by, send_id=one.of.send_id,
        )
        for one in changes
    ]  # fmt: skip


def _consent_words(one: Said) -> str:
    return one.consent if one.mode == "all" else f"{one.consent}, open date only"
