"""How the management API shows sends: their outcome, what reached them, how far one is that is sent from here."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from wherefrom.contacts.contact import Contact
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.outgoing import Outgoing, State
from wherefrom.outbound.store.sends import Sent, ToldNotice
from wherefrom.tracking.store import Engagement
from wherefrom.tracking.verdict import Kind, Name


class SendView(Struct, frozen=True, kw_only=True):
    """``status`` is the last there is, ``status_at`` when that happened. ``opened_at``, ``clicked_at``, ``opens`` and
    ``clicks`` count persons, not machines. ``tracks_opens`` and ``tracks_clicks`` say what the letter carries, ``note``
    why that is less than was asked for."""

    id: str
    contact_id: str
    subject: str
    list: str
    reference: str
    tracks_opens: bool
    tracks_clicks: bool
    note: str
    status: SendStatus
    status_at: datetime
    created_at: datetime
    opened_at: datetime | None
    last_opened_at: datetime | None
    opens: int
    clicked_at: datetime | None
    last_clicked_at: datetime | None
    clicks: int


class KeptLink(Struct, frozen=True, kw_only=True):
    """A link of the letter that was left as it was, and why."""

    url: str
    why: str


class DeliveryView(Struct, frozen=True, kw_only=True):
    """How far a letter is that is sent from here. ``state``: queued; sent: the site's mail server has taken it;
    refused, for good; or failed: nobody took it until ``expires_at``. ``answer`` is the mail server's last. The next
    try is at ``next_at``, or when an account that fails works again (GET …/sender)."""

    state: State
    attempts: int
    answer: str
    message_id: str
    next_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None


class MadeSend(Struct, frozen=True, kw_only=True):
    """Send ``html`` and ``text`` in place of yours, with ``headers`` added. With ``deliver`` these are empty, and
    ``delivery`` is there; ``repeated``: the letter was asked for before, with the same Idempotency-Key."""

    send: SendView
    html: str
    text: str
    headers: dict[str, str]
    kept: list[KeptLink]
    delivery: DeliveryView | None = None
    repeated: bool = False


class HitView(Struct, frozen=True, kw_only=True):
    """One request for the pixel or a link; it is shown some seconds after it came. ``verdict``: human, proxy (a person,
    by the provider's proxy), prefetch, scanner or unknown, with its ``reason``. ``url`` is null of an open."""

    kind: Kind
    at: datetime
    url: str | None
    verdict: Name
    reason: str
    ip: str | None
    agent: str


class VerdictCount(Struct, frozen=True, kw_only=True):
    kind: Kind
    verdict: Name
    count: int


class NoticeView(Struct, frozen=True, kw_only=True):
    """Happened ``at``, told of at ``told_at``."""

    status: SendStatus
    at: datetime
    told_at: datetime
    detail: str


class SendDetails(Struct, frozen=True, kw_only=True):
    """The send, the clicks and opens (each with its verdict, the first thousand hits), how many hits got which verdict,
    the links by us in their order, and all that was told of it. ``delivery`` is null of a letter your own mailer
    sends."""

    send: SendView
    delivery: DeliveryView | None
    email: str
    clicks: list[HitView]
    opens: list[HitView]
    verdicts: list[VerdictCount]
    links: list[str]
    notices: list[NoticeView]


class SendPage(Struct, frozen=True, kw_only=True):
    data: list[SendView]
    next_cursor: str | None = None


def details_view(
    sent: Sent,
    contact: Contact | None,
    hits: list[Engagement],
    urls: dict[int, str],
    counts: list[tuple[Kind, Name, int]],
    notices: list[ToldNotice],
    outgoing: Outgoing | None,
) -> SendDetails:
    """All that is known of a send. ``urls``: its links by their numbers; ``outgoing``: the letter, where it is sent
    from here."""
    return SendDetails(
        send=send_view(sent),
        email=contact.email if contact else "",
        clicks=[_hit(one, urls) for one in hits if one.kind == "click"],
        opens=[_hit(one, urls) for one in hits if one.kind == "open"],
        verdicts=[VerdictCount(kind=kind, verdict=name, count=count) for kind, name, count in counts],
        links=list(urls.values()),
        notices=[
            NoticeView(status=one.status, at=one.happened_at, told_at=one.told_at, detail=one.detail) for one in notices
        ],
        delivery=delivery_view(outgoing) if outgoing else None,
    )


def send_view(one: Sent) -> SendView:
    """The send as the API shows it."""
    own = {"id", "contact_id"}
    same = {name: getattr(one, name) for name in SendView.__struct_fields__ if name not in own}
    return SendView(id=str(one.id), contact_id=str(one.contact_id), **same)


def delivery_view(one: Outgoing) -> DeliveryView:
    """How far a letter is that is sent from here."""
    return DeliveryView(**{name: getattr(one, name) for name in DeliveryView.__struct_fields__})


def _hit(one: Engagement, urls: dict[int, str]) -> HitView:
    return HitView(
        kind=one.kind,
        at=one.seen_at,
        url=urls.get(one.number),
        verdict=one.verdict,
        reason=one.reason,
        ip=one.ip,
        agent=one.agent,
    )
