"""Use cases of the engagement filter: a page of contacts, how many there are, all of them as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from wherefrom.audience.filter import Filter, resolve
from wherefrom.audience.store import people as store
from wherefrom.contacts.contact import Contact
from wherefrom.db import Tx
from wherefrom.outbound.store.suppressions import list_flags
from wherefrom.outbound.suppression import Flags
from wherefrom.services import Services
from wherefrom.web.csv_file import MARK, harmless, write_lines
from wherefrom.web.moments import write_moment

COLUMNS = (
    "id", "email", "name", "reference", "consent", "consent_at", "mode", "unsubscribed", "suppressed",
    "emails_sent_count", "emails_opened_count", "emails_clicked_count", "last_email_sent_at", "last_email_opened_at",
    "last_email_clicked_at", "created_at",
)  # fmt: skip
_AT_ONCE = 500


class Person(Struct, frozen=True):
    """A contact, and whether mail to it has ended."""

    contact: Contact
    flags: Flags


async def list_people(
    services: Services, site_id: int, zone: ZoneInfo, wanted: Filter, *, limit: int, before: int | None = None
) -> tuple[list[Person], int | None]:
    """At most ``limit`` contacts that fit, the newest first, and the id they go on below; None at the end."""
    asked = resolve(wanted, zone, services.clock.now())
    async with services.db.read() as tx:
        found = await store.list_people(tx, site_id, wanted, asked, limit=limit + 1, before=before)
        shown = found[:limit]
        people = await with_flags(tx, site_id, shown)
    return people, shown[-1].id if len(found) > limit else None


async def count_people(services: Services, site_id: int, zone: ZoneInfo, wanted: Filter) -> int:
    """How many contacts fit."""
    asked = resolve(wanted, zone, services.clock.now())
    async with services.db.read() as tx:
        return await store.count_people(tx, site_id, wanted, asked)


async def with_flags(tx: Tx, site_id: int, found: Sequence[Contact]) -> list[Person]:
    """The contacts with what holds for their addresses."""
    flags = await list_flags(tx, site_id, [one.email for one in found])
    return [Person(one, flags.get(one.email, Flags())) for one in found]


async def export_people(services: Services, site_id: int, zone: ZoneInfo, wanted: Filter) -> AsyncIterator[str]:
    """All that fit as CSV (RFC 4180, with a byte order mark for spreadsheets), a part at a time; each part is a
    transaction of its own, so that a slow reader holds none open."""
    yield MARK + write_lines([COLUMNS])
    before: int | None = None
    while True:
        people, before = await list_people(services, site_id, zone, wanted, limit=_AT_ONCE, before=before)
        if people:
            yield write_lines(_cells(one) for one in people)
        if before is None:
            return


def _cells(one: Person) -> tuple[str, ...]:
    contact = one.contact
    moments = (contact.last_email_sent_at, contact.opened_at, contact.last_email_clicked_at, contact.created_at)
    cells = (
        contact.id, contact.email, contact.name, contact.reference, contact.consent, write_moment(contact.consent_at),
        contact.mode, *("yes" if flag else "" for flag in (one.flags.unsubscribed, one.flags.suppressed)),
        contact.emails_sent_count, contact.emails_opened_count, contact.emails_clicked_count,
        *(write_moment(at) for at in moments),
    )  # fmt: skip
    return tuple(harmless(str(cell)) for cell in cells)
