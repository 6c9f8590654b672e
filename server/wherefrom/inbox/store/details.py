"""One message with everything that is known of it; its attachments; where its bytes are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import select

from wherefrom.db import Tx
from wherefrom.errors import NotFound
from wherefrom.inbox.store.rows import HistoryRow, find_row
from wherefrom.inbox.tables import attachment, match, message, message_address


class MessageAddress(Struct, frozen=True):
    """A receiver: the header it stood in, the address, the name beside it."""

    role: str
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """A file of a message; ``sha256`` names its blob. ``number`` counts from 1."""

    number: int
    name: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str


class CandidateRow(Struct, frozen=True):
    visit_id: int
    rule: str
    confidence: float
    reason: str


class MessageDetail(Struct, frozen=True):
    """``row`` as in the history; ``text`` whole; ``has_html`` tells whether the original has HTML to show;
    ``reasons`` the answering rule's first; ``candidates`` the answer first, then the runners-up."""

    row: HistoryRow
    mailbox_id: int
    uid: int
    sha256: str
    stored_at: datetime
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    text: str
    has_html: bool
    defects: tuple[str, ...]
    duplicate_of: int | None
    addresses: tuple[MessageAddress, ...]
    attachments: tuple[StoredAttachment, ...]
    lease_id: int | None
    matched_at: datetime | None
    reasons: tuple[str, ...]
    candidates: tuple[CandidateRow, ...]


async def get_message(tx: Tx, site_id: int, message_id: int) -> MessageDetail:
    """The message whatever its status; NotFound without it."""
    row = await find_row(tx, site_id, message_id)
    if row is None:
        raise NotFound(f"there is no message {message_id}", hint="the history lists the site's messages")
    query = select(
        message.c.mailbox_id, message.c.uid, message.c.sha256, message.c.stored_at, message.c.message_id,
        message.c.in_reply_to, message.c.references, message.c.text, message.c.has_html, message.c.defects,
        message.c.duplicate_of,
    ).where(message.c.site_id == site_id, message.c.id == message_id)  # fmt: skip
    values: dict[str, Any] = dict((await tx.execute(query)).one()._mapping)
    values["references"] = tuple(values["references"] or ())
    values["defects"] = tuple(values["defects"] or ())
    return MessageDetail(
        row=row,
        addresses=await _list_addresses(tx, site_id, message_id),
        attachments=await list_attachments(tx, site_id, message_id),
        **values,
        **await _match(tx, site_id, message_id),
    )


async def find_bytes(tx: Tx, site_id: int, message_id: int) -> tuple[str, bool] | None:
    """The SHA-256 of the raw letter, and whether it was cut off at the size limit."""
    query = select(message.c.sha256, message.c.truncated)
    row = (await tx.execute(query.where(message.c.site_id == site_id, message.c.id == message_id))).first()
    return (row.sha256, row.truncated) if row else None


async def list_attachments(tx: Tx, site_id: int, message_id: int) -> tuple[StoredAttachment, ...]:
    """The message's files, by number."""
    query = _attachments(site_id, message_id).order_by(attachment.c.number)
    return tuple(StoredAttachment(**row._mapping) for row in (await tx.execute(query)).all())


async def find_attachment(tx: Tx, site_id: int, message_id: int, number: int) -> StoredAttachment | None:
    query = _attachments(site_id, message_id).where(attachment.c.number == number)
    row = (await tx.execute(query)).first()
    return StoredAttachment(**row._mapping) if row else None


def _attachments(site_id: int, message_id: int) -> Any:
    return select(
        attachment.c.number, attachment.c.name, attachment.c.content_type, attachment.c.size, attachment.c.sha256,
        attachment.c.inline, attachment.c.content_id,
    ).where(attachment.c.site_id == site_id, attachment.c.message_id == message_id)  # fmt: skip


async def _list_addresses(tx: Tx, site_id: int, message_id: int) -> tuple[MessageAddress, ...]:
    query = (
        select(message_address.c.role, message_address.c.address, message_address.c.name)
        .where(message_address.c.site_id == site_id, message_address.c.message_id == message_id)
        .order_by(message_address.c.number)
    )
    return tuple(MessageAddress(*row) for row in (await tx.execute(query)).all())


async def _match(tx: Tx, site_id: int, message_id: int) -> dict[str, Any]:
    query = select(match.c.lease_id, match.c.matched_at, match.c.reasons, match.c.candidates)
    row = (await tx.execute(query.where(match.c.site_id == site_id, match.c.message_id == message_id))).first()
    if row is None:
        return {"lease_id": None, "matched_at": None, "reasons": (), "candidates": ()}
    return {
        "lease_id": row.lease_id,
        "matched_at": row.matched_at,
        "reasons": tuple(row.reasons),
        "candidates": tuple(
            CandidateRow(int(one["visit_id"]), one["rule"], one["confidence"], one["reason"]) for one in row.candidates
        ),
    }
