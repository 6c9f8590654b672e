"""The inbox as the management API tells it: ids as strings, moments in RFC 3339, secrets never."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from wherefrom.inbox.snapshot import is_decoration
from wherefrom.inbox.store.details import MessageDetail, StoredAttachment
from wherefrom.inbox.store.mailboxes import Folder, Mailbox
from wherefrom.inbox.store.rows import HistoryRow
from wherefrom.inbox.writer import By, Writer
from wherefrom.mail.diagnosis import Diagnosis
from wherefrom.mail.reply import split_reply
from wherefrom.webhooks.money import from_scaled
from wherefrom.webhooks.payload import Link


class FolderView(Struct, frozen=True, kw_only=True):
    """``name`` may be ``\\Junk``: whichever folder the server marks as junk. ``since``: new, all or days. ``letters``:
    how many the server said are in it at the last look. Of those that came before the mailbox was connected
    ``old_letters`` are wanted and ``old_read`` are read; ``reading_old`` while there are more."""

    id: str
    name: str
    kind: str
    since: str
    checked_at: datetime | None
    letters: int | None
    old_letters: int
    old_read: int
    reading_old: bool


class ServerFolderView(Struct, frozen=True, kw_only=True):
    """A folder the mailbox's server has. ``name`` is what to choose it by (``\\Junk`` for its junk folder), ``shown``
    how the server spells it. ``kind``: inbox, junk, sent, trash or other. ``missing``: it is chosen and not there."""

    name: str
    shown: str
    kind: str
    chosen: bool
    missing: bool


class OldMailView(Struct, frozen=True, kw_only=True):
    """``told``: old letters the webhooks are told of now. ``waiting``: those not sorted yet, to be asked for later."""

    told: int
    waiting: int


class MailboxView(Struct, frozen=True, kw_only=True):
    """``status``: new, connecting, ok, login_failed, connect_again, tls_failed, unreachable or failed;
    ``status_detail`` in words. ``login``: by a password, or by what its provider granted (oauth)."""

    id: str
    name: str
    host: str
    port: int
    security: str
    username: str
    login: Literal["password", "oauth"]
    ca_file: str
    enabled: bool
    status: str
    status_detail: str
    checked_at: datetime | None
    created_at: datetime
    folders: list[FolderView]


class StepView(Struct, frozen=True, kw_only=True):
    """One step to the mailbox: token, dns, tcp, tls, login, folder, capabilities, idle or probe. ``hint`` says what to
    do, or is empty. ``skipped``: it could not be tried, which is no failure."""

    name: str
    ok: bool
    detail: str
    hint: str
    milliseconds: int
    skipped: bool


class DiagnosisView(Struct, frozen=True, kw_only=True):
    """How far the way to a mailbox goes; after a step that failed there are no more."""

    ok: bool
    steps: list[StepView]


class VisitSourceView(Struct, frozen=True, kw_only=True):
    """Where the visit of a letter came from. ``kind`` "source": not one visitor's stay but everybody who came by this
    source, so that no landing page is known; "" for a visit that was erased."""

    id: str
    kind: str
    marker: str
    channel: str
    source_levels: list[str]
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    country: str | None
    region: str | None
    city: str | None
    landing_page: str
    referrer: str


class WriterView(Struct, frozen=True, kw_only=True):
    """The contact who wrote, as the address book has it now. ``by`` "sender": the letter came from their address;
    "click": its visit came by a link of the letter ``send_id`` to them, and the answer is as sure as the match."""

    id: str
    email: str
    name: str
    reference: str
    send_id: str | None
    by: By


class MessageView(Struct, frozen=True, kw_only=True):
    """A letter. ``rule`` and ``confidence`` say how its visit was found; ``visit`` is null where none was, ``contact``
    where none is known. Of the deal
    a CRM made of it: its number, its status in the CRM's words, and what it is worth, an exact decimal as a string.
    ``historic``: it came before its mailbox was connected, and no webhook was told of it. ``status``: "sorted";
    "arriving" while only the beginning of a large letter is here; "unreadable", and ``status_reason`` says why."""

    id: str
    arrived_at: datetime
    written_at: datetime | None
    status: str
    status_reason: str
    folder_kind: str
    from_address: str
    from_name: str
    to_address: str
    recipients: list[str]
    subject: str
    excerpt: str
    automatic: str
    first_of_thread: bool
    attachment_count: int
    size: int
    truncated: bool
    historic: bool
    rule: str
    confidence: float
    visit: VisitSourceView | None
    contact: WriterView | None
    deal_number: str | None
    deal_status: str | None
    deal_value: Decimal | None
    deal_currency: str | None


class AddressView(Struct, frozen=True, kw_only=True):
    """A receiver and the header it stood in, the most trusted first."""

    role: str
    address: str


class AttachmentView(Struct, frozen=True, kw_only=True):
    """``url`` opens without a key until it expires. ``decoration``: a picture the HTML shows in its place."""

    number: int
    name: str
    content_type: str
    size: int
    decoration: bool
    url: str


class CandidateView(Struct, frozen=True, kw_only=True):
    """A visit the letter may be of, by one rule; the answer is the first."""

    visit: str
    rule: str
    confidence: float
    reason: str


class MessageDetailView(MessageView, frozen=True, kw_only=True):
    """A letter with its text, receivers, files, and why it was matched. ``reply_text`` is what the writer wrote this
    time, ``quoted_text`` what the letter quotes or forwards; together they are ``text``."""

    message_id: str | None
    in_reply_to: str | None
    references: list[str]
    text: str
    reply_text: str
    quoted_text: str
    has_html: bool
    defects: list[str]
    mailbox: str
    duplicate_of: str | None
    addresses: list[AddressView]
    attachments: list[AttachmentView]
    reasons: list[str]
    candidates: list[CandidateView]
    matched_at: datetime | None


def mailbox_view(one: Mailbox) -> MailboxView:
    return MailboxView(
        id=str(one.id),
        name=one.name,
        host=one.host,
        port=one.port,
        security=one.security,
        username=one.username,
        login="password" if one.password else "oauth",
        ca_file=one.ca_file,
        enabled=one.enabled,
        status=one.status,
        status_detail=one.status_detail,
        checked_at=one.checked_at,
        created_at=one.created_at,
        folders=[_folder(folder) for folder in one.folders],
    )


def diagnosis_view(found: Diagnosis) -> DiagnosisView:
    steps = [
        StepView(
            name=one.name,
            ok=one.ok,
            detail=one.detail,
            hint=one.hint,
            milliseconds=one.milliseconds,
            skipped=one.skipped,
        )
        for one in found.steps
    ]
    return DiagnosisView(ok=found.ok, steps=steps)


def message_view(row: HistoryRow) -> MessageView:
    return MessageView(**_columns(row))


def detail_view(detail: MessageDetail, link: Link) -> MessageDetailView:
    reply = split_reply(detail.text)
    return MessageDetailView(
        **_columns(detail.row),
        message_id=detail.message_id,
        in_reply_to=detail.in_reply_to,
        references=list(detail.references),
        text=detail.text,
        reply_text=reply.own,
        quoted_text=reply.quoted,
        has_html=detail.has_html,
        defects=list(detail.defects),
        mailbox=str(detail.mailbox_id),
        duplicate_of=str(detail.duplicate_of) if detail.duplicate_of else None,
        addresses=[AddressView(role=one.role, address=one.address) for one in detail.addresses],
        attachments=[_attachment(one, link) for one in detail.attachments],
        reasons=list(detail.reasons),
        candidates=[
            CandidateView(visit=str(one.visit_id), rule=one.rule, confidence=one.confidence, reason=one.reason)
            for one in detail.candidates
        ],
        matched_at=detail.matched_at,
    )


def _folder(one: Folder) -> FolderView:
    return FolderView(
        id=str(one.id),
        name=one.name,
        kind=one.kind,
        since=one.since,
        checked_at=one.checked_at,
        letters=one.letters,
        old_letters=one.backlog_letters,
        old_read=one.backlog_read,
        reading_old=one.is_behind or (not one.baselined and one.since != "new"),
    )


def _attachment(one: StoredAttachment, link: Link) -> AttachmentView:
    return AttachmentView(
        number=one.number,
        name=one.name,
        content_type=one.content_type,
        size=one.size,
        decoration=is_decoration(one),
        url=link(one.number),
    )


def _columns(row: HistoryRow) -> dict[str, Any]:
    same = (
        "arrived_at", "written_at", "status", "status_reason", "folder_kind", "from_address", "from_name",
        "to_address", "subject", "excerpt", "automatic", "first_of_thread", "size", "truncated", "historic", "rule",
        "confidence",        "deal_number", "deal_status", "deal_currency",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in same},
        "id": str(row.id),
        "recipients": list(row.recipients),
        "attachment_count": row.attachments,
        "visit": _visit(row),
        "contact": _writer(row.writer),
        "deal_value": from_scaled(row.deal_value),
    }


def _writer(writer: Writer | None) -> WriterView | None:
    if writer is None:
        return None
    person = writer.person
    return WriterView(
        id=str(person.id),
        email=person.email,
        name=person.name,
        reference=person.reference,
        send_id=None if writer.send_id is None else str(writer.send_id),
        by=writer.by,
    )


def _visit(row: HistoryRow) -> VisitSourceView | None:
    if row.visit_id is None:
        return None
    same = (
        "marker", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "country",
        "region", "city", "landing_page", "referrer",
    )  # fmt: skip
    values = {name: getattr(row, name) for name in same}
    return VisitSourceView(id=str(row.visit_id), kind=row.visit_kind, source_levels=list(row.source_levels), **values)
