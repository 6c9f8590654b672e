"""Rows of ``mailbox_grant`` and ``grant_request``.

request   asked ─▶ taken (once, by whoever asked) | run out
grant     ready ─▶ claimed (somebody asks for a token) ─▶ ready with new tokens
                      └─▶ ended: a person must agree anew, which makes it ready again
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from wherefrom.db import Tx, insert
from wherefrom.grants.tables import grant_request, mailbox_grant


@dataclass(frozen=True, slots=True)
class Grant:
    """The columns of the table; tokens and secret sealed."""

    site_id: int
    mailbox_id: int
    provider: str
    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    scopes: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    obtained_at: datetime
    refused: bool
    ended: str
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """Somebody was sent to a provider and is not back yet."""

    site_id: int
    id: int
    state_hash: str
    holder: str
    provider: str
    verifier: str = field(repr=False)
    memo: str = field(repr=False)
    expires_at: datetime


async def find_grant(tx: Tx, site_id: int, mailbox_id: int) -> Grant | None:
    row = (await tx.execute(select(mailbox_grant).where(_is(site_id, mailbox_id)))).first()
    return None if row is None else Grant(**row._mapping)


async def list_grants(tx: Tx, site_id: int) -> dict[int, Grant]:
    """The site's grants by mailbox."""
    rows = await tx.execute(select(mailbox_grant).where(mailbox_grant.c.site_id == site_id))
    return {row.mailbox_id: Grant(**row._mapping) for row in rows}


async def set_grant(tx: Tx, site_id: int, mailbox_id: int, values: Mapping[str, Any]) -> None:
    """Puts a whole grant into the place of whichever the mailbox had."""
    add = insert(tx, mailbox_grant).values(site_id=site_id, mailbox_id=mailbox_id, **values)
    await tx.execute(add.on_conflict_do_update(index_elements=["site_id", "mailbox_id"], set_=dict(values)))


async def delete_grant(tx: Tx, site_id: int, mailbox_id: int) -> None:
    await tx.execute(delete(mailbox_grant).where(_is(site_id, mailbox_id)))


async def claim_grant(tx: Tx, seen: Grant, now: datetime, until: datetime) -> bool:
    """Takes the right to ask for a new token in the place of the one that was ``seen``; False when somebody else has
    it, or has got one by now. A provider may end a grant whose refresh token is used twice."""
    free = or_(mailbox_grant.c.claimed_until.is_(None), mailbox_grant.c.claimed_until < now)
    done = await tx.execute(update(mailbox_grant).where(*_unchanged(seen), free).values(claimed_until=until))
    return bool(done.rowcount)


async def record_tokens(tx: Tx, seen: Grant, values: Mapping[str, Any]) -> bool:
    """Writes what came for the claimed grant, and ends the claim; False when it was connected anew meanwhile."""
    done = await tx.execute(update(mailbox_grant).where(*_unchanged(seen)).values(claimed_until=None, **values))
    return bool(done.rowcount)


async def mark_ended(tx: Tx, seen: Grant, why: str) -> bool:
    """No more tokens come; False when it was connected anew, or removed, meanwhile."""
    done = await tx.execute(update(mailbox_grant).where(*_unchanged(seen)).values(claimed_until=None, ended=why))
    return bool(done.rowcount)


async def mark_accepted(tx: Tx, seen: Grant) -> None:
    """The mail server took the token."""
    await tx.execute(update(mailbox_grant).where(*_unchanged(seen)).values(refused=False))


async def add_request(tx: Tx, new: GrantRequest) -> None:
    await tx.execute(grant_request.insert().values({name: getattr(new, name) for name in GrantRequest.__slots__}))


async def delete_requests(tx: Tx, now: datetime) -> int:
    """Forgets what has run out, on all sites; how many."""
    return int((await tx.execute(delete(grant_request).where(grant_request.c.expires_at < now))).rowcount)


async def find_request(tx: Tx, site_id: int, state_hash: str) -> GrantRequest | None:
    where = grant_request.c.site_id == site_id, grant_request.c.state_hash == state_hash
    row = (await tx.execute(select(grant_request).where(*where))).first()
    return None if row is None else GrantRequest(**row._mapping)


async def take_request(tx: Tx, seen: GrantRequest) -> bool:
    """Uses it up; False when somebody was quicker."""
    where = grant_request.c.site_id == seen.site_id, grant_request.c.id == seen.id
    return bool((await tx.execute(delete(grant_request).where(*where))).rowcount)


def _unchanged(seen: Grant) -> tuple[ColumnElement[bool], ...]:
    """Sealing never gives the same text twice, so that equal text is the same token."""
    return (
        _is(seen.site_id, seen.mailbox_id),
        mailbox_grant.c.access_token == seen.access_token,
        mailbox_grant.c.refresh_token == seen.refresh_token,
        mailbox_grant.c.ended == "",
    )


def _is(site_id: int, mailbox_id: int) -> ColumnElement[bool]:
    return and_(mailbox_grant.c.site_id == site_id, mailbox_grant.c.mailbox_id == mailbox_id)
