"""Rows of ``outgoing``: letters that are sent from here, one for its send.

    queued ─▶ claimed for a time ─▶ sent
       ▲            ├─▶ refused      for good: by the mail server, or because the address is not to be mailed
       └─ later ────┴─▶ failed       nobody took it until it expired

``next_at`` is there exactly as long as a letter is queued. A claim sets ``claimed_until`` where it is empty or past, so
two workers never have one letter, and one whose worker died is due again when the claim runs out. When it is over the
letter itself is removed; what became of it stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, update

from wherefrom.db import Prepared, Tx, insert
from wherefrom.outbound.tables import outgoing, sender

State = Literal["queued", "sent", "refused", "failed"]

_COLUMNS = tuple(column.name for column in outgoing.c)
_ONE = outgoing.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """``id`` is the send's. ``raw`` is ASCII, "" when it is over. ``answer``: the mail server's last words."""

    site_id: int
    id: int
    email: str
    message_id: str
    raw: str
    created_at: datetime
    expires_at: datetime
    next_at: datetime | None
    state: State = "queued"
    request_key: str | None = None
    request_digest: str = ""
    attempts: int = 0
    answer: str = ""
    claimed_until: datetime | None = None
    ended_at: datetime | None = None


_ADD = Prepared(outgoing.insert(), of=Outgoing)


class Queue(Struct, frozen=True):
    """The letters of a site that wait, the oldest's time, and when the next is tried."""

    waiting: int
    oldest_at: datetime | None
    next_at: datetime | None


async def append_outgoing(tx: Tx, new: Outgoing) -> bool:
    """False when the site has a letter of this ``request_key`` already; nothing is written then."""
    if new.request_key is None:
        await tx.append(_ADD, [new])
        return True
    values = {name: getattr(new, name) for name in _COLUMNS}
    statement = insert(tx, outgoing).values(values)
    done = await tx.execute(statement.on_conflict_do_nothing(index_elements=["site_id", "request_key"]))
    return bool(done.rowcount)


async def find_outgoing(tx: Tx, site_id: int, send_id: int) -> Outgoing | None:
    """The letter of a send; None when it was not sent from here."""
    return _first(await tx.execute(select(outgoing).where(_ONE.site_id == site_id, _ONE.id == send_id)))


async def find_requested(tx: Tx, site_id: int, key: str) -> Outgoing | None:
    """The letter that was asked for with this Idempotency-Key."""
    return _first(await tx.execute(select(outgoing).where(_ONE.site_id == site_id, _ONE.request_key == key)))


async def list_due_sites(tx: Tx, now: datetime) -> list[tuple[int, int]]:
    """The sites that have a letter which may go now, and an account that may be tried, with its connections."""
    due = select(_ONE.id).where(_ONE.site_id == sender.c.site_id, _free(now)).exists()
    awake = or_(sender.c.quiet_until.is_(None), sender.c.quiet_until <= now)
    rows = await tx.execute(select(sender.c.site_id, sender.c.connections).where(awake, due))
    return [(row.site_id, row.connections) for row in rows]


async def find_next_at(tx: Tx, now: datetime) -> datetime | None:
    """The first moment after ``now`` at which a letter may become due; None when nothing waits for its time."""
    first = (
        select(_ONE.next_at)
        .where(_ONE.site_id == sender.c.site_id, _ONE.next_at > now)
        .order_by(_ONE.next_at)
        .limit(1)
        .correlate(sender)
        .scalar_subquery()
    )
    rows = await tx.execute(select(first.label("next_at"), sender.c.quiet_until))
    moments = [moment for row in rows for moment in (row.next_at, row.quiet_until) if moment is not None]
    return min((moment for moment in moments if moment > now), default=None)


async def list_expired(tx: Tx, now: datetime, limit: int) -> list[Outgoing]:
    """Letters that wait, are on nobody's hands, and should have been given up."""
    query = select(outgoing).where(_free(now), _ONE.expires_at <= now).limit(limit)
    return [Outgoing(**row._mapping) for row in await tx.execute(query)]


async def count_claimed(tx: Tx, site_id: int, now: datetime) -> int:
    """How many of the site's letters are on their way."""
    query = select(func.count()).where(_ONE.site_id == site_id, _ONE.claimed_until > now)
    return int(await tx.scalar(query))


async def claim_outgoing(tx: Tx, site_id: int, now: datetime, until: datetime) -> Outgoing | None:
    """Takes the letter of the site that is due longest, until ``until``; None when there is none that nobody has."""
    first = (
        select(_ONE.id)
        .where(_ONE.site_id == site_id, _free(now))
        .order_by(_ONE.next_at, _ONE.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    send_id = await tx.scalar(first)
    if send_id is None:
        return None
    claim = update(outgoing).where(_ONE.site_id == site_id, _ONE.id == send_id).values(claimed_until=until)
    return _first(await tx.execute(claim.returning(*outgoing.c)))


async def renew_claim(tx: Tx, one: Outgoing, until: datetime) -> None:
    """Keeps a letter that is still on its way."""
    await tx.execute(update(outgoing).where(*_own(one), _ONE.claimed_until.is_not(None)).values(claimed_until=until))


async def release_outgoing(tx: Tx, one: Outgoing, next_at: datetime) -> None:
    """Gives a letter back untried, for ``next_at``."""
    await tx.execute(update(outgoing).where(*_own(one)).values(claimed_until=None, next_at=next_at))


async def record_later(tx: Tx, one: Outgoing, next_at: datetime, answer: str) -> bool:
    """One more try was in vain. False when the letter is over already."""
    values = {"claimed_until": None, "next_at": next_at, "answer": answer, "attempts": one.attempts + 1}
    return bool((await tx.execute(update(outgoing).where(*_own(one)).values(**values))).rowcount)


async def record_end(tx: Tx, one: Outgoing, state: State, answer: str, attempts: int, now: datetime) -> bool:
    """It is over; the letter itself is removed. False when it was over already."""
    values = {
        "state": state, "answer": answer, "attempts": attempts, "raw": "", "next_at": None, "claimed_until": None,
        "ended_at": now,
    }  # fmt: skip
    return bool((await tx.execute(update(outgoing).where(*_own(one)).values(**values))).rowcount)


async def wake_all(tx: Tx, site_id: int, now: datetime) -> None:
    """What waits for a later try may go now."""
    await tx.execute(update(outgoing).where(_ONE.site_id == site_id, _ONE.next_at > now).values(next_at=now))


async def delete_outgoing(tx: Tx, site_id: int, send_ids: Sequence[int]) -> None:
    """Removes the letters of these sends, sent or not: their person is to be forgotten."""
    await tx.execute(delete(outgoing).where(_ONE.site_id == site_id, _ONE.id.in_(send_ids)))


async def count_queue(tx: Tx, site_id: int) -> Queue:
    """What waits at the site."""
    query = select(func.count(), func.min(_ONE.created_at), func.min(_ONE.next_at)).where(
        _ONE.site_id == site_id, _ONE.next_at.is_not(None)
    )
    return Queue(*(await tx.execute(query)).one())


def _free(now: datetime) -> ColumnElement[bool]:
    return and_(_ONE.next_at <= now, or_(_ONE.claimed_until.is_(None), _ONE.claimed_until <= now))


def _own(one: Outgoing) -> tuple[ColumnElement[bool], ...]:
    return _ONE.site_id == one.site_id, _ONE.id == one.id, _ONE.next_at.is_not(None)


def _first(rows: Any) -> Outgoing | None:
    row: Row[Any] | None = rows.first()
    return None if row is None else Outgoing(**row._mapping)
