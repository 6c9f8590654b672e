"""The management API of sends: hand a letter in before it is sent, and see what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct, field, json

from wherefrom.contacts.api import parse_id_cursor
from wherefrom.contacts.contact import LONGEST_NAME, Contact, parse_line
from wherefrom.contacts.store import find_contact
from wherefrom.db import Tx
from wherefrom.errors import BadInput
from wherefrom.outbound.deliver import LONGEST_KEY, Wish, deliver
from wherefrom.outbound.failure import weigh_refusal
from wherefrom.outbound.fields import check_extra
from wherefrom.outbound.leave import suppress
from wherefrom.outbound.news import record_notice
from wherefrom.outbound.send import Draft, make_send
from wherefrom.outbound.sender import parse_sender
from wherefrom.outbound.status import TOLD, SendStatus
from wherefrom.outbound.store import sends as store
from wherefrom.outbound.store.outgoing import find_outgoing
from wherefrom.outbound.store.sends import Sent, ToldNotice
from wherefrom.outbound.suppression import ALL
from wherefrom.outbound.views import (
    KeptLink,
    MadeSend,
    SendDetails,
    SendPage,
    SendView,
    delivery_view,
    details_view,
    send_view,
)
from wherefrom.services import Services
from wherefrom.tracking.store import count_verdicts, list_engagements, list_urls
from wherefrom.web.api import Call, Operation

_LONGEST_DETAIL = 500
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # clocks differ


class SendTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the letter is for. ``name`` and ``reference`` (your own) change a contact that is known by its address."""

    email: str
    name: str | None = None
    reference: str | None = None


class SendFrom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the letter is from, in place of what the site's account says."""

    email: str
    name: str = ""


class AddSend(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A letter to one person. ``list`` names the kind of mail, ``reference`` is your own. Without ``deliver`` your
    mailer sends it; with it the site's account does (PUT …/sender), and ``from``, ``reply_to`` and ``headers`` may be
    given: X-… and a few others. The header Idempotency-Key then makes sure that a request which is sent twice sends one
    letter."""

    contact: SendTo
    subject: str = ""
    html: str = ""
    text: str = ""
    track_opens: bool = True
    track_clicks: bool = True
    list: str = ""
    reference: str = ""
    deliver: bool = False
    from_: SendFrom | None = field(default=None, name="from")
    reply_to: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class ListSends(Struct, frozen=True, kw_only=True):
    """``contact`` (an id) and ``reference`` keep theirs; ``opened`` and ``clicked``, true or false, those that a person
    did or did not; ``cursor`` is the ``next_cursor`` of the page before."""

    contact: str | None = None
    reference: str | None = None
    opened: bool | None = None
    clicked: bool | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class AddNotice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What your mailer was told of the letter. ``at`` is when it happened (RFC 3339 with an offset); now, if left out.
    ``detail`` in words, such as the server's answer: of one that failed it tells whether the address is to be mailed
    on ("550 5.1.1 …" ends its mail, three letters that failed in days do)."""

    status: Literal["rejected", "delivered", "failed", "unsubscribed", "complained"]
    at: datetime | None = None
    detail: str = ""


async def _add(call: Call) -> MadeSend:
    body: AddSend = call.body
    draft = Draft(
        email=body.contact.email,
        name=body.contact.name,
        contact_reference=body.contact.reference,
        subject=body.subject,
        html=body.html,
        text=body.text,
        track_opens=body.track_opens,
        track_clicks=body.track_clicks,
        list=body.list,
        reference=body.reference,
    )
    wish = _wish(call)
    if wish is not None:
        return await _deliver(call, draft, wish)
    sent, _, letter = await make_send(call.services, call.site_id, draft)
    return MadeSend(
        send=send_view(sent),
        html=letter.html,
        text=letter.text,
        headers=letter.headers,
        kept=[KeptLink(url=one.url, why=one.why) for one in letter.kept],
    )


_KEY = ("Idempotency-Key", "goes with deliver: a request that is sent twice with the same one sends one letter")


def _wish(call: Call) -> Wish | None:
    """How the letter is to be sent; None when the caller sends it. BadInput for what says nothing without
    ``deliver``."""
    body: AddSend = call.body
    key = call.request.headers.get(_KEY[0])
    if not body.deliver:
        given = {"from": body.from_, "reply_to": body.reply_to, "headers": body.headers, "Idempotency-Key": key}
        for name, value in given.items():
            if value:
                raise BadInput(f"{name} goes with deliver", hint='say "deliver": true, or leave it out', field=name)
        return None
    if key is not None and (not key.strip() or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable())):
        raise BadInput(
            f"Idempotency-Key is empty, longer than {LONGEST_KEY} characters, or not ASCII", field="Idempotency-Key"
        )
    return Wish(
        from_address=parse_sender(body.from_.email, "from.email") if body.from_ else "",
        from_name=parse_line(body.from_.name, "from.name", LONGEST_NAME) if body.from_ else "",
        reply_to=parse_sender(body.reply_to, "reply_to") if body.reply_to.strip() else "",
        headers=tuple(check_extra(body.headers)),
        key=None if key is None else key.strip(),
        asked=json.encode(body),
    )


async def _deliver(call: Call, draft: Draft, wish: Wish) -> MadeSend:
    posted = await deliver(call.services, call.site_id, draft, wish)
    kept = posted.letter.kept if posted.letter else []
    return MadeSend(
        send=send_view(posted.sent),
        html="",
        text="",
        headers={},
        kept=[KeptLink(url=one.url, why=one.why) for one in kept],
        delivery=delivery_view(posted.outgoing),
        repeated=posted.repeated,
    )


async def _get(call: Call) -> SendDetails:
    send_id = call.id("send")
    async with call.services.db.read() as tx:
        sent = await store.get_send(tx, call.site_id, send_id)
        contact = await find_contact(tx, call.site_id, sent.contact_id)
        hits = await list_engagements(tx, call.site_id, send_id)
        urls = await list_urls(tx, call.site_id, send_id)
        counts = await count_verdicts(tx, call.site_id, send_id)
        notices = await store.list_notices(tx, call.site_id, send_id)
        outgoing = await find_outgoing(tx, call.site_id, send_id)
    return details_view(sent, contact, hits, urls, counts, notices, outgoing)


async def _list(call: Call) -> SendPage:
    query: ListSends = call.query
    async with call.services.db.read() as tx:
        found = await store.list_sends(
            tx,
            call.site_id,
            limit=query.limit + 1,
            before=parse_id_cursor(query.cursor),
            contact_id=_parse_id(query.contact, "contact"),
            reference=query.reference,
            opened=query.opened,
            clicked=query.clicked,
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return SendPage(data=[send_view(one) for one in shown], next_cursor=cursor)


async def _add_notice(call: Call) -> SendView:
    body: AddNotice = call.body
    if body.at is not None and body.at.tzinfo is None:
        raise BadInput("at names no time zone", hint="write it like 2026-11-21T09:30:00Z", field="at")
    services, send_id = call.services, call.id("send")
    now = services.clock.now()
    if body.at is not None and not _EARLIEST <= body.at <= now + _AHEAD:
        raise BadInput(
            f"at ({body.at.isoformat()}) is no time at which something became of a letter",
            hint="it lies before the year 2000, or more than a day ahead; leave it out to say: now",
            field="at",
        )
    told = ToldNotice(SendStatus(body.status), body.at or now, now, parse_line(body.detail, "detail", _LONGEST_DETAIL))
    assert told.status in TOLD
    async with services.db.write() as tx:
        sent = await store.lock_send(tx, call.site_id, send_id) or await store.get_send(tx, call.site_id, send_id)
        contact = await find_contact(tx, call.site_id, sent.contact_id)
        await _end_mail(tx, services, sent, contact, told)
        scope = sent.list if told.status is SendStatus.UNSUBSCRIBED else ALL
        changed = await record_notice(tx, services, sent, contact, told, scope=scope)
    services.bell.ring("events")
    return send_view(changed)


async def _end_mail(tx: Tx, services: Services, sent: Sent, contact: Contact | None, told: ToldNotice) -> None:
    """Who complained gets no mail at all, who unsubscribed none of the list. Of a failure the other server's words are
    weighed, as if they were told to us: that it will last is more than a mailer's word says."""
    detail = told.detail or "told through the API"
    if contact is None:
        return
    if told.status in (SendStatus.FAILED, SendStatus.REJECTED):
        await weigh_refusal(tx, services, sent, contact, told.detail, told.happened_at)
    elif told.status is SendStatus.COMPLAINED:
        await suppress(tx, services, sent, contact.email, ALL, "complained", detail)
    elif told.status is SendStatus.UNSUBSCRIBED:
        await suppress(tx, services, sent, contact.email, sent.list, "unsubscribed", detail)


def _parse_id(text: str | None, field: str) -> int | None:
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < 2**63):
        raise BadInput(f"{field} “{text[:40]}” is no id", hint="ids are whole numbers", field=field)
    return None if text is None else int(text)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites/{site}/sends", "Hand in a letter: have it sent, or get it back with tracked links", _add,
        body=AddSend, answer=MadeSend, status=201, tag="sends", headers=(_KEY,),
    ),
    Operation(
        "GET", "/sites/{site}/sends", "List sends, the newest first: who opened, who clicked", _list,
        query=ListSends, answer=SendPage, tag="sends",
    ),
    Operation(
        "GET", "/sites/{site}/sends/{send}", "A send with its opens, clicks, verdicts and notices", _get,
        answer=SendDetails, tag="sends",
    ),
    Operation(
        "POST", "/sites/{site}/sends/{send}/notices", "Tell what became of a send: delivered, failed and so on",
        _add_notice, body=AddNotice, answer=SendView, tag="sends",
    ),
)  # fmt: skip
