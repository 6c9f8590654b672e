"""Messages as they come in: stored, claimed, sorted. (Large ones begin as ``arriving``, see there.)

    stored ─claim─▶ stored (claimed_until) ─▶ sorted       a letter, matched or not
                                            ├▶ duplicate    the same letter is there already
                                            ├▶ taken        another taker's: a report, a relayed letter
                                            └▶ unreadable   with the reason; also after MOST_TRIES faults

A claim ends by itself, so that a process may die while sorting. ``tries`` counts claims: a letter that kills the
process that reads it is given up, not tried for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import BindParameter, and_, bindparam, literal_column, or_, select, update

from wherefrom.db import Prepared, Tx, insert
from wherefrom.db.insert import InsertUnlessThere
from wherefrom.db.keys import among
from wherefrom.events.late_store import note_change_of
from wherefrom.inbox.evidence import Earlier
from wherefrom.inbox.tables import attachment, match, message, message_address
from wherefrom.substitution.tables import lease
from wherefrom.visits.hours_store import forget_hours_of

MOST_OF_SENDER = 20  # newest letters of a sender that are looked through for matched ones
MOST_OF_THREAD = 100
MOST_TRIES = 3
MOST_DEATHS = 20
"""Tries of a letter nothing was ever said of. What kills a parser kills the reader's process and leaves a word, so that
here the service itself was killed, most likely by somebody: a letter is not to blame for being in its hands."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of which only the bytes and the place are known. ``claimed_until`` marks this very claim. ``historic``:
    old mail, from before its folder was added."""

    site_id: int
    id: int
    mailbox_id: int
    folder_kind: str
    uid: int
    sha256: str
    size: int
    truncated: bool
    tries: int
    arrived_at: datetime
    stored_at: datetime
    claimed_until: datetime | None
    historic: bool = False


class Twin(Struct, frozen=True):
    """What tells whether another message is the same letter."""

    id: int
    sha256: str
    folder_kind: str
    subject: str
    from_address: str
    written_at: datetime | None
    text: str


class OfSender(NamedTuple):
    """A letter of somebody; ``match``: when it is matched."""

    message_id: int
    arrived_at: datetime
    match: Earlier | None


_STORED = (
    message.c.site_id, message.c.id, message.c.mailbox_id, message.c.folder_kind, message.c.uid, message.c.sha256,
    message.c.size, message.c.truncated, message.c.tries, message.c.arrived_at, message.c.stored_at,
    message.c.historic,
)  # fmt: skip
_FINISHED = ("sorted", "taken", "unreadable")
_UNSORTED: dict[str, Any] = {
    "status": "stored", "status_reason": "", "duplicate_of": None, "tries": 0, "claimed_until": None,
    "written_at": None, "message_id": None, "in_reply_to": None, "references": None, "subject": "",
    "from_address": "", "from_name": "", "to_address": "", "text": "", "has_html": False, "automatic": "",
    "first_of_thread": False, "defects": None, "historic": False,
}  # fmt: skip


_SITE: BindParameter[int] = bindparam("of_site")
_ADD_NEW = Prepared(InsertUnlessThere(message, "site_id", "folder_id", "uidvalidity", "uid"))
_LIST_IDS = Prepared(select(message.c.id).where(message.c.site_id == _SITE, among(message.c.id, "ids")))
# The site stands in each half of the OR: with it in front, SQLite reads all letters of the site instead of looking
# into two indexes (0.18 ms among 600 letters, and growing with them).
_LIST_TWINS = Prepared(
    select(
        message.c.id, message.c.sha256, message.c.folder_kind, message.c.subject, message.c.from_address,
        message.c.written_at, message.c.text,
    )
    .where(
        or_(
            and_(message.c.site_id == _SITE, message.c.sha256 == bindparam("of_content")),
            and_(message.c.site_id == _SITE, message.c.message_id == bindparam("of_message_id")),
        ),
        message.c.id != bindparam("of_id"), message.c.status.in_([literal_column(f"'{one}'") for one in _FINISHED]),
    )
    .order_by(message.c.id)
    .limit(20)
)  # fmt: skip
_MATCHED = (
    select(
        message.c.id, message.c.arrived_at, match.c.visit_id, match.c.lease_id, match.c.confidence,
        lease.c.visitor_id, message.c.message_id,
    )
    .join(match, and_(match.c.site_id == message.c.site_id, match.c.message_id == message.c.id))
    .outerjoin(lease, and_(lease.c.site_id == match.c.site_id, lease.c.id == match.c.lease_id))
    # "+ 0": else SQLite goes through all matches of the site, not to the letters that are asked for.
    .where(message.c.site_id == _SITE, (match.c.visit_id + 0).is_not(None))
)  # fmt: skip
_LIST_THREAD = Prepared(_MATCHED.where(among(message.c.message_id, "message_ids")).limit(MOST_OF_THREAD))
# First the sender's letters, then their matches: of a machine that writes daily and never matches, all would be read.
_NEWEST = (
    select(message.c.site_id, message.c.id, message.c.arrived_at, message.c.message_id)
    .where(
        message.c.site_id == _SITE,
        message.c.from_address == bindparam("of_sender"),
        message.c.arrived_at <= bindparam("before"),
    )
    .order_by(message.c.arrived_at.desc(), message.c.id.desc())
    .limit(MOST_OF_SENDER)
    .subquery()
)
_LIST_OF_SENDER = Prepared(
    select(
        _NEWEST.c.id, _NEWEST.c.arrived_at, match.c.visit_id, match.c.lease_id, match.c.confidence,
        lease.c.visitor_id, _NEWEST.c.message_id,
    )
    .outerjoin(match, and_(match.c.site_id == _NEWEST.c.site_id, match.c.message_id == _NEWEST.c.id))
    .outerjoin(lease, and_(lease.c.site_id == match.c.site_id, lease.c.id == match.c.lease_id))
)  # fmt: skip
_LIST_OURS = Prepared(
    select(message.c.id, message.c.claimed_until)
    .where(message.c.site_id == _SITE, among(message.c.id, "ids"), message.c.status == literal_column("'stored'"))
    .order_by(message.c.id)
    .with_for_update()
)
_ADD_ADDRESS, _ADD_ATTACHMENT, _ADD_MATCH = (Prepared(one.insert()) for one in (message_address, attachment, match))


async def add_message(tx: Tx, values: Mapping[str, Any]) -> bool:
    """Adds a letter with its place and content; False when the place (folder, uidvalidity, uid) is taken already."""
    done = await tx.execute(
        insert(tx, message)
        .values({**_UNSORTED, **values})
        .on_conflict_do_nothing(index_elements=["site_id", "folder_id", "uidvalidity", "uid"])
    )
    return bool(done.rowcount)


async def add_messages(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """As ``add_message`` for many; those whose place is taken are left out."""
    await tx.append(_ADD_NEW, [{**_UNSORTED, **row} for row in rows])


async def list_ids_here(tx: Tx, site_id: int, ids: Sequence[int]) -> set[int]:
    """Which of these messages there are."""
    return {id_ for (id_,) in await tx.fetch(_LIST_IDS, {"of_site": site_id, "ids": list(ids)})}


async def list_held(tx: Tx, site_id: int, sha256s: Sequence[str]) -> set[str]:
    """Which of these contents the site has letters of."""
    query = select(message.c.sha256).where(message.c.site_id == site_id, message.c.sha256.in_(sha256s))
    return set((await tx.scalars(query)).all()) if sha256s else set()


async def list_stored_uids(tx: Tx, site_id: int, folder_id: int, uidvalidity: int, first: int, last: int) -> set[int]:
    """The UIDs from ``first`` to ``last`` whose letters are here whole, in whatever state."""
    query = select(message.c.uid).where(
        message.c.site_id == site_id,
        message.c.folder_id == folder_id,
        message.c.uidvalidity == uidvalidity,
        message.c.uid.between(first, last),
        message.c.status != literal_column("'arriving'"),
    )
    return set((await tx.scalars(query)).all())


async def claim_messages(tx: Tx, now: datetime, until: datetime, limit: int) -> list[Stored]:
    """Takes the oldest unsorted messages of all sites until ``until``; old mail when nothing else waits.

    One that was claimed before and never finished is taken alone: if it kills the process again, no other letter's
    tries are spent.
    """
    free = or_(message.c.claimed_until.is_(None), message.c.claimed_until < now)
    query = (
        select(*_STORED)
        .where(message.c.status == literal_column("'stored'"), free)
        .order_by(message.c.historic, message.c.id)
        .limit(limit)
    )
    if tx.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = (await tx.execute(query)).all()
    rows = rows[:1] if rows and rows[0].tries else [row for row in rows if not row.tries]
    for site_id in {row.site_id for row in rows}:
        await tx.execute(
            update(message)
            .where(message.c.site_id == site_id, message.c.id.in_([row.id for row in rows if row.site_id == site_id]))
            .values(claimed_until=until, tries=message.c.tries + 1)
        )
    return [Stored(**{**row._mapping, "tries": row.tries + 1}, claimed_until=until) for row in rows]


async def renew_claim(tx: Tx, stored: Stored, until: datetime) -> Stored | None:
    """The claim with a new end; None when it was lost."""
    done = await tx.execute(
        update(message)
        .where(_is(stored.site_id, stored.id), message.c.claimed_until == stored.claimed_until)
        .values(claimed_until=until)
    )
    return replace(stored, claimed_until=until) if done.rowcount else None


async def list_ours(tx: Tx, site_id: int, letters: Sequence[Stored]) -> set[int]:
    """Those whose claims still hold; they stay so until the transaction ends."""
    rows = await tx.fetch(_LIST_OURS, {"of_site": site_id, "ids": [one.id for one in letters]})
    until: dict[int, datetime | None] = dict(rows)
    return {one.id for one in letters if one.id in until and until[one.id] == one.claimed_until}


async def record_reason(tx: Tx, stored: Stored, reason: str) -> None:
    """What went wrong this time, kept beside a letter that is still to be sorted."""
    await tx.execute(
        update(message)
        .where(_is(stored.site_id, stored.id), message.c.claimed_until == stored.claimed_until)
        .values(status_reason=reason)
    )


async def find_reason(tx: Tx, site_id: int, message_id: int) -> str:
    """What went wrong last; "" for nothing that is known of."""
    return await tx.scalar(select(message.c.status_reason).where(_is(site_id, message_id))) or ""


async def set_folder_kind(tx: Tx, site_id: int, message_id: int, kind: str, reason: str) -> None:
    """The letter counts as of another kind of folder, and why."""
    await tx.execute(update(message).where(_is(site_id, message_id)).values(folder_kind=kind, status_reason=reason))


async def add_addresses(tx: Tx, site_id: int, message_id: int, rows: Iterable[tuple[str, str, str]]) -> None:
    """Adds (role, address, name) in the order given, which is that of trust."""
    values = [
        {"site_id": site_id, "message_id": message_id, "number": n, "role": role, "address": address, "name": name}
        for n, (role, address, name) in enumerate(rows, start=1)
    ]
    await tx.append(_ADD_ADDRESS, values)


async def add_attachments(tx: Tx, site_id: int, message_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds attachments, numbered from 1 in the order given."""
    values = [{"site_id": site_id, "message_id": message_id, "number": n, **row} for n, row in enumerate(rows, start=1)]
    await tx.append(_ADD_ATTACHMENT, values)


async def add_match(tx: Tx, site_id: int, message_id: int, values: Mapping[str, Any]) -> None:
    await tx.append(_ADD_MATCH, [{**values, "site_id": site_id, "message_id": message_id}])


async def set_match(tx: Tx, site_id: int, message_id: int, values: Mapping[str, Any]) -> None:
    await note_change_of(tx, site_id, [message_id])
    mine = match.c.site_id == site_id, match.c.message_id == message_id
    before = await tx.scalar(select(match.c.visit_id).where(*mine))
    await forget_hours_of(tx, site_id, {one for one in (before, values.get("visit_id")) if one is not None})
    await tx.execute(update(match).where(*mine).values(**values))


async def list_twins(tx: Tx, stored: Stored, message_id: str | None) -> list[Twin]:
    """Finished letters of the site with the same bytes or the same Message-ID, oldest first."""
    asked = {
        "of_site": stored.site_id, "of_id": stored.id, "of_content": stored.sha256, "of_message_id": message_id,
    }  # fmt: skip
    return [Twin(*row) for row in await tx.fetch(_LIST_TWINS, asked)]


async def list_thread(tx: Tx, site_id: int, message_ids: Sequence[str]) -> list[tuple[str, Earlier]]:
    """Matched letters of the site with one of these Message-IDs, and which; in no order."""
    if not message_ids:
        return []
    rows = await tx.fetch(_LIST_THREAD, {"of_site": site_id, "message_ids": list(message_ids)})
    return [(row[-1], _earlier(row)) for row in rows]


async def list_of_sender(tx: Tx, site_id: int, address: str, before: datetime) -> list[OfSender]:
    """The sender's newest twenty letters that arrived before, in no order. ``address`` in lower case."""
    asked = {"of_site": site_id, "of_sender": address, "before": before}
    rows = await tx.fetch(_LIST_OF_SENDER, asked)
    return [OfSender(row[0], row[1], None if row[2] is None else _earlier(row)) for row in rows]


def _earlier(row: Sequence[Any]) -> Earlier:
    message_id, arrived_at, visit_id, lease_id, confidence, visitor_id, _ = row
    return Earlier(message_id, visit_id, confidence, arrived_at, lease_id, visitor_id)


def _is(site_id: int, message_id: int) -> Any:
    return and_(message.c.site_id == site_id, message.c.id == message_id)
