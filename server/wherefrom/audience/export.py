"""Everything that is kept of one person, as one document, for whoever asks what is known of them (GDPR, article 15)."""

from __future__ import annotations

from wherefrom.audience.people import with_flags
from wherefrom.audience.store.letters import list_file_names, list_letters
from wherefrom.audience.views import (
    KeptBounce,
    KeptLetter,
    KeptSend,
    KeptVisit,
    PersonExport,
    kept_suppression,
    person_view,
    said_view,
)
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import get_contact, list_said
from wherefrom.db import Tx
from wherefrom.outbound.store.bounces import list_bounces
from wherefrom.outbound.store.sends import Sent, list_notices, list_sends
from wherefrom.outbound.store.suppressions import list_suppressions
from wherefrom.outbound.views import HitView, NoticeView, send_view
from wherefrom.services import Services
from wherefrom.sites.store import get_site
from wherefrom.tracking.store import list_engagements, list_urls
from wherefrom.visits.store import list_contact_visits
from wherefrom.visits.visit import Visit

_MOST = 1_000_000
"""More than one person ever gets: the stores ask for a limit."""


async def export_contact(services: Services, site_id: int, contact_id: int, *, letters: bool) -> PersonExport:
    """All of it, in one look, so that its parts fit each other. ``letters``: also those that came from the address.
    NotFound."""
    async with services.db.read() as tx:
        contact = await get_contact(tx, site_id, contact_id)
        (person,) = await with_flags(tx, site_id, [contact])
        bounces = await list_bounces(tx, site_id, limit=_MOST, email=contact.email)
        barred = await list_suppressions(tx, site_id, limit=_MOST, email=contact.email)
        sends = await list_sends(tx, site_id, limit=_MOST, contact_id=contact_id)
        return PersonExport(
            exported_at=services.clock.now(),
            site=(await get_site(tx, site_id)).name,
            contact=person_view(person),
            consents=[said_view(one) for one in await list_said(tx, site_id, contact_id)],
            sends=[await _send(tx, one) for one in sends],
            bounces=[
                KeptBounce(
                    at=one.happened_at, send_id=str(one.send_id), weight=one.weight, code=one.code, reason=one.reason,
                    detail=one.detail,
                )
                for one in bounces
            ],
            suppressions=[kept_suppression(one) for one in barred],
            visits=[_visit(one) for one in await list_contact_visits(tx, site_id, contact_id, _MOST)],
            letters=await _letters(tx, contact) if letters else None,
        )  # fmt: skip


async def _send(tx: Tx, sent: Sent) -> KeptSend:
    urls = await list_urls(tx, sent.site_id, sent.id)
    hits = await list_engagements(tx, sent.site_id, sent.id, limit=_MOST)
    notices = await list_notices(tx, sent.site_id, sent.id)
    return KeptSend(
        send=send_view(sent),
        links=list(urls.values()),
        hits=[
            HitView(
                kind=one.kind, at=one.seen_at, url=urls.get(one.number), verdict=one.verdict, reason=one.reason,
                ip=one.ip, agent=one.agent,
            )
            for one in hits
        ],
        notices=[
            NoticeView(status=one.status, at=one.happened_at, told_at=one.told_at, detail=one.detail) for one in notices
        ],
    )  # fmt: skip


def _visit(one: Visit) -> KeptVisit:
    own = {"number", "send_id"}
    same = {name: getattr(one, name) for name in KeptVisit.__struct_fields__ if name not in own}
    return KeptVisit(number=str(one.id), send_id=None if one.send_id is None else str(one.send_id), **same)


async def _letters(tx: Tx, contact: Contact) -> list[KeptLetter]:
    return [
        KeptLetter(
            id=str(one.id), arrived_at=one.at, to_address=one.to_address, from_name=one.from_name,
            subject=one.subject, text=one.text, visit=None if one.visit_id is None else str(one.visit_id),
            attachments=await list_file_names(tx, contact.site_id, one.id),
        )
        for one in await list_letters(tx, contact.site_id, contact.email)
    ]  # fmt: skip
