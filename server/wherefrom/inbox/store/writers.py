"""Contacts who may have written letters: found by the letters' senders, and by the visits they are matched to."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select

from wherefrom.contacts.tables import contact
from wherefrom.db import Prepared, Tx
from wherefrom.db.keys import among
from wherefrom.inbox.writer import Person, Writer, address_key, choose_writer
from wherefrom.visits.visit import Visit

_PEOPLE = select(contact.c.id, contact.c.email, contact.c.name, contact.c.reference).where(
    contact.c.site_id == bindparam("of_site")
)
_BY_EMAIL = Prepared(_PEOPLE.where(among(contact.c.email, "of_emails")))
_BY_ID = Prepared(_PEOPLE.where(among(contact.c.id, "of_ids")))
_ANYBODY = Prepared(_PEOPLE.limit(1))


async def list_people(tx: Tx, site_id: int, addresses: Collection[str], ids: Collection[int]) -> list[Person]:
    """The site's contacts with one of these addresses, in any spelling, or of these ids."""
    keys = {key for one in addresses if (key := address_key(one))}
    found: dict[int, Person] = {}
    if keys:
        rows = await tx.fetch(_BY_EMAIL, {"of_site": site_id, "of_emails": sorted(keys)})
        found = {row[0]: Person(*row) for row in rows}
    if missing := sorted(set(ids) - found.keys()):
        rows = await tx.fetch(_BY_ID, {"of_site": site_id, "of_ids": missing})
        found |= {row[0]: Person(*row) for row in rows}
    return list(found.values())


async def find_writer(tx: Tx, site_id: int, from_address: str, visit: Visit | None) -> Writer | None:
    """Who wrote a letter that came from ``from_address`` and is matched to ``visit``."""
    if not await _has_people(tx, site_id):
        return None
    contact_id, send_id = (visit.contact_id, visit.send_id) if visit else (None, None)
    people = await list_people(tx, site_id, [from_address], [contact_id] if contact_id is not None else [])
    return choose_writer(people, from_address, contact_id, send_id)


async def _has_people(tx: Tx, site_id: int) -> bool:
    """Many sites send nothing from here, and know nobody."""

    async def ask() -> bool:
        return bool(await tx.fetch(_ANYBODY, {"of_site": site_id}))

    return await tx.recall(contact, site_id, ask)
