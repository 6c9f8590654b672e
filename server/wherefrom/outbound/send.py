"""A letter to one person, handed in before it is sent: noted down, instrumented, handed back (feature H06).

    contact (made, or known by the address) ─▶ may it be measured? ─▶ links, pixel ─▶ one write: send, links ─▶ letter
                                                  no, or a fault ─▶ the letter untouched, with a word why

Whatever is wrong with the letter, or with us, the owner's mail goes out. Refused is only what names nobody, and what
goes to who is not to be mailed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from wherefrom.contacts.contact import LONGEST_NAME, LONGEST_REFERENCE, Contact, parse_email, parse_line
from wherefrom.contacts.store import (
    add_contact,
    find_contact_by_email,
    record_sent,
    replace_contact,
)
from wherefrom.db import Tx
from wherefrom.outbound.erased import erased_form
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.erased import show_suppressions
from wherefrom.outbound.store.sends import Sent, append_send
from wherefrom.outbound.store.suppressions import find_active
from wherefrom.outbound.suppression import refusal
from wherefrom.outbound.way_out import fill_html, fill_text
from wherefrom.services import Services
from wherefrom.sites.hosts import covers
from wherefrom.sites.store import list_hosts
from wherefrom.tracking.instrument import Kept, Links, add_pixel, wrap_html, wrap_text
from wherefrom.tracking.marks import Mark, click_address, leave_address, open_address, own_addresses
from wherefrom.tracking.store import append_links
from wherefrom.visits.hosts import find_host

Work = Callable[[Tx], Awaitable[None]]

log = structlog.get_logger(__name__)

LONGEST_SUBJECT = 998  # RFC 5322 2.1.1
LONGEST_LIST = 100

DENIED = "the contact does not agree to be measured: the letter is untouched"
DATE_ONLY = "of this contact only the day of the last open is kept: links are untouched"
NO_HTML = "the letter has no HTML part, which could carry a pixel"
FAULT = "the letter could not be read: it is untouched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is handed in. ``name`` and ``contact_reference`` None: as they are known."""

    email: str
    name: str | None = None
    contact_reference: str | None = None
    subject: str = ""
    html: str = ""
    text: str = ""
    track_opens: bool = True
    track_clicks: bool = True
    list: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is handed back. ``targets`` are its links by us, in the order of their numbers; ``kept`` the others."""

    html: str
    text: str
    opens: bool = False
    targets: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    note: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Prepare = Callable[[Sent, Contact, Letter], Work]


async def make_send(
    services: Services, site_id: int, draft: Draft, prepare: Prepare | None = None
) -> tuple[Sent, Contact, Letter]:
    """Notes the send down and instruments its letter. BadInput for an address that is none or a line that is too
    long, Unprocessable for an address that is not to be mailed. ``prepare`` is shown the instrumented letter, and gives
    what is to be written in the same transaction."""
    told = _tell(services, site_id, draft)
    async with services.db.read() as tx:
        known = await find_contact_by_email(tx, site_id, told.email)
        hosts = await list_hosts(tx, site_id)
    send_id = services.ids.next()
    draft = with_way_out(services, draft, Mark(site_id, send_id))
    letter = instrument(services, draft, known or told, send_id, hosts)
    letter = replace(letter, headers=leave_headers(services, Mark(site_id, send_id)))
    sent = _sent(services, draft, told, send_id, letter)
    also = None if prepare is None else prepare(sent, _as_told(known, told, draft), letter)

    async def write(tx: Tx) -> tuple[Sent, Contact]:
        if known is None:
            await show_suppressions(tx, site_id, erased_form(services.tokens, site_id, told.email), told.email)
        forbids = await find_active(tx, site_id, told.email, sent.list)
        if forbids is not None:
            raise refusal(forbids)
        contact = await _keep_contact(tx, told, draft)
        whole = replace(sent, contact_id=contact.id)
        await append_send(tx, whole)
        await append_links(tx, site_id, send_id, letter.targets)
        await record_sent(tx, site_id, contact.id, sent.created_at)
        if also is not None:
            await also(tx)
        return whole, contact

    return *await services.db.batch(write), letter


def with_way_out(services: Services, draft: Draft, mark: Mark) -> Draft:
    """``draft`` with the letter's own way out where it has a place for it; also when nothing of it may be measured."""
    address = leave_address(services.tokens, services.settings.server.public_url.rstrip("/"), mark)
    return replace(draft, html=fill_html(draft.html, address), text=fill_text(draft.text, address))


def leave_headers(services: Services, mark: Mark) -> dict[str, str]:
    """The way out, for mail programs (RFC 2369, RFC 8058). Of one click by https alone: by http anybody on the way
    could read and replay it, and RFC 8058 forbids it. Both are to be signed by DKIM."""
    base = services.settings.server.public_url.rstrip("/")
    headers = {"List-Unsubscribe": f"<{leave_address(services.tokens, base, mark)}>"}
    if base.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def instrument(services: Services, draft: Draft, contact: Contact, send_id: int, hosts: Sequence[str] = ()) -> Letter:
    """The letter as it may be measured; as it is when nothing may, or a fault is met. Links to the site's own ``hosts``
    take the contact along."""
    untouched = Letter(html=draft.html, text=draft.text)
    if contact.consent == "denied" and (draft.track_opens or draft.track_clicks):
        return replace(untouched, note=DENIED)
    try:
        return _instrument(services, draft, contact, send_id, hosts)
    except Exception as fault:  # whatever it is, the owner's letter goes out
        log.exception("a letter could not be instrumented", site=contact.site_id, exc_info=fault)
        return replace(untouched, note=FAULT)


def _instrument(services: Services, draft: Draft, contact: Contact, send_id: int, hosts: Sequence[str]) -> Letter:
    base, tokens = services.settings.server.public_url.rstrip("/"), services.tokens
    date_only = contact.mode == "open_date"

    def address_of(number: int, target: str) -> str:
        carried = contact.id if covers(hosts, find_host(target) or "") else 0
        return click_address(tokens, base, Mark(contact.site_id, send_id, number, contact_id=carried))

    links = Links(address_of, own_addresses(base))
    html, text, notes = draft.html, draft.text, []
    if draft.track_clicks and date_only:
        notes.append(DATE_ONLY)
    elif draft.track_clicks:
        html, text = wrap_html(html, links), wrap_text(text, links)
    opens = draft.track_opens and bool(html.strip())
    if opens:
        html = add_pixel(html, open_address(tokens, base, Mark(contact.site_id, send_id, date_only=date_only)))
    elif draft.track_opens:
        notes.append(NO_HTML)
    return Letter(html=html, text=text, opens=opens, targets=links.targets, kept=links.kept, note="; ".join(notes))


def _tell(services: Services, site_id: int, draft: Draft) -> Contact:
    """The contact as the draft has it."""
    return Contact(
        site_id=site_id,
        id=services.ids.next(),
        email=parse_email(draft.email),
        name=parse_line(draft.name or "", "contact.name", LONGEST_NAME),
        reference=parse_line(draft.contact_reference or "", "contact.reference", LONGEST_REFERENCE),
        created_at=services.clock.now(),
    )


def _sent(services: Services, draft: Draft, contact: Contact, send_id: int, letter: Letter) -> Sent:
    now = services.clock.now()
    return Sent(
        site_id=contact.site_id,
        id=send_id,
        contact_id=contact.id,
        subject=parse_line(draft.subject, "subject", LONGEST_SUBJECT),
        list=parse_line(draft.list, "list", LONGEST_LIST),
        reference=parse_line(draft.reference, "reference", LONGEST_REFERENCE),
        tracks_opens=letter.opens,
        tracks_clicks=bool(letter.targets),
        note=letter.note,
        status=SendStatus.ACCEPTED,
        status_at=now,
        created_at=now,
    )


async def _keep_contact(tx: Tx, told: Contact, draft: Draft) -> Contact:
    """The contact of this address, made now or known; what the draft says of it is taken over."""
    known = await find_contact_by_email(tx, told.site_id, told.email)
    if known is None:
        if await add_contact(tx, told):
            return told
        known = await find_contact_by_email(tx, told.site_id, told.email)
        assert known is not None, "it was in the way a moment ago"
    changed = _as_told(known, told, draft)
    if changed != known:
        await replace_contact(tx, changed)
    return changed


def _as_told(known: Contact | None, told: Contact, draft: Draft) -> Contact:
    """What is known of the contact, with what the draft says of it."""
    if known is None:
        return told
    return replace(
        known,
        name=known.name if draft.name is None else told.name,
        reference=known.reference if draft.contact_reference is None else told.reference,
    )
