"""Rows of ``bounce``: what came back of letters. Appended, never altered."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select

from wherefrom.contacts.tables import contact
from wherefrom.db import Tx
from wherefrom.outbound.bounce import QUEUE_LIFE, Weight
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.sends import Sent
from wherefrom.outbound.tables import bounce, send, suppression

Proof = Literal["return-path", "token", "server", "address"]
PROOFS: tuple[Proof, ...] = get_args(Proof)
"""What shows that it is of this letter: it came to the letter's own return path · what it returns carries a signed
address of ours · we were told when we handed the letter in · nothing but the address, so that nothing is done."""

COMPLAINT = "complaint"
"""Stands where a bounce has its weight."""

_COLUMNS = tuple(column.name for column in bounce.c)
_FAILING = (SendStatus.ACCEPTED.value, SendStatus.REJECTED.value, SendStatus.FAILED.value)


class Bounce(Struct, frozen=True, kw_only=True):
    """What was told of one letter. ``weight`` is a ``Weight`` or COMPLAINT; ``reason`` why it has that weight;
    ``detail`` the other server's words; ``ended``: mail to the address was ended by it. ``message_id`` is the letter
    that told it, None when a server refused ours at once."""

    site_id: int
    id: int
    send_id: int
    contact_id: int
    email: str
    weight: str
    code: str
    reason: str
    detail: str
    proof: Proof
    ended: bool
    message_id: int | None
    happened_at: datetime
    told_at: datetime


async def append_bounce(tx: Tx, new: Bounce) -> None:
    await tx.execute(bounce.insert().values({name: getattr(new, name) for name in _COLUMNS}))


async def list_bounces(
    tx: Tx, site_id: int, *, limit: int, before: int | None = None, email: str | None = None,
    send_id: int | None = None, weight: str | None = None,
) -> list[Bounce]:  # fmt: skip
    """The newest first, those with a lower id than ``before``."""
    query = select(bounce).where(bounce.c.site_id == site_id)
    for column, value in ((bounce.c.email, email), (bounce.c.send_id, send_id), (bounce.c.weight, weight)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(bounce.c.id < before)
    return [Bounce(**row._mapping) for row in await tx.execute(query.order_by(bounce.c.id.desc()).limit(limit))]


async def list_soft_failures(tx: Tx, sent: Sent, email: str, now: datetime) -> list[datetime]:
    """When letters to the address failed softly, once a letter and without ``sent`` itself, since the last one that is
    known to have arrived (a person opened it, a server says so, or nothing came back while servers still try) and since
    somebody last decided that the address takes mail again."""
    arrived = await find_last_arrived(tx, sent.site_id, sent.contact_id, now)
    undone = await _last_undone(tx, sent.site_id, email)
    query = (
        select(func.min(bounce.c.happened_at))
        .where(
            bounce.c.site_id == sent.site_id,
            bounce.c.email == email,
            bounce.c.send_id != sent.id,
            bounce.c.weight == Weight.SOFT.value,
            bounce.c.proof != "address",
        )
        .group_by(bounce.c.send_id)
        .order_by(func.min(bounce.c.happened_at).desc())
        .limit(100)
    )
    if arrived is not None:
        query = query.where(bounce.c.send_id > arrived)
    if undone is not None:
        query = query.where(bounce.c.told_at > undone)
    return [row[0] for row in await tx.execute(query)]


async def find_recent_send(tx: Tx, site_id: int, email: str, since: datetime) -> tuple[int, int] | None:
    """Send and contact of the last letter to the address that was made from ``since`` on."""

    its_contact = and_(contact.c.site_id == send.c.site_id, contact.c.id == send.c.contact_id)
    query = (
        select(send.c.id, send.c.contact_id)
        .join(contact, its_contact)
        .where(send.c.site_id == site_id, contact.c.email == email, send.c.created_at >= since)
        .order_by(send.c.id.desc())
    )
    row = (await tx.execute(query.limit(1))).first()
    return None if row is None else (row[0], row[1])


async def find_last_arrived(tx: Tx, site_id: int, contact_id: int, now: datetime) -> int | None:
    """The id, which grows with time, of the contact's last send that is known to have arrived."""
    taken: ColumnElement[bool] = send.c.status == SendStatus.DELIVERED.value
    told = exists().where(
        bounce.c.site_id == send.c.site_id,
        bounce.c.send_id == send.c.id,
        bounce.c.weight == Weight.DELIVERED.value,
        bounce.c.proof != "address",
    )
    settled = or_(not_(taken), send.c.created_at < now - QUEUE_LIFE, told)
    query = select(func.max(send.c.id)).where(
        send.c.site_id == site_id, send.c.contact_id == contact_id, send.c.status.not_in(_FAILING), settled
    )
    found: int | None = (await tx.execute(query)).scalar_one()
    return found


async def _last_undone(tx: Tx, site_id: int, email: str) -> datetime | None:
    query = select(func.max(suppression.c.undone_at)).where(
        suppression.c.site_id == site_id, suppression.c.email == email, suppression.c.reason == "bounced"
    )
    found: datetime | None = (await tx.execute(query)).scalar_one()
    return found
