"""Use cases: a contact is added, changed, erased.

    erase:  sends locked, contact locked ─▶ hits gone ─▶ sends parted from the person ─▶ links, events and webhooks'
            bodies without them ─▶ suppressions under a keyed hash ─▶ contact gone ─▶ ``contact.erased``    one write

What stays of an erased person: letters to nobody with the times at which something happened (totals stay right), links
that still lead on, and that they are not to be mailed, if so. Letters they wrote are the owner's correspondence and
stay in the inbox, and what was told of them, but without the contact: unless those are to go, too. The mailbox they
came from has them all the same, and what a webhook was told is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from wherefrom.audience.forget import Who
from wherefrom.audience.store import traces
from wherefrom.contacts import store
from wherefrom.contacts.change import AddContact, ChangeContact, changed, made, said, says
from wherefrom.contacts.contact import Contact, Counts
from wherefrom.db import Tx
from wherefrom.errors import NotFound
from wherefrom.events.snapshots import ContactErased
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.inbox.store.blobs import add_loose
from wherefrom.outbound.erased import erased_form
from wherefrom.outbound.store.erased import hide_suppressions, show_suppressions
from wherefrom.outbound.store.outgoing import delete_outgoing
from wherefrom.services import Services
from wherefrom.visits.store import forget_contact
from wherefrom.webhooks.lead import contact_lead
from wherefrom.webhooks.store.endpoints import list_endpoints
from wherefrom.webhooks.store.leads import forget_leads


class Erased(Struct, frozen=True):
    """How many ``letters`` were parted from the person, and how many they wrote (``own_letters``) are gone;
    ``suppressions`` still hold for their address."""

    contact_id: int
    letters: int
    own_letters: int
    suppressions: int


async def add_contact(services: Services, site_id: int, wish: AddContact, by: str) -> Contact:
    """BadInput, or Conflict when the site knows the address."""
    now = services.clock.now()
    new = made(site_id, services.ids.next(), wish, now)
    async with services.db.write() as tx:
        await store.append_contact(tx, new)
        await show_suppressions(tx, site_id, erased_form(services.tokens, site_id, new.email), new.email)
        if says(None, new):
            await store.append_said(tx, said(new, services.ids.next(), by, now))
    return new


async def change_contact(services: Services, site_id: int, contact_id: int, wish: ChangeContact, by: str) -> Contact:
    """BadInput, NotFound. Who is to be known by the day of the last open alone is forgotten but for that day."""
    now = services.clock.now()
    async with services.db.write() as tx:
        known, sends = await _lock(tx, site_id, contact_id)
        after = changed(known, wish, now)
        if after != known:
            await store.replace_contact(tx, after)
        if says(known, after):
            await store.append_said(tx, said(after, services.ids.next(), by, now))
        if after.mode == "open_date" and known.mode != "open_date":
            await _keep_the_day(tx, known, sends)
        return await store.get_contact(tx, site_id, contact_id)


async def erase_contact(
    services: Services, site_id: int, contact_id: int, by: str, *, own_letters: bool = False
) -> Erased:
    """Everything that says who it was, also reports on letters to the address; with ``own_letters`` the letters that
    came from it, too. Bytes of letters and their files leave the disk a day later. NotFound when it is not there, or
    not any more."""
    now = services.clock.now()
    async with services.db.write() as tx:
        contact, sends = await _lock(tx, site_id, contact_id)
        who = Who(contact.email, contact.name)
        await traces.remove_hits(tx, site_id, sends)
        await traces.cut_from_links(tx, site_id, sends, who)
        reports = await traces.part_bounces_from(tx, site_id, sends)
        await traces.cut_from_told(tx, site_id, [*sends, contact_id], who, now)
        letters = await traces.list_letters_of(tx, site_id, contact)
        await traces.cut_from_letters_told(tx, site_id, letters, contact_id)
        own = await traces.list_letters_from(tx, site_id, who.email) if own_letters else []
        await traces.cut_from_told(tx, site_id, own, who, now)  # what waits is called off, else its letter would stay
        await _forget_letters(tx, site_id, reports, now)
        gone = await _forget_letters(tx, site_id, own, now)
        await forget_contact(tx, site_id, contact_id)
        await delete_outgoing(tx, site_id, sends)
        await traces.part_from(tx, site_id, sends)
        await traces.remove_filters_about(tx, site_id, who)
        hidden = erased_form(services.tokens, site_id, contact.email)
        kept = await hide_suppressions(tx, site_id, contact.email, hidden)
        endpoints = [one.id for one in await list_endpoints(tx, site_id)]
        await forget_leads(tx, site_id, endpoints, [contact_lead(contact_id)])
        await store.remove_contact(tx, site_id, contact_id)
        data = ContactErased(contact_id=str(contact_id), by=by, letters=len(sends), suppressed=kept > 0)
        type_ = EventType.CONTACT_ERASED
        await append_event(
            tx, id=services.ids.next(), site_id=site_id, type=type_, subject_id=contact_id, data=data, now=now
        )
    services.bell.ring("events")
    services.bell.ring("links")
    return Erased(contact_id, len(sends), gone, kept)


async def _forget_letters(tx: Tx, site_id: int, letters: Sequence[int], now: datetime) -> int:
    count, names = await traces.remove_letters(tx, site_id, letters, now)
    await add_loose(tx, site_id, names, now)
    return count


async def _lock(tx: Tx, site_id: int, contact_id: int) -> tuple[Contact, list[int]]:
    """The contact and its sends, locked in the order in which hits are judged: sends first. What was sent between the
    two locks is seen at the second look; after it nothing can be, since each send counts itself at the contact."""
    await traces.lock_sends(tx, site_id, contact_id)
    contact = await store.lock_contact(tx, site_id, contact_id)
    if contact is None:
        raise NotFound(f"there is no contact {contact_id}", hint="GET …/contacts?email=… finds a contact by address")
    return contact, await traces.lock_sends(tx, site_id, contact_id)


async def _keep_the_day(tx: Tx, known: Contact, sends: list[int]) -> None:
    await traces.remove_hits(tx, known.site_id, sends)
    await traces.count_nothing(tx, known.site_id, sends)
    await forget_contact(tx, known.site_id, known.id)
    await store.record_counts(tx, known.site_id, known.id, Counts(0, 0, None, None))
    if known.opened_at is not None:
        day = known.opened_at.replace(hour=0, minute=0, second=0, microsecond=0)
        await store.record_opened_on(tx, known.site_id, known.id, day)
