"""The ``message.received`` event: a letter, its match, visit and writer, whole, as they were when it was sorted."""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.events import snapshots
from wherefrom.inbox.evidence import Verdict
from wherefrom.inbox.facts import Facts
from wherefrom.inbox.store.details import StoredAttachment
from wherefrom.inbox.store.messages import Stored
from wherefrom.inbox.writer import Writer
from wherefrom.visits.visit import Visit


def make_snapshot(
    stored: Stored,
    facts: Facts,
    to_address: str,
    first_of_thread: bool,
    attachments: Sequence[StoredAttachment],
    verdict: Verdict,
    visit: Visit | None,
    writer: Writer | None,
) -> snapshots.MessageReceived:
    """The event's data. ``visit`` None: unmatched, or the visit was erased meanwhile."""
    message = snapshots.Message(
        id=str(stored.id),
        email_id=str(stored.uid),
        subject=facts.subject,
        text=facts.text,
        from_address=facts.from_written,
        from_name=facts.from_name,
        to_address=to_address,
        recipients=list(dict.fromkeys(address for _, address in facts.recipients)),
        received_at=stored.arrived_at,
        written_at=facts.likeliest_at,
        message_id=facts.message_id or "",
        folder_kind=stored.folder_kind,
        automatic=facts.automatic,
        first_of_thread=first_of_thread,
        historic=stored.historic,
        attachments=[
            snapshots.Attachment(n=one.number, name=one.name, size=one.size, content_type=one.content_type)
            for one in attachments
            if not is_decoration(one)
        ],
    )
    return snapshots.MessageReceived(
        message=message,
        match=_match(verdict),
        visit=_visit(visit) if visit else None,
        contact=_contact(writer) if writer else None,
    )


def is_decoration(attachment: StoredAttachment) -> bool:
    """A picture that the HTML shows in its place, such as a logo: no file anybody sent. Other inline parts are files:
    some mail programs mark all of theirs so."""
    return attachment.inline and bool(attachment.content_id) and attachment.content_type.startswith("image/")


def _match(verdict: Verdict) -> snapshots.Match | None:
    if verdict.visit_id is None:
        return None
    return snapshots.Match(rule=verdict.rule, confidence=round(verdict.confidence, 4), reason=verdict.reasons[0])


def _contact(writer: Writer) -> snapshots.Contact:
    person = writer.person
    return snapshots.Contact(
        id=str(person.id),
        email=person.email,
        name=person.name,
        reference=person.reference,
        send_id=str(writer.send_id) if writer.send_id is not None else None,
        by=writer.by,
    )


def _visit(visit: Visit) -> snapshots.Visit:
    person = visit.kind == "visit"
    return snapshots.Visit(
        id=str(visit.id),
        first_visit=str(visit.first_visit) if person else None,
        started_at=visit.started_at,
        landing_page=visit.landing_page if person else None,
        referrer=visit.referrer,
        domain=visit.domain,
        marker=visit.marker,
        channel=visit.channel,
        source_levels=list(visit.source_levels),
        utm=snapshots.Utm(
            source=visit.utm_source,
            medium=visit.utm_medium,
            campaign=visit.utm_campaign,
            term=visit.utm_term,
            content=visit.utm_content,
        ),
        country=visit.country,
        country_code=visit.country_code,
        region=visit.region,
        city=visit.city,
        ip=visit.ip,
        device=visit.device if person else None,
        os=visit.os if person else None,
        browser=visit.browser if person else None,
        language=visit.language,
        timezone=visit.timezone,
        google_client_id=visit.google_client_id,
        ym_uid=visit.ym_uid,
        params=dict(visit.params),
        kind=visit.kind,
    )
