"""What all rooms keep of one person, found by the letters to them, and taken away. SQL for ``erase`` and ``change``.

The lists of sends are cut into pieces, since a statement has room for so many values. Everything is found by an index
that begins with the site and the send or the subject; what waits in ``hit`` is what came in the last seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Table, delete, select, update

from wherefrom.audience.forget import Who, without_contact
from wherefrom.audience.tables import contact_filter
from wherefrom.contacts.contact import Contact
from wherefrom.db import Tx
from wherefrom.events.tables import event
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.inbox.tables import match, message
from wherefrom.outbound.news import with_status
from wherefrom.outbound.store.sends import as_notices, list_notices, lock_send, note_acts, record_outcome
from wherefrom.outbound.tables import bounce, send, send_notice
from wherefrom.tracking.tables import engagement, hit, link
from wherefrom.visits.tables import visit
from wherefrom.webhooks.tables import attempt, delivery

NOBODY = 0
"""The contact of letters whose person was erased. No contact has this id."""

_AT_ONCE = 500


async def lock_sends(tx: Tx, site_id: int, contact_id: int) -> list[int]:
    """The contact's sends, kept from other writers; in one order, so that two who lock many do not meet crosswise."""
    query = select(send.c.id).where(send.c.site_id == site_id, send.c.contact_id == contact_id)
    return list(await tx.scalars(query.order_by(send.c.id).with_for_update()))


async def remove_hits(tx: Tx, site_id: int, sends: Sequence[int]) -> None:
    """All requests for pixels and links of these sends, judged and waiting."""
    for table in (hit, engagement):
        for ids in _pieces(sends):
            await tx.execute(delete(table).where(table.c.site_id == site_id, table.c.send_id.in_(ids)))


async def list_letters_of(tx: Tx, site_id: int, contact: Contact) -> list[int]:
    """Letters of which somebody may have been told that the contact wrote them: from its address, or from a visit that
    came by a letter to it."""
    from_it = select(message.c.id).where(message.c.site_id == site_id, message.c.from_address == contact.email)
    visits = select(visit.c.id).where(visit.c.site_id == site_id, visit.c.contact_id == contact.id)
    by_click = select(match.c.message_id).where(match.c.site_id == site_id, match.c.visit_id.in_(visits))
    return sorted({*await tx.scalars(from_it), *await tx.scalars(by_click)})


async def list_letters_from(tx: Tx, site_id: int, email: str) -> list[int]:
    """Letters that came from the address (in lower case)."""
    mine = message.c.site_id == site_id, message.c.from_address == email
    return sorted(await tx.scalars(select(message.c.id).where(*mine)))


async def remove_letters(tx: Tx, site_id: int, letters: Sequence[int], now: datetime) -> tuple[int, set[str]]:
    """Removes these, which nobody is to be told of any more; how many, and the names of the bytes they had."""
    gone, names = 0, set[str]()
    for ids in _pieces(letters):
        untold = event.c.site_id == site_id, event.c.subject_id.in_(ids), event.c.fanned_at.is_(None)
        await tx.execute(update(event).where(*untold).values(fanned_at=now))
        count, had = await forget_letters(tx, site_id, ids)
        gone, names = gone + count, names | had
    return gone, names


async def cut_from_letters_told(tx: Tx, site_id: int, letters: Sequence[int], contact_id: int) -> None:
    """Takes the contact, and nothing else, out of what was or will be told of letters: those are the owner's."""
    for ids in _pieces(letters):
        for id_, data in await _of(tx, event, event.c.data, site_id, event.c.subject_id.in_(ids)):
            bare = without_contact(data, contact_id)
            if bare != data:
                await _set(tx, event, site_id, id_, {"data": bare})
        for id_, body in await _of(tx, delivery, delivery.c.body, site_id, delivery.c.subject_id.in_(ids)):
            told = _read(body)
            bare = without_contact(told, contact_id)
            if bare != told:
                await _set(tx, delivery, site_id, id_, {"body": msgspec.json.encode(bare).decode()})


async def part_from(tx: Tx, site_id: int, sends: Sequence[int]) -> None:
    """The sends stay, as letters to nobody: what was counted of them stays counted."""
    for ids in _pieces(sends):
        mine = send.c.site_id == site_id, send.c.id.in_(ids)
        await tx.execute(update(send).where(*mine).values(contact_id=NOBODY, subject="", reference=""))
        notices = send_notice.c.site_id == site_id, send_notice.c.send_id.in_(ids)
        await tx.execute(update(send_notice).where(*notices).values(detail=""))


async def part_bounces_from(tx: Tx, site_id: int, sends: Sequence[int]) -> list[int]:
    """Takes the person out of what came back of the sends; the letters that told it, with their copies. They say who it
    was in each line, and what they return says it once more."""
    reports: set[int] = set()
    for ids in _pieces(sends):
        mine = bounce.c.site_id == site_id, bounce.c.send_id.in_(ids)
        found = await tx.scalars(select(bounce.c.message_id).where(*mine, bounce.c.message_id.is_not(None)))
        reports.update(found)
        bare = {"contact_id": NOBODY, "email": "", "detail": "", "message_id": None}
        await tx.execute(update(bounce).where(*mine).values(bare))
    copies: set[int] = set()
    for part in _pieces(sorted(reports)):
        for column in (message.c.sha256, message.c.message_id):  # a copy has the same of one of the two
            same = select(column).where(message.c.site_id == site_id, message.c.id.in_(part), column.is_not(None))
            theirs = message.c.site_id == site_id, column.in_(same), message.c.duplicate_of.in_(part)
            copies.update(await tx.scalars(select(message.c.id).where(*theirs)))
    return sorted(reports | copies)


async def cut_from_links(tx: Tx, site_id: int, sends: Sequence[int], who: Who) -> None:
    """Takes the person out of where links lead."""
    for ids in _pieces(sends):
        query = select(link.c.send_id, link.c.number, link.c.url)
        for send_id, number, url in await tx.execute(query.where(link.c.site_id == site_id, link.c.send_id.in_(ids))):
            bare = who.cut_from_url(url)
            if bare != url:
                this = link.c.site_id == site_id, link.c.send_id == send_id, link.c.number == number
                await tx.execute(update(link).where(*this).values(url=bare))


async def cut_from_told(tx: Tx, site_id: int, subjects: Sequence[int], who: Who, now: datetime) -> None:
    """Takes the person out of events about these subjects and out of what webhooks were told, or would have been: what
    waits is called off."""
    for ids in _pieces(subjects):
        for id_, data in await _of(tx, event, event.c.data, site_id, event.c.subject_id.in_(ids)):
            await _set(tx, event, site_id, id_, {"data": who.cut_from_told(data)})
        told = []
        for id_, body in await _of(tx, delivery, delivery.c.body, site_id, delivery.c.subject_id.in_(ids)):
            await _set(tx, delivery, site_id, id_, {"body": _cut_from_body(body, who)})
            told.append(id_)
        for part in _pieces(told):
            waits = delivery.c.site_id == site_id, delivery.c.id.in_(part), delivery.c.status == "pending"
            called_off = {"status": "cancelled", "ended_at": now, "claimed_until": None}
            await tx.execute(update(delivery).where(*waits).values(called_off))
            tries = attempt.c.site_id == site_id, attempt.c.delivery_id.in_(part)
            await tx.execute(update(attempt).where(*tries).values(answer="", error=""))


def _cut_from_body(body: str, who: Who) -> str:
    """Still what a receiver can read, should somebody send it again."""
    return msgspec.json.encode(who.cut_from_told(_read(body))).decode()


def _read(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}


async def remove_filters_about(tx: Tx, site_id: int, who: Who) -> None:
    """Saved filters that look for this very address."""
    mine = contact_filter.c.site_id == site_id
    for id_, definition in await _of(tx, contact_filter, contact_filter.c.definition, site_id):
        if who.is_in(definition):
            await tx.execute(delete(contact_filter).where(mine, contact_filter.c.id == id_))


async def count_nothing(tx: Tx, site_id: int, sends: Iterable[int]) -> None:
    """The sends as if nobody had been measured: their status comes from notices alone."""
    for id_ in sends:
        known = await lock_send(tx, site_id, id_)
        if known is None:
            continue
        bare = replace(
            known, opened_at=None, last_opened_at=None, opens=0, clicked_at=None, last_clicked_at=None, clicks=0
        )
        if bare != known:
            await note_acts(tx, known, bare)
            await record_outcome(tx, with_status(bare, as_notices(await list_notices(tx, site_id, id_))))


async def _of(tx: Tx, table: Table, column: Any, site_id: int, *where: Any) -> list[tuple[int, Any]]:
    rows = await tx.execute(select(table.c.id, column).where(table.c.site_id == site_id, *where))
    return [(row[0], row[1]) for row in rows]


async def _set(tx: Tx, table: Table, site_id: int, id_: int, values: dict[str, Any]) -> None:
    await tx.execute(update(table).where(table.c.site_id == site_id, table.c.id == id_).values(values))


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[begin : begin + _AT_ONCE] for begin in range(0, len(ids), _AT_ONCE))
