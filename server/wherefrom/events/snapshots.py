"""What an event tells: whole snapshots, so that a reader needs no other row, and an old event stays true.

Answers for the wire form alone. Ids and numbers are strings, because they exceed 2^53 and JavaScript would round them;
moments are aware UTC datetimes (RFC 3339 in JSON); an unknown value is None, never left out. A field added later needs
a default, because events already stored lack it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct


class Attachment(Struct, frozen=True, kw_only=True):
    """``n`` is the attachment's number within its message, from which its link is made; ``size`` in bytes."""

    n: int
    name: str
    size: int
    content_type: str


class Message(Struct, frozen=True, kw_only=True):
    """A received letter. ``email_id`` is its IMAP UID, ``to_address`` the substitute it was sent to (or the recipient
    of most trust), ``message_id`` the Message-ID field, ``written_at`` the likeliest time of writing, ``automatic`` the
    reason why it counts as automatic mail ("" for a letter by a person), ``folder_kind`` such as "inbox" or "junk".
    ``moved_from_junk``: told before, as of Junk, and told again because somebody moved it out. ``historic``: it came
    before its mailbox was connected; no webhook is told of it, unless a person asked for that (``released``)."""

    id: str
    email_id: str
    subject: str
    text: str
    from_address: str
    from_name: str
    to_address: str
    recipients: list[str]
    received_at: datetime
    written_at: datetime
    message_id: str
    folder_kind: str
    automatic: str
    first_of_thread: bool
    attachments: list[Attachment]
    moved_from_junk: bool = False
    historic: bool = False
    released: bool = False


class Match(Struct, frozen=True, kw_only=True):
    """Why the letter belongs to the visit: the rule, 0…1, and the reason in words."""

    rule: str
    confidence: float
    reason: str


class Utm(Struct, frozen=True, kw_only=True):
    """The campaign tags the visit came with."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None


class Visit(Struct, frozen=True, kw_only=True):
    """The visit the letter came from. ``id`` and ``first_visit`` are public visit numbers; ``params`` are the owner's
    own parameters by number ("1", "2", …).

    ``kind`` "source": not one person's stay, but everybody who came by this source: ``id`` is the source's number,
    ``started_at`` when the first of them came, ``domain`` the host they landed on; what tells of a person or of one
    page is None, or empty."""

    id: str
    first_visit: str | None
    started_at: datetime
    landing_page: str | None
    referrer: str
    domain: str
    marker: str
    channel: str
    source_levels: list[str]
    utm: Utm
    country: str | None
    country_code: str | None
    region: str | None
    city: str | None
    ip: str | None
    device: str | None
    os: str | None
    browser: str | None
    language: str | None
    timezone: str | None
    google_client_id: str | None
    ym_uid: str | None
    params: dict[str, str]
    kind: Literal["visit", "source"] = "visit"


class Contact(Struct, frozen=True, kw_only=True):
    """The person of the site's address book who wrote. ``reference`` is the owner's own name for them. ``by``: "click",
    the visit came by a tracked link of a letter to them, whose send ``send_id`` is; or "sender", the letter's sender is
    their address (``send_id`` is then the last click's that their visit came by, or None)."""

    id: str
    email: str
    name: str
    reference: str
    send_id: str | None
    by: Literal["click", "sender"]


class MessageReceived(Struct, frozen=True, kw_only=True):
    """Data of ``message.received``; the subject is the message. ``contact``: of the address book, if known."""

    message: Message
    match: Match | None
    visit: Visit | None
    contact: Contact | None = None


class WebhookDisabled(Struct, frozen=True, kw_only=True):
    """Data of ``webhook.disabled``; the subject is the endpoint. ``status`` is its new one, ``reason`` in words."""

    endpoint_id: str
    url: str
    status: str
    reason: str


class MailboxDisconnected(Struct, frozen=True, kw_only=True):
    """Data of ``mailbox.disconnected``: the provider ended what it had granted, and a person must connect the mailbox
    again; the subject is the mailbox. ``reason`` and ``hint`` in words."""

    mailbox_id: str
    name: str
    username: str
    provider: str
    reason: str
    hint: str


class SenderStopped(Struct, frozen=True, kw_only=True):
    """Data of ``sender.stopped``: the account the site's letters go out by takes none, and they wait; the subject is
    the site. ``trouble``: unreachable, tls, login, sender (its address is not allowed) or busy (a limit is used up);
    ``reason`` and ``hint`` in words."""

    host: str
    username: str
    from_address: str
    trouble: str
    reason: str
    hint: str
    failing_since: datetime


class OfSend(Struct, frozen=True, kw_only=True):
    """What all events of a send tell, whose subject it is. ``reference`` and ``contact_reference`` are the owner's own;
    ``list`` is the kind of mail, "" for none."""

    send_id: str
    reference: str
    subject: str
    list: str
    contact_id: str
    email: str
    contact_reference: str


class SendDelivered(OfSend, frozen=True, kw_only=True):
    """Data of ``send.delivered``: a mail server took the letter, for the first time. ``detail`` in words, such as its
    answer."""

    delivered_at: datetime
    detail: str


class SendFailed(OfSend, frozen=True, kw_only=True):
    """Data of ``send.failed``: the letter could not be handed over, for the first time. ``status`` "rejected": it was
    never tried; "failed": no server took it. ``detail`` in words, such as the server's answer."""

    failed_at: datetime
    status: Literal["rejected", "failed"]
    detail: str


class SendBounced(OfSend, frozen=True, kw_only=True):
    """Data of ``send.bounced``: a letter came back, or waits. ``permanent``: it will never be taken, and the address is
    mailed no more; else a later try may succeed. ``code`` is the enhanced status (RFC 3463, "5.1.1"), "" where none was
    told; ``detail`` what the other server said."""

    bounced_at: datetime
    permanent: bool
    code: str
    detail: str


class SendComplained(OfSend, frozen=True, kw_only=True):
    """Data of ``send.complained``: the person reported the letter as spam, and is mailed no more. ``kind`` is the
    report's (RFC 5965, "abuse"), "" where none was told."""

    complained_at: datetime
    kind: str
    detail: str


class SendUnsubscribed(OfSend, frozen=True, kw_only=True):
    """Data of ``send.unsubscribed``: the person wants no more mail. ``scope`` is the list they left, "" for all mail;
    ``list`` the letter's own."""

    unsubscribed_at: datetime
    scope: str
    detail: str


class SendOpened(OfSend, frozen=True, kw_only=True):
    """Data of ``send.opened``: a person opened a letter for the first time. ``verdict`` is "human", or "proxy" where
    the provider's proxy loads pictures for the person."""

    opened_at: datetime
    verdict: str


class SendClicked(OfSend, frozen=True, kw_only=True):
    """Data of ``send.clicked``: a person followed a link of a letter for the first time."""

    clicked_at: datetime
    url: str


class ContactErased(Struct, frozen=True, kw_only=True):
    """Data of ``contact.erased``: what said who a contact was is gone; the subject is the contact. ``by``: whoever did
    it, as in the history of its consent. ``letters`` to it now are to nobody; ``suppressed``: its address is still not
    to be mailed."""

    contact_id: str
    by: str
    letters: int
    suppressed: bool


class TestPing(Struct, frozen=True, kw_only=True):
    """Data of ``test.ping``, which a person asks for to try an endpoint out; the subject is that endpoint."""

    __test__ = False  # not a test, whatever pytest makes of the name

    endpoint_id: str
    note: str
